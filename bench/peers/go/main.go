// Command lull-peer-go runs the workloads of lull-lab in Go, so that lull can be compared with
// Go's collector on the same work: the same generator of random numbers, the same sizes and
// counts, the same checksum.
//
// It is not meant to be called by hand, though it may be: lull-lab starts it once a run and
// reads "key value" lines from its output. A key that is missing is one that this version of
// Go cannot tell.
//
// This file is the frame: options, registration, and the order of one run. Each workload is a
// file of its own that registers itself from init.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
)

// config is what the command line asked for. Zero values mean "the workload's default".
type config struct {
	workload string
	percent  int     // as debug.SetGCPercent; -1 is off
	limit    int64   // bytes, soft; 0 is none
	pools    bool    // reuse with sync.Pool where the workload has something to reuse
	threads  int     // goroutines that do the work
	procs    int     // GOMAXPROCS; 0 leaves Go's own choice
	seed     uint64  // of the random numbers
	depth    int     // of trees; 0: the workload's default
	input    string  // a file to work on; "": a generated one
	rate     float64 // arrivals a second, for open-loop workloads; 0: the workload's default
	scale    int     // size of the work in percent of the workload's default
}

// scaled returns base scaled by the scale asked for, at least `least`.
func (c *config) scaled(base, least uint64) uint64 {
	n := base * uint64(c.scale) / 100
	if n < least {
		return least
	}
	return n
}

// depthOr returns the depth asked for, or the workload's own.
func (c *config) depthOr(own int) int {
	if c.depth > 0 {
		return c.depth
	}
	return own
}

// result is what a workload hands back. Latency is nil where single operations are not timed.
type result struct {
	ops        uint64
	checksum   uint64
	latency    *histogram
	poolGets   uint64 // counted by the workload: sync.Pool itself tells nothing
	poolMisses uint64
	poolPuts   uint64
	report     []string // further "key value" lines, in order
}

// A runFunc does a workload's work once. What it needs beforehand (an input file, a generated
// document) it gets from its own prepare step, by calling m.start when that is over: time,
// cycles and CPU count from there.
type runFunc func(c *config, m *meter) (*result, error)

var workloads = map[string]runFunc{}

// register makes a workload known; called from init functions.
func register(name string, run runFunc) {
	workloads[name] = run
}

func workloadNames() string {
	var names []string
	for name := range workloads {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// fail reports a wrong option or input and ends the program as lull-lab does.
func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "lull-peer-go: "+format+"\n", args...)
	os.Exit(2)
}

func parsePercent(text string) int {
	if text == "off" {
		return -1
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 100000 {
		fail("--percent %s: must be 0 to 100000 or off", text)
	}
	return n
}

func parsePools(text string) bool {
	if text != "on" && text != "off" {
		fail("--pools %s: must be on or off", text)
	}
	return text == "on"
}

func parseArguments(args []string) *config {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fail("usage: lull-peer-go WORKLOAD [OPTION]...; workloads: %s", workloadNames())
	}
	c := &config{workload: args[0]}
	flags := flag.NewFlagSet("lull-peer-go", flag.ExitOnError)
	percent := flags.String("percent", "100", "garbage collection percent, or off")
	pools := flags.String("pools", "off", "on or off")
	flags.Int64Var(&c.limit, "limit", 0, "soft memory limit in bytes; 0 is none")
	flags.IntVar(&c.threads, "threads", 1, "goroutines that do the work")
	flags.IntVar(&c.procs, "procs", 0, "GOMAXPROCS; 0 is Go's own choice")
	flags.Uint64Var(&c.seed, "seed", 1, "seed of the random numbers")
	flags.IntVar(&c.depth, "depth", 0, "depth of trees; 0 is the workload's default")
	flags.StringVar(&c.input, "input", "", "input file")
	flags.Float64Var(&c.rate, "rate", 0, "arrivals a second; 0 is the workload's default")
	flags.IntVar(&c.scale, "scale", 100, "size of the work in percent of the default")
	_ = flags.Parse(args[1:])
	if flags.NArg() > 0 {
		fail("unexpected argument %s", flags.Arg(0))
	}
	c.percent = parsePercent(*percent)
	c.pools = parsePools(*pools)
	if c.threads < 1 || c.threads > 1024 {
		fail("--threads %d: must be 1 to 1024", c.threads)
	}
	if c.scale < 1 {
		fail("--scale %d: must be at least 1", c.scale)
	}
	if c.procs < 0 || c.depth < 0 || c.limit < 0 || c.rate < 0 {
		fail("--procs, --depth, --limit and --rate must not be negative")
	}
	return c
}

func main() {
	c := parseArguments(os.Args[1:])
	run, known := workloads[c.workload]
	if !known {
		fail("no workload %s; there are: %s", c.workload, workloadNames())
	}
	debug.SetGCPercent(c.percent)
	if c.limit > 0 {
		debug.SetMemoryLimit(c.limit)
	}
	if c.procs > 0 {
		runtime.GOMAXPROCS(c.procs)
	}
	m := &meter{}
	r, err := run(c, m)
	if err != nil {
		fail("%s: %v", c.workload, err)
	}
	m.stop()
	m.print(r)
}
