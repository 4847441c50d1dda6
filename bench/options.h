/* options.h -- the options of `lull-lab run`, `lull-lab compare`, `lull-lab observe` and
 * `lull-lab claims`. */
#ifndef LAB_OPTIONS_H
#define LAB_OPTIONS_H

#include "workload.h"

#define LAB_LIST_MAX 16 /* values in one option's list */
#define LAB_RUNS_MAX 1000
#define LAB_DEPTH_MAX 14
#define LAB_SCALE_MAX 100000

/* Which commands take an option. */
enum { LAB_RUN = 1 << 0, LAB_COMPARE = 1 << 1, LAB_OBSERVE = 1 << 2, LAB_CLAIMS = 1 << 3 };

/* A list of numbers; count 0: not given. */
typedef struct lab_numbers {
    int32_t value[LAB_LIST_MAX];
    int count;
} lab_numbers;

/* A list of words; each points into `text`. */
typedef struct lab_words {
    char text[256];
    const char *word[LAB_LIST_MAX];
    int count;
} lab_words;

typedef struct lab_options {
    unsigned command;   /* LAB_RUN, LAB_COMPARE, ... */
    lab_words workload; /* as given; not yet looked up */
    lab_words backend;
    lab_numbers mode;    /* enum lab_mode */
    lab_numbers percent; /* LAB_PERCENT_OFF for off */
    lab_numbers pools;   /* 1: on, 0: off */
    lab_numbers threads;
    lab_numbers depth;
    int runs;  /* 0: not given */
    int scale; /* in percent; 0: not given */
    uint64_t seed;
    uint64_t limit_bytes;
    double rate;       /* 0: not given */
    int rate_percent;  /* of what malloc serves at most; 0: not given so */
    int limit_percent; /* of what the workload has alive; 0: not given so */
    const char *against; /* the mode or backend that others are compared with; NULL: not given */
    const char *input; /* NULL: not given */
    const char *json;  /* NULL: not given; "-": standard output */
    bool quick;
    bool delays;     /* the table of delays is wanted */
    bool mmu;        /* that of utilisation, too */
    bool mode_given; /* by the user, not by default */
    bool backend_given;
    bool help;
    char error[512]; /* after a failure: which value, what is allowed, how to mend it */
} lab_options;

/* Reads the arguments after the command's name. Returns 0, or -1 with `error` set. */
int lab_options_read(lab_options *options, unsigned command, int argc, char **argv);

/* Reads "512", "64k", "512M", "1.5GiB" (units of 1024); false where it says no size. */
bool lab_size_read(const char *text, uint64_t *bytes);

#endif
