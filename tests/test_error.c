/* test_error.c -- the last failure of a thread, in code and in words. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "suite.h"

START_TEST(nothing_failed_yet)
{
    ck_assert_int_eq(lull_error(), LULL_OK);
    ck_assert_str_eq(lull_error_message(), "no error");
}
END_TEST

START_TEST(a_failure_leaves_code_and_words)
{
    ck_assert_int_eq(
        lull__fail(LULL_E_SIZE, "%s is %d; allowed are %u to %zu", "count", -7, 1u, (size_t)9),
        LULL_E_SIZE);
    ck_assert_int_eq(lull_error(), LULL_E_SIZE);
    ck_assert_str_eq(lull_error_message(), "count is -7; allowed are 1 to 9");
    lull__fail(LULL_E_BUSY, "busy");
    ck_assert_int_eq(lull_error(), LULL_E_BUSY);
    ck_assert_str_eq(lull_error_message(), "busy");
}
END_TEST

START_TEST(errno_is_left_alone)
{
    errno = EXDEV;
    lull__fail(LULL_E_INVALID, "%ls", L"\x7fffffff"); /* no character: EILSEQ from printf */
    ck_assert_int_eq(errno, EXDEV);
}
END_TEST

/* A message that fits is whole, to the last byte; one byte more, and it is cut. */
START_TEST(long_messages_are_cut)
{
    char text[2 * LULL__ERROR_MESSAGE_BYTES];

    memset(text, 'x', sizeof(text));
    text[LULL__ERROR_MESSAGE_BYTES - 1] = '\0';
    lull__fail(LULL_E_INVALID, "%s", text);
    ck_assert_str_eq(lull_error_message(), text);

    text[LULL__ERROR_MESSAGE_BYTES - 1] = 'x';
    for (size_t length = LULL__ERROR_MESSAGE_BYTES; length < sizeof(text); length += 255) {
        text[length] = '\0';
        lull__fail(LULL_E_INVALID, "%s", text);
        ck_assert_uint_eq(strlen(lull_error_message()), LULL__ERROR_MESSAGE_BYTES - 1);
        ck_assert_str_eq(lull_error_message() + LULL__ERROR_MESSAGE_BYTES - 5, "x...");
        text[length] = 'x';
    }
}
END_TEST

static void *fail_elsewhere(void *arg)
{
    (void)arg;
    ck_assert_int_eq(lull_error(), LULL_OK);
    lull__fail(LULL_E_THREAD, "elsewhere");
    ck_assert_str_eq(lull_error_message(), "elsewhere");
    return NULL;
}

START_TEST(each_thread_has_its_own)
{
    pthread_t thread;

    lull__fail(LULL_E_STATE, "here");
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_int_eq(lull_error(), LULL_E_STATE);
    ck_assert_str_eq(lull_error_message(), "here");
}
END_TEST

START_TEST(each_code_has_its_sentence)
{
    for (int code = LULL_OK; code <= LULL_E_UNSUPPORTED; code++) {
        const char *text = lull_strerror(code);

        ck_assert_str_ne(text, "unknown error");
        ck_assert_uint_gt(strlen(text), 0);
        ck_assert_int_ne(text[strlen(text) - 1], '.');
        for (int other = LULL_OK; other < code; other++) {
            ck_assert_str_ne(text, lull_strerror(other));
        }
    }
    ck_assert_str_eq(lull_strerror(LULL_E_UNSUPPORTED + 1), "unknown error");
    ck_assert_str_eq(lull_strerror(-1), "unknown error");
}
END_TEST

START_TEST(the_version_is_that_of_the_header)
{
    int major, minor, patch, end = 0;

    ck_assert_int_eq(sscanf(lull_version(), "%d.%d.%d%n", &major, &minor, &patch, &end), 3);
    ck_assert_int_eq(lull_version()[end], '\0');
    ck_assert_int_eq(major, LULL_VERSION_MAJOR);
    ck_assert_int_eq(minor, LULL_VERSION_MINOR);
    ck_assert_int_eq(patch, LULL_VERSION_PATCH);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *errors = tcase_create("errors");

    tcase_add_test(errors, nothing_failed_yet);
    tcase_add_test(errors, a_failure_leaves_code_and_words);
    tcase_add_test(errors, errno_is_left_alone);
    tcase_add_test(errors, long_messages_are_cut);
    tcase_add_test(errors, each_thread_has_its_own);
    tcase_add_test(errors, each_code_has_its_sentence);
    tcase_add_test(errors, the_version_is_that_of_the_header);
    suite_add_tcase(suite, errors);
    return support_run_suite(suite);
}
