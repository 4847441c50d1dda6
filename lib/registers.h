/* registers.h -- the callee-saved registers and the stack pointer, per processor.
 *
 * setjmp is no way to get them: the C library may mangle what it stores. The asm stores the
 * registers that a callee must preserve; every other one is in a frame of a caller by the time
 * the library runs. On AArch64 the low halves of v8 to v15 are preserved too, and compilers do
 * keep pointers in them. */
#ifndef LULL__REGISTERS_H
#define LULL__REGISTERS_H

#include "base.h"

#define LULL__REGISTERS 24

#if defined(__x86_64__)
#define LULL__STORE_REGISTERS(a)                                                                 \
    __asm__ volatile("movq %%rbx, 0(%0)\n\tmovq %%rbp, 8(%0)\n\tmovq %%r12, 16(%0)\n\t"         \
                     "movq %%r13, 24(%0)\n\tmovq %%r14, 32(%0)\n\tmovq %%r15, 40(%0)"            \
                     :                                                                           \
                     : "r"(a)                                                                    \
                     : "memory")
#define LULL__STACK_POINTER(sp) __asm__ volatile("movq %%rsp, %0" : "=r"(sp))
#elif defined(__aarch64__)
#define LULL__STORE_REGISTERS(a)                                                                 \
    __asm__ volatile("stp x19, x20, [%0]\n\tstp x21, x22, [%0, #16]\n\t"                         \
                     "stp x23, x24, [%0, #32]\n\tstp x25, x26, [%0, #48]\n\t"                    \
                     "stp x27, x28, [%0, #64]\n\tstp x29, x30, [%0, #80]\n\t"                    \
                     "stp d8, d9, [%0, #96]\n\tstp d10, d11, [%0, #112]\n\t"                     \
                     "stp d12, d13, [%0, #128]\n\tstp d14, d15, [%0, #144]"                      \
                     :                                                                           \
                     : "r"(a)                                                                    \
                     : "memory")
#define LULL__STACK_POINTER(sp) __asm__ volatile("mov %0, sp" : "=r"(sp))
#endif

#endif
