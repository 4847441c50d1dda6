// Command lull-peer-go runs the workloads of lull-lab in Go, so that lull can be compared with
// Go's collector on the same work: the same random numbers, sizes, orders and checksums.
//
// lull-lab starts it, once a run; the head of bench/backend.h says how: parameters as key=value
// words, results as "key value" lines. A key that is missing from the output is one that this
// version of Go cannot tell.
//
// This file is the frame: parameters, registration, and the order of one run. Each workload is
// a file of its own that registers itself from init.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
)

// config is what decides a run; the fields of lab_params in bench/workload.h.
type config struct {
	seed    uint64
	threads int     // goroutines that do the work; GOMAXPROCS is left alone
	pools   bool    // whether sync.Pool is used where the workload has something to reuse
	percent int     // as debug.SetGCPercent; -1 is off
	limit   int64   // soft memory limit in bytes; 0 is none
	scale   int     // size of the work in percent of the workload's default
	depth   int     // quads: of the live tree
	rate    float64 // open-loop arrivals a second, all workers together; 0: the default
	run     int     // which repetition this is
	watched bool    // whether the resident size is watched
	returns bool    // and all free memory returned every second
	input   string  // a file, or "" for what the workload generates
}

// scaled returns base scaled by the run's scale, at least `least`.
func (c *config) scaled(base, least uint64) uint64 {
	n := base * uint64(c.scale) / 100
	if n < least {
		return least
	}
	return n
}

// A runFunc does a workload's work once. It calls m.start when it has what it needs beforehand
// (an input file, a live tree) and m.stop when the work is done: time, cycles, pauses and CPU
// are of the part between. What it returns is the sum of its workers.
type runFunc func(c *config, m *meter) (*result, error)

var (
	workloads = map[string]runFunc{}
	micros    = map[string]runFunc{} // run like workloads, but not listed
)

// register makes a workload known; called from init functions.
func register(name string, run runFunc) {
	workloads[name] = run
}

func registerMicro(name string, run runFunc) {
	micros[name] = run
}

// fail says why the run cannot go on, and ends the program.
func fail(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "lull-peer-go: "+format+"\n", args...)
	os.Exit(1)
}

func list() {
	var names []string
	for name := range workloads {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("workload %s\n", name)
	}
	fmt.Printf("version %s\n", runtime.Version())
}

// set gives one parameter its value; false where the word makes no sense.
func (c *config) set(key, value string) bool {
	var err error
	switch key {
	case "seed":
		c.seed, err = strconv.ParseUint(value, 10, 64)
	case "threads":
		c.threads, err = strconv.Atoi(value)
	case "pools":
		c.pools, err = strconv.ParseBool(value)
	case "percent":
		c.percent, err = strconv.Atoi(value)
	case "limit":
		c.limit, err = strconv.ParseInt(value, 10, 64)
	case "scale":
		c.scale, err = strconv.Atoi(value)
	case "depth":
		c.depth, err = strconv.Atoi(value)
	case "rate":
		c.rate, err = strconv.ParseFloat(value, 64)
	case "run":
		c.run, err = strconv.Atoi(value)
	case "resident":
		c.watched, err = strconv.ParseBool(value)
	case "returning":
		c.returns, err = strconv.ParseBool(value)
	case "input":
		c.input = value
	default:
		return false
	}
	return err == nil
}

func parse(words []string) *config {
	c := &config{seed: 1, threads: 1, percent: 100, scale: 100, depth: 10, run: 1}
	for _, word := range words {
		at := strings.IndexByte(word, '=')
		if at < 0 || !c.set(word[:at], word[at+1:]) {
			fail("%q is no parameter with a value", word)
		}
	}
	switch {
	case c.threads < 1 || c.threads > 64:
		fail("threads=%d: must be 1 to 64", c.threads)
	case c.percent < -1 || c.percent > 100000:
		fail("percent=%d: must be -1 to 100000", c.percent)
	case c.scale < 1 || c.scale > 1000000:
		fail("scale=%d: must be 1 to 1000000", c.scale)
	case c.depth < 1 || c.depth > 14:
		fail("depth=%d: must be 1 to 14", c.depth)
	case c.limit < 0 || c.rate < 0:
		fail("limit and rate must not be negative")
	}
	return c
}

func main() {
	if len(os.Args) < 2 {
		fail("usage: lull-peer-go WORKLOAD [KEY=VALUE]... | list")
	}
	if os.Args[1] == "list" {
		list()
		return
	}
	run, known := workloads[os.Args[1]]
	if !known {
		run, known = micros[os.Args[1]]
	}
	if !known {
		fail("no workload %q; `lull-peer-go list` tells which there are", os.Args[1])
	}
	c := parse(os.Args[2:])
	debug.SetGCPercent(c.percent)
	if c.limit > 0 {
		debug.SetMemoryLimit(c.limit)
	}
	m := &meter{}
	if c.watched {
		m.resident = &resident{returning: c.returns}
	}
	r, err := run(c, m)
	if err != nil {
		fail("%s: %v", os.Args[1], err)
	}
	m.print(c, r)
}
