/* hold.h -- functions that keep a pointer in one register and nowhere else. In assembler: a
 * compiler keeps it where it likes.
 *
 *   hold_R(call, arg, hidden)           reveals the pointer in register R, a callee-saved one, for
 *                                       the time of call(arg); returns it
 *   section_R(t, wait, arg, hidden)     the same for the time of lull_blocking_begin(t); from then
 *                                       on, during wait(arg), it is hidden again
 *   spin_R(go_on, hidden, ready)        reveals it in any register R, sets *ready, and spins until
 *                                       *go_on is not 0; returns it
 *
 * HOLDERS, SPINNERS: X(R) for each register. Included by one file a program. */
#ifndef LULL_TESTS_HOLD_H
#define LULL_TESTS_HOLD_H

#include "mutators.h"

#if defined(__x86_64__)

#define HOLDERS(X) X(rbx) X(rbp) X(r12) X(r13) X(r14) X(r15)
#define SPINNERS(X)                                                                              \
    X(rax) X(rbx) X(rcx) X(rdx) X(rsi) X(rdi) X(rbp) X(r8) X(r9) X(r12) X(r13) X(r14) X(r15)    \
    X(xmm0) X(xmm7) X(xmm15)

/* clang-format off */
#define HOLD_FUNCTIONS(R)                                                                        \
    __asm__(".text\n"                                                                            \
            "hold_" #R ":\n\t"                                                                   \
            "push %" #R "\n\t"                                                                   \
            "mov %rdx, %" #R "\n\t"                                                              \
            "not %" #R "\n\t"                                                                    \
            "xor %edx, %edx\n\t"                                                                 \
            "mov %rdi, %rax\n\t"                                                                 \
            "mov %rsi, %rdi\n\t"                                                                 \
            "call *%rax\n\t"                                                                     \
            "mov %" #R ", %rax\n\t"                                                              \
            "pop %" #R "\n\t"                                                                    \
            "ret\n"                                                                              \
            "section_" #R ":\n\t"                                                                \
            "push %" #R "\n\t"                                                                   \
            "sub $16, %rsp\n\t"                                                                  \
            "mov %rsi, (%rsp)\n\t"                                                               \
            "mov %rdx, 8(%rsp)\n\t"                                                              \
            "mov %rcx, %" #R "\n\t"                                                              \
            "not %" #R "\n\t"                                                                    \
            "xor %ecx, %ecx\n\t"                                                                 \
            "call lull_blocking_begin@PLT\n\t"                                                   \
            "not %" #R "\n\t"                                                                    \
            "mov 8(%rsp), %rdi\n\t"                                                              \
            "call *(%rsp)\n\t"                                                                   \
            "mov %" #R ", %rax\n\t"                                                              \
            "not %rax\n\t"                                                                       \
            "add $16, %rsp\n\t"                                                                  \
            "pop %" #R "\n\t"                                                                    \
            "ret\n");

#define REVEAL_rax "mov %rsi, %rax\n\tnot %rax\n\t"
#define REVEAL_rbx "mov %rsi, %rbx\n\tnot %rbx\n\t"
#define REVEAL_rcx "mov %rsi, %rcx\n\tnot %rcx\n\t"
#define REVEAL_rdx "mov %rsi, %rdx\n\tnot %rdx\n\t"
#define REVEAL_rsi "not %rsi\n\t"
#define REVEAL_rdi "mov %rsi, %rdi\n\tnot %rdi\n\t"
#define REVEAL_rbp "mov %rsi, %rbp\n\tnot %rbp\n\t"
#define REVEAL_r8  "mov %rsi, %r8\n\tnot %r8\n\t"
#define REVEAL_r9  "mov %rsi, %r9\n\tnot %r9\n\t"
#define REVEAL_r12 "mov %rsi, %r12\n\tnot %r12\n\t"
#define REVEAL_r13 "mov %rsi, %r13\n\tnot %r13\n\t"
#define REVEAL_r14 "mov %rsi, %r14\n\tnot %r14\n\t"
#define REVEAL_r15 "mov %rsi, %r15\n\tnot %r15\n\t"
#define REVEAL_xmm(n) "not %rsi\n\tmovq %rsi, %xmm" #n "\n\txor %esi, %esi\n\t"
#define REVEAL_xmm0  REVEAL_xmm(0)
#define REVEAL_xmm7  REVEAL_xmm(7)
#define REVEAL_xmm15 REVEAL_xmm(15)

#define SPIN_FUNCTION(R)                                                                         \
    __asm__(".text\n"                                                                            \
            "spin_" #R ":\n\t"                                                                   \
            "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"     \
            "mov %rdi, %r10\n\t"                                                                 \
            "mov %rdx, %r11\n\t"                                                                 \
            REVEAL_##R                                                                           \
            "movl $1, (%r11)\n"                                                                  \
            "1:\tpause\n\t"                                                                      \
            "cmpl $0, (%r10)\n\t"                                                                \
            "je 1b\n\t"                                                                          \
            "movq %" #R ", %rax\n\t"                                                             \
            "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\t"           \
            "ret\n");

#elif defined(__aarch64__)

#define HOLDERS(X)                                                                               \
    X(x19) X(x20) X(x21) X(x22) X(x23) X(x24) X(x25) X(x26) X(x27) X(x28)                        \
    X(d8) X(d9) X(d10) X(d11) X(d12) X(d13) X(d14) X(d15)
#define SPINNERS(X)                                                                              \
    X(x0) X(x1) X(x2) X(x3) X(x8) X(x9) X(x15) X(x17) X(x19) X(x20) X(x27) X(x28) X(x30)         \
    X(d0) X(d7) X(d8) X(d15) X(d31)

/* fmov moves between x and d registers; `to` and `from` are one of each, or both x */
#define MOVE_x19 "mov"
#define MOVE_x20 "mov"
#define MOVE_x21 "mov"
#define MOVE_x22 "mov"
#define MOVE_x23 "mov"
#define MOVE_x24 "mov"
#define MOVE_x25 "mov"
#define MOVE_x26 "mov"
#define MOVE_x27 "mov"
#define MOVE_x28 "mov"
#define MOVE_x0  "mov"
#define MOVE_x1  "mov"
#define MOVE_x2  "mov"
#define MOVE_x3  "mov"
#define MOVE_x8  "mov"
#define MOVE_x9  "mov"
#define MOVE_x15 "mov"
#define MOVE_x17 "mov"
#define MOVE_x30 "mov"
#define MOVE_d0  "fmov"
#define MOVE_d7  "fmov"
#define MOVE_d8  "fmov"
#define MOVE_d9  "fmov"
#define MOVE_d10 "fmov"
#define MOVE_d11 "fmov"
#define MOVE_d12 "fmov"
#define MOVE_d13 "fmov"
#define MOVE_d14 "fmov"
#define MOVE_d15 "fmov"
#define MOVE_d31 "fmov"

#define SAVE_ALL                                                                                 \
    "stp x29, x30, [sp, #-192]!\n\t"                                                             \
    "stp x19, x20, [sp, #16]\n\tstp x21, x22, [sp, #32]\n\tstp x23, x24, [sp, #48]\n\t"          \
    "stp x25, x26, [sp, #64]\n\tstp x27, x28, [sp, #80]\n\tstp d8, d9, [sp, #96]\n\t"            \
    "stp d10, d11, [sp, #112]\n\tstp d12, d13, [sp, #128]\n\tstp d14, d15, [sp, #144]\n\t"
#define RESTORE_ALL                                                                              \
    "ldp x19, x20, [sp, #16]\n\tldp x21, x22, [sp, #32]\n\tldp x23, x24, [sp, #48]\n\t"          \
    "ldp x25, x26, [sp, #64]\n\tldp x27, x28, [sp, #80]\n\tldp d8, d9, [sp, #96]\n\t"            \
    "ldp d10, d11, [sp, #112]\n\tldp d12, d13, [sp, #128]\n\tldp d14, d15, [sp, #144]\n\t"       \
    "ldp x29, x30, [sp], #192\n\tret\n"

#define HOLD_FUNCTIONS(R)                                                                        \
    __asm__(".text\n"                                                                            \
            "hold_" #R ":\n\t" SAVE_ALL                                                          \
            "mvn x2, x2\n\t" MOVE_##R " " #R ", x2\n\t"                                          \
            "mov x2, #0\n\t"                                                                     \
            "mov x3, x0\n\t"                                                                     \
            "mov x0, x1\n\t"                                                                     \
            "blr x3\n\t"                                                                         \
            MOVE_##R " x0, " #R "\n\t" RESTORE_ALL                                               \
            "section_" #R ":\n\t" SAVE_ALL                                                       \
            "stp x1, x2, [sp, #160]\n\t"                                                         \
            "mvn x3, x3\n\t" MOVE_##R " " #R ", x3\n\t"                                          \
            "mov x3, #0\n\t"                                                                     \
            "bl lull_blocking_begin\n\t"                                                         \
            MOVE_##R " x3, " #R "\n\tmvn x3, x3\n\t" MOVE_##R " " #R ", x3\n\t"                  \
            "ldp x1, x0, [sp, #160]\n\t"                                                         \
            "blr x1\n\t"                                                                         \
            MOVE_##R " x0, " #R "\n\tmvn x0, x0\n\t" RESTORE_ALL);

#define SPIN_FUNCTION(R)                                                                         \
    __asm__(".text\n"                                                                            \
            "spin_" #R ":\n\t" SAVE_ALL                                                          \
            "mov x10, x0\n\t"                                                                    \
            "mov x11, x2\n\t"                                                                    \
            "mvn x12, x1\n\t"                                                                    \
            MOVE_##R " " #R ", x12\n\t"                                                          \
            "mov x12, #1\n\t"                                                                    \
            "stlr w12, [x11]\n"                                                                  \
            "1:\tldar w12, [x10]\n\t"                                                            \
            "cbz w12, 1b\n\t"                                                                    \
            MOVE_##R " x0, " #R "\n\t" RESTORE_ALL);

#endif
/* clang-format on */

#define DECLARE_HOLD(R)                                                                          \
    void *hold_##R(void (*call)(void *), void *arg, hidden object);                              \
    void *section_##R(lull_thread *t, void (*wait)(void *), void *arg, hidden object);           \
    HOLD_FUNCTIONS(R)
#define DECLARE_SPIN(R)                                                                          \
    void *spin_##R(atomic_uint *go_on, hidden object, atomic_uint *ready);                       \
    SPIN_FUNCTION(R)

HOLDERS(DECLARE_HOLD)
SPINNERS(DECLARE_SPIN)

#define HOLD_ENTRY(R)    {#R, hold_##R, section_##R},
#define SPIN_ENTRY(R)    {#R, spin_##R},

static const struct holder {
    const char *name;
    void *(*hold)(void (*call)(void *), void *arg, hidden object);
    void *(*section)(lull_thread *t, void (*wait)(void *), void *arg, hidden object);
} holders[] = {HOLDERS(HOLD_ENTRY)};

static const struct spinner_of {
    const char *name;
    void *(*spin)(atomic_uint *go_on, hidden object, atomic_uint *ready);
} spinners[] = {SPINNERS(SPIN_ENTRY)};

#endif
