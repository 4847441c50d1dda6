/* suite.h -- how every suite of Check's is run. */
#ifndef LULL_TESTS_SUITE_H
#define LULL_TESTS_SUITE_H

#include <check.h>

/* Runs a suite; the status for main to return. */
static inline int support_run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* The same, of one case. */
static inline int support_run(Suite *suite, TCase *tests)
{
    suite_add_tcase(suite, tests);
    return support_run_suite(suite);
}

#endif
