# lull_compiler.m4 -- questions to the compiler and the linker.

# LULL_APPEND_IF_ACCEPTED(VARIABLE, FLAG...)
# Appends to VARIABLE each of the compiler flags in the blank-separated list that the compiler
# takes without a warning.
AC_DEFUN([LULL_APPEND_IF_ACCEPTED], [
  AC_LANG_ASSERT([C])
  for lull_flag in $2; do
    AS_VAR_PUSHDEF([lull_cache], [lull_cv_accepts_$lull_flag])
    AC_CACHE_CHECK([whether $CC accepts $lull_flag], [lull_cache], [
      lull_saved_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -Werror $lull_flag"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
        [AS_VAR_SET([lull_cache], [yes])], [AS_VAR_SET([lull_cache], [no])])
      CFLAGS=$lull_saved_CFLAGS
    ])
    AS_VAR_IF([lull_cache], [yes], [AS_VAR_APPEND([$1], [" $lull_flag"])])
    AS_VAR_POPDEF([lull_cache])
  done
])

# LULL_LINKER_FLAG(VARIABLE, DESCRIPTION, FLAG)
# Sets VARIABLE to FLAG where a program links with it, to nothing otherwise.
AC_DEFUN([LULL_LINKER_FLAG], [
  AC_LANG_ASSERT([C])
  AC_CACHE_CHECK([whether the linker accepts $2], [lull_cv_linker_$1], [
    lull_saved_LDFLAGS=$LDFLAGS
    LDFLAGS="$LDFLAGS $3"
    AC_LINK_IFELSE([AC_LANG_PROGRAM()], [lull_cv_linker_$1=yes], [lull_cv_linker_$1=no])
    LDFLAGS=$lull_saved_LDFLAGS
  ])
  AS_IF([test "$lull_cv_linker_$1" = yes], [$1="$3"], [$1=])
  AC_SUBST([$1])
])
