/* options.c -- defaults, checks and environment of a heap's options; see options.h.
 *
 * Three steps: what the program gave is checked (LULL_E_INVALID), each variable that is set is
 * parsed into the same options, and its value checked by the same bounds (LULL_E_ENVIRONMENT). */
#define _GNU_SOURCE /* secure_getenv */
#include "options.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"
#include "error.h"

#define ALL_DEBUG                                                                                  \
    (LULL_DEBUG_VERIFY | LULL_DEBUG_SCRIBBLE | LULL_DEBUG_STRESS | LULL_DEBUG_POOLS)

void lull_options_init(lull_options *options)
{
    memset(options, 0, sizeof(*options)); /* the padding too: options can be compared as bytes */
    options->struct_size = sizeof(*options);
    options->mode = LULL_MODE_CONCURRENT;
    options->gc_percent = 100;
    options->heap_min = LULL__HEAP_MIN_DEFAULT;
    options->use_environment = 1;
    options->pointer_mask = UINTPTR_MAX;
}

/* ---- what the program gave ---- */

/* Signals that report an error of the program itself, or that cannot be caught. */
static bool signal_is_unfit(int number)
{
    static const int unfit[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
        if (number == unfit[i]) {
            return true;
        }
    }
    return false;
}

static int check_bits(const lull_options *o)
{
    if ((o->debug & ~(unsigned)ALL_DEBUG) != 0) {
        return lull__fail(LULL_E_INVALID, "debug is 0x%x; allowed are LULL_DEBUG_* bits, 0x%x",
                          o->debug, (unsigned)ALL_DEBUG);
    }
    if (o->pointer_mask == 0) {
        return lull__fail(LULL_E_INVALID, "pointer_mask is 0; allowed is any other value");
    }
    if ((o->tag_value & ~o->tag_mask) != 0) {
        return lull__fail(LULL_E_INVALID, "tag_value is 0x%zx; allowed are bits of tag_mask, 0x%zx",
                          (size_t)o->tag_value, (size_t)o->tag_mask);
    }
    return LULL_OK;
}

static int check_given(const lull_options *o)
{
    if (o->struct_size != sizeof(*o)) {
        return lull__fail(LULL_E_INVALID,
                          "struct_size is %zu; allowed is %zu, as lull_options_init sets it",
                          o->struct_size, sizeof(*o));
    }
    if ((unsigned)o->mode > LULL_MODE_OFF) {
        return lull__fail(LULL_E_INVALID,
                          "mode is %d; allowed are LULL_MODE_CONCURRENT, "
                          "LULL_MODE_INCREMENTAL, LULL_MODE_STOP and LULL_MODE_OFF",
                          (int)o->mode);
    }
    if (o->gc_percent != LULL_PERCENT_OFF &&
        (o->gc_percent < 0 || o->gc_percent > LULL__PERCENT_MAX)) {
        return lull__fail(LULL_E_INVALID,
                          "gc_percent is %d; allowed are 0 to %d and LULL_PERCENT_OFF",
                          o->gc_percent, LULL__PERCENT_MAX);
    }
    if (o->reserve != 0 && (o->reserve < LULL__RESERVE_MIN || o->reserve > LULL__RESERVE_MAX)) {
        return lull__fail(LULL_E_INVALID, "reserve is %zu; allowed are 0 and %zu to %zu",
                          o->reserve, LULL__RESERVE_MIN, LULL__RESERVE_MAX);
    }
    if (o->markers < 0 || o->markers > LULL__MARKERS_MAX) {
        return lull__fail(LULL_E_INVALID, "markers is %d; allowed are 0 to %d", o->markers,
                          LULL__MARKERS_MAX);
    }
    if (o->stop_signal < -1 || o->stop_signal > SIGRTMAX || signal_is_unfit(o->stop_signal)) {
        return lull__fail(LULL_E_INVALID,
                          "stop_signal is %d; allowed are -1, 0 and signals to %d that a program "
                          "can catch and that report no error",
                          o->stop_signal, SIGRTMAX);
    }
    return check_bits(o);
}

/* ---- values of the environment ---- */

/* Reads decimal digits up to `max`; *text moves behind them. False: none, or more than max. */
static bool parse_digits(const char **text, size_t max, size_t *value)
{
    const char *at = *text;
    size_t sum = 0;

    if (*at < '0' || *at > '9') {
        return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        size_t digit = (size_t)(*at - '0');

        if (digit > max || sum > (max - digit) / 10) {
            return false;
        }
        sum = sum * 10 + digit;
    }
    *text = at;
    *value = sum;
    return true;
}

static bool parse_int(const char *text, int max, int *value)
{
    size_t number;

    if (!parse_digits(&text, (size_t)max, &number) || *text != '\0') {
        return false;
    }
    *value = (int)number;
    return true;
}

/* The power of two of a unit's name, 0 for an empty one; -1: no unit. */
static int unit_shift(const char *unit)
{
    static const struct {
        const char *brief, *full;
    } units[] = {{"k", "kib"}, {"m", "mib"}, {"g", "gib"}, {"t", "tib"}};

    if (*unit == '\0') {
        return 0;
    }
    for (int i = 0; i < (int)(sizeof(units) / sizeof(units[0])); i++) {
        if (strcasecmp(unit, units[i].brief) == 0 || strcasecmp(unit, units[i].full) == 0) {
            return 10 * (i + 1);
        }
    }
    return -1;
}

/* The bytes of the fraction at *text, behind its point: each digit d of weight w adds d·w, what
 * is less than a byte is cut off. Six digits, so that nothing overflows: 1.5G, 0.000001T. */
static bool parse_fraction(const char **text, size_t *millionths)
{
    size_t weight = 100000, sum = 0;
    const char *at = *text;

    if (*at < '0' || *at > '9') {
        return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        if (weight == 0) {
            return false;
        }
        sum += (size_t)(*at - '0') * weight;
        weight /= 10;
    }
    *text = at;
    *millionths = sum;
    return true;
}

static bool parse_size(const char *text, size_t *bytes)
{
    size_t whole, millionths = 0, fraction;
    int shift;

    if (strcmp(text, "off") == 0) {
        *bytes = 0;
        return true;
    }
    if (!parse_digits(&text, SIZE_MAX, &whole)) {
        return false;
    }
    if (*text == '.') {
        text++;
        if (!parse_fraction(&text, &millionths)) {
            return false;
        }
        if (*text == '\0') {
            return false; /* a fraction of what? */
        }
    }
    shift = unit_shift(text);
    if (shift < 0 || whole > SIZE_MAX >> shift) {
        return false;
    }
    /* at most 10^6 · 2^40, and the sum at most 2^64 − 2^shift + 2^shift − 1 */
    fraction = (millionths << shift) / 1000000;
    *bytes = (whole << shift) + fraction;
    return true;
}

/* One word of a list, e.g. "verify" of "verify,stress". */
static bool parse_debug_word(const char *word, size_t length, unsigned *debug)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {{"verify", LULL_DEBUG_VERIFY},
                 {"scribble", LULL_DEBUG_SCRIBBLE},
                 {"stress", LULL_DEBUG_STRESS},
                 {"pools", LULL_DEBUG_POOLS}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].name) == length && memcmp(word, words[i].name, length) == 0) {
            *debug |= words[i].bit;
            return true;
        }
    }
    return false;
}

/* ---- the variables ---- */

static bool set_mode(const char *text, lull_options *o)
{
    static const struct {
        const char *name;
        lull_mode mode;
    } modes[] = {{"concurrent", LULL_MODE_CONCURRENT},
                 {"incremental", LULL_MODE_INCREMENTAL},
                 {"stop", LULL_MODE_STOP},
                 {"off", LULL_MODE_OFF}};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(text, modes[i].name) == 0) {
            o->mode = modes[i].mode;
            return true;
        }
    }
    return false;
}

static bool set_percent(const char *text, lull_options *o)
{
    if (strcmp(text, "off") == 0) {
        o->gc_percent = LULL_PERCENT_OFF;
        return true;
    }
    return parse_int(text, LULL__PERCENT_MAX, &o->gc_percent);
}

static bool set_limit(const char *text, lull_options *o)
{
    return parse_size(text, &o->memory_limit);
}

static bool set_heap_max(const char *text, lull_options *o)
{
    return parse_size(text, &o->heap_max);
}

static bool set_heap_min(const char *text, lull_options *o)
{
    return parse_size(text, &o->heap_min);
}

static bool set_markers(const char *text, lull_options *o)
{
    return parse_int(text, LULL__MARKERS_MAX, &o->markers);
}

#define SCHEDULE "schedule="

/* "schedule=N" of a list; N is a seed, not 0. */
static bool parse_schedule(const char *word, size_t length, unsigned *seed)
{
    size_t number;

    if (strncmp(word, SCHEDULE, sizeof(SCHEDULE) - 1) != 0) {
        return false;
    }
    const char *digits = word + sizeof(SCHEDULE) - 1;
    if (!parse_digits(&digits, UINT_MAX, &number) || digits != word + length || number == 0) {
        return false;
    }
    *seed = (unsigned)number;
    return true;
}

static bool set_debug(const char *text, lull_options *o)
{
    unsigned debug = 0, seed = 0;

    for (;;) {
        size_t length = strcspn(text, ",");

        if (!parse_debug_word(text, length, &debug) && !parse_schedule(text, length, &seed)) {
            return false;
        }
        if (text[length] == '\0') {
            o->debug = debug;
            o->schedule_seed = seed;
            return true;
        }
        text += length + 1;
    }
}

static bool set_trace(const char *text, lull_options *o)
{
    return parse_int(text, 1, &o->trace);
}

#define SIZE_ALLOWED "a size such as 67108864, 64M, 1.5G or 64KiB, and \"off\""

static const struct variable {
    const char *name;
    bool (*set)(const char *text, lull_options *options); /* false: not allowed */
    const char *allowed;
} variables[] = {
    {"LULL_MODE", set_mode, "\"stop\", \"off\", \"concurrent\" and \"incremental\""},
    {"LULL_PERCENT", set_percent, "0 to 100000 and \"off\""},
    {"LULL_LIMIT", set_limit, SIZE_ALLOWED},
    {"LULL_HEAP_MAX", set_heap_max, SIZE_ALLOWED},
    {"LULL_HEAP_MIN", set_heap_min, SIZE_ALLOWED},
    {"LULL_MARKERS", set_markers, "0 to 64"},
    {"LULL_DEBUG", set_debug,
     "\"verify\", \"scribble\", \"stress\", \"pools\" and \"schedule=N\", with commas between"},
    {"LULL_TRACE", set_trace, "0 and 1"},
};
_Static_assert(LULL__PERCENT_MAX == 100000 && LULL__MARKERS_MAX == 64, "as the table says");

int lull__options_resolve(const lull_options *given, lull_options *out)
{
    int status;

    if (given == NULL) {
        lull_options_init(out);
    } else {
        status = check_given(given);
        if (status != LULL_OK) {
            return status;
        }
        *out = *given;
    }
    if (!out->use_environment) {
        return LULL_OK;
    }
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *text = secure_getenv(variables[i].name);

        if (text != NULL && *text != '\0' && !variables[i].set(text, out)) {
            /* cut, so that what is allowed is always in the message */
            return lull__fail(LULL_E_ENVIRONMENT, "%s is \"%.64s\"%s; allowed are %s",
                              variables[i].name, text, strlen(text) > 64 ? "..." : "",
                              variables[i].allowed);
        }
    }
    return LULL_OK;
}
