/* help.c -- the texts of `lull-lab help`. */
#include "help.h"

#include <string.h>

static const char all_text[] =
    "lull-lab measures what garbage collection costs a program, and what reuse saves.\n"
    "\n"
    "usage: lull-lab compare [OPTION]...\n"
    "       lull-lab run WORKLOAD... [OPTION]...\n"
    "       lull-lab observe WORKLOAD... [OPTION]...\n"
    "       lull-lab claims [OPTION]...\n"
    "       lull-lab list\n"
    "       lull-lab help [compare|run|observe|claims|list]\n"
    "\n"
    "  compare  three programs with and without object pools, on lull, on the Boehm GC and on\n"
    "           malloc: one table, and what it says in sentences; a minute or so\n"
    "  run      chosen workloads on chosen backends, under every combination of settings\n"
    "  observe  what it costs lull that the lab listens to its events\n"
    "  claims   what popular articles say that pools save, beside what it is here\n"
    "  list     the workloads, backends and modes of this lab\n"
    "\n"
    "Every run is a process of its own, so its memory and CPU are its own. Runs that are to be\n"
    "compared take turns. Pauses, latencies and the machine's own hiccups are reported as\n"
    "distributions. What a backend cannot tell is shown as '-'.\n"
    "\n"
    "examples:\n"
    "  lull-lab compare\n"
    "  lull-lab run gcbench --backend lull,boehm --threads 1,2\n"
    "  lull-lab run responses --pools both --json responses.json\n"
    "\n"
    "Exit status: 0, 1 when a run failed, 2 when the command line asks for what cannot be.\n";

static const char compare_text[] =
    "usage: lull-lab compare [OPTION]...\n"
    "\n"
    "Runs buffers, responses and logs with pools off and on, on each backend, all in turn,\n"
    "again and again. Prints throughput, pauses, collections, peak memory and pool hits, and the\n"
    "difference that reuse made with its 95 % confidence interval. A difference is called noise\n"
    "where the interval holds 0, or where runs that differ in nothing differ as much.\n"
    "\n"
    "  --backend LIST   of lull, boehm, malloc, go; or all (default: lull, boehm, malloc, as far\n"
    "                   as they are there)\n"
    "  --runs N         pairs of runs for each figure (default 5; 3 with --quick)\n"
    "  --quick          a tenth of the work: about 10 s; for trying out, not for figures\n"
    "  --scale PERCENT  of the workloads' usual work (default 30; 5 with --quick)\n"
    "  --threads N      that do the work (default: one a core)\n"
    "  --percent N|off  heap growth between collections (default 100)\n"
    "  --limit SIZE     soft memory limit, where the backend has one\n"
    "  --rate N         requests a second that arrive in responses (default: 40 % of what the\n"
    "                   slowest backend can serve)\n"
    "  --input FILE     a log for logs, one entry a line (default: a generated one)\n"
    "  --seed N         of all that is random (default 1)\n"
    "  --delays         also shows what delayed lull's threads, by kind, beside an idle thread\n"
    "  --json FILE      also writes every run as JSON; - is standard output\n"
    "\n"
    "examples:\n"
    "  lull-lab compare --quick\n"
    "  lull-lab compare --input /var/log/dpkg.log --runs 9 --json compare.json\n"
    "  LD_PRELOAD=libmimalloc.so.2 lull-lab compare --backend malloc\n";

static const char run_text[] =
    "usage: lull-lab run WORKLOAD... [OPTION]...\n"
    "\n"
    "Lists, their values separated by commas, make a matrix: every combination is run. A setting\n"
    "that a backend or workload does not have is not varied there. WORKLOAD may be all.\n"
    "\n"
    "  --backend LIST   of lull, boehm, malloc, go; or all (default: lull)\n"
    "  --mode LIST      of stop (collect while all threads stand still), concurrent and\n"
    "                   incremental (beside the program, by a thread of the collector or by those\n"
    "                   that allocate; lull has all) and off (never collect: what the allocator\n"
    "                   alone costs) (default: concurrent)\n"
    "  --percent LIST   of numbers and off: heap growth between collections (default: 100)\n"
    "  --pools LIST     of on and off; or both (default: off)\n"
    "  --threads LIST   of numbers up to 64 (default: one a core)\n"
    "  --depth LIST     of numbers up to 14: the live tree of quads (default: 10)\n"
    "  --limit SIZE     soft memory limit, where the backend has one: 512M, 2G; or 111%: of what\n"
    "                   the workload has alive, found by running it once before\n"
    "  --runs N         times that each combination is run (default 3)\n"
    "  --scale PERCENT  of the workloads' usual work (default 100)\n"
    "  --rate N         requests a second that arrive in responses; or 50%: of what malloc serves\n"
    "                   at most (default: 40 % of what the slowest backend can serve)\n"
    "  --input FILE     for logs: a log, one entry a line; for json: a document\n"
    "  --seed N         of all that is random (default 1)\n"
    "  --against NAME   also shows what all others took in terms of this mode or backend\n"
    "  --delays         also shows what delayed lull's threads, by kind, beside an idle thread;\n"
    "                   so do --mode and --backend where lull is among them\n"
    "  --mmu            also shows, of any 1 ms up to 1 s, the least part that a thread had to\n"
    "                   itself (minimum mutator utilisation)\n"
    "  --json FILE      also writes every run as JSON; - is standard output\n"
    "\n"
    "examples:\n"
    "  lull-lab run quads --depth 10,12 --threads 1\n"
    "  lull-lab run buffers logs --backend all --pools both\n"
    "  lull-lab run gcbench --percent 50,100,200 --mode stop,concurrent,off\n"
    "  lull-lab run all --mode stop,concurrent --against stop\n"
    "  LD_PRELOAD=libjemalloc.so.2 lull-lab run splay --backend malloc\n"
    "\n"
    "The lab sets mode, percent and limit itself: LULL_MODE, LULL_PERCENT, LULL_LIMIT, GOGC and\n"
    "GOMEMLIMIT have no effect. LULL_TRACE=1 shows every cycle.\n";

static const char observe_text[] =
    "usage: lull-lab observe WORKLOAD... [OPTION]...\n"
    "\n"
    "The lab learns of lull's pauses by listening to its events. This runs workloads on lull with\n"
    "and without that, in turn, and prints the difference in throughput and CPU with its 95 %\n"
    "confidence interval. A difference is called noise where the interval holds 0, or where runs\n"
    "that differ in nothing differ as much.\n"
    "\n"
    "  --runs N         pairs of runs (default 5)\n"
    "\n"
    "--mode, --percent, --pools, --threads, --depth, --limit, --scale, --rate, --input, --seed\n"
    "and --json are those of lull-lab run.\n"
    "\n"
    "example:\n"
    "  lull-lab observe quads gcbench --mode stop,concurrent --runs 9\n";

static const char claims_text[] =
    "usage: lull-lab claims [OPTION]...\n"
    "\n"
    "Popular articles on object pools and collectors give figures: a buffer in 45.2 ns instead of\n"
    "120.5, pauses of 0.8 ms instead of 2.3, and so on. This runs programs of the same kinds with\n"
    "and without pools, in pairs of the same seed that take turns, and says of each claim whether\n"
    "the change here (with its 95 % confidence interval) confirms or refutes it, or is noise.\n"
    "About a minute and a half for each backend.\n"
    "\n"
    "  --backend LIST   of lull, boehm, malloc, go; or all (default: lull)\n"
    "  --mode MODE      of lull: concurrent, incremental, stop or off (default: concurrent)\n"
    "  --runs N         pairs of runs for each claim (default 5)\n"
    "  --scale PERCENT  of the workloads' usual work (default 20; five times that where memory is\n"
    "                   returned every second, so that it is returned a few times)\n"
    "  --threads N      that do the work (default: one a core)\n"
    "  --percent N|off  heap growth between collections (default 100)\n"
    "  --limit SIZE     soft memory limit, where the backend has one\n"
    "  --rate N         requests a second that arrive in responses (default: 40 % of what the\n"
    "                   slowest backend can serve)\n"
    "  --input FILE     a log for logs, one entry a line (default: a generated one)\n"
    "  --seed N         of all that is random (default 1)\n"
    "  --json FILE      also writes every run and every verdict as JSON; - is standard output\n"
    "\n"
    "examples:\n"
    "  lull-lab claims\n"
    "  lull-lab claims --backend all --runs 9 --json claims.json\n";

static const char list_text[] =
    "usage: lull-lab list\n"
    "\n"
    "Lists the workloads and what they heed, the backends with their versions (or, of one that is\n"
    "not there, the reason), and the modes.\n";

int lab_help(const char *topic)
{
    static const struct {
        const char *name, *text;
    } topics[] = {{"run", run_text},
                  {"compare", compare_text},
                  {"observe", observe_text},
                  {"claims", claims_text},
                  {"list", list_text}};

    if (topic == NULL) {
        fputs(all_text, stdout);
        return 0;
    }
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (strcmp(topic, topics[i].name) == 0) {
            fputs(topics[i].text, stdout);
            return 0;
        }
    }
    return -1;
}
