// A workload's workers: one goroutine each, with what it draws from and what it found.

package main

import (
	"bufio"
	"fmt"
	"sync"
)

// result is what was found, by one worker or by all together; fields as in lab_result.
type result struct {
	ops           uint64 // operations done, in the workload's own unit
	checksum      uint64
	directObjects uint64 // objects made other than by pools; 0: not counted
	takenObjects  uint64 // objects asked of pools
	longest       uint64 // the longest operation in nanoseconds, where each is timed
	poolMisses    uint64 // of the objects asked for, those made new
	poolPuts      uint64
	latency       *histogram // of requests, from their intended arrival, or of operations
	service       *histogram
	report        []string // further "key value" lines, of the run as a whole
}

func newResult() *result {
	return &result{latency: newHistogram(), service: newHistogram()}
}

// A worker is one goroutine's part of a run.
type worker struct {
	result
	config *config
	index  int
	count  int    // workers in all
	random random // stream `index` under the run's seed
}

// share is this worker's part of n operations that all workers divide.
func (w *worker) share(n uint64) uint64 {
	part := n / uint64(w.count)
	if uint64(w.index) < n%uint64(w.count) {
		part++
	}
	return part
}

// timed records one operation's time.
func (w *worker) timed(ns uint64) {
	w.latency.record(ns)
	if ns > w.longest {
		w.longest = ns
	}
}

// runWorkers runs body in c.threads goroutines and adds up what they found. The first error of
// any is returned.
func runWorkers(c *config, body func(w *worker) error) (*result, error) {
	workers := make([]*worker, c.threads)
	errs := make([]error, c.threads)
	var done sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{
			result: *newResult(),
			config: c,
			index:  i,
			count:  c.threads,
			random: randomStream(c.seed, uint64(i)),
		}
	}
	done.Add(c.threads)
	for i := range workers {
		go func(i int) {
			defer done.Done()
			errs[i] = body(workers[i])
		}(i)
	}
	done.Wait()
	total := newResult()
	for i, w := range workers {
		if errs[i] != nil {
			return nil, errs[i]
		}
		total.add(&w.result)
	}
	return total, nil
}

func (r *result) add(other *result) {
	r.ops += other.ops
	r.checksum += other.checksum
	r.directObjects += other.directObjects
	r.takenObjects += other.takenObjects
	r.poolMisses += other.poolMisses
	r.poolPuts += other.poolPuts
	if other.longest > r.longest {
		r.longest = other.longest
	}
	r.latency.merge(other.latency)
	r.service.merge(other.service)
}

func (r *result) print(out *bufio.Writer, pools bool) {
	if r.longest > 0 {
		fmt.Fprintf(out, "longest_ns %d\n", r.longest)
	}
	if r.directObjects > 0 {
		fmt.Fprintf(out, "direct_objects %d\n", r.directObjects)
	}
	if r.takenObjects > 0 {
		fmt.Fprintf(out, "taken_objects %d\n", r.takenObjects)
	}
	if r.takenObjects > 0 && pools {
		fmt.Fprintf(out, "pool.gets %d\n", r.takenObjects)
		fmt.Fprintf(out, "pool.hits %d\n", r.takenObjects-r.poolMisses)
		fmt.Fprintf(out, "pool.misses %d\n", r.poolMisses)
		fmt.Fprintf(out, "pool.puts %d\n", r.poolPuts)
	}
	r.latency.print(out, "latency")
	r.service.print(out, "service")
	for _, line := range r.report {
		fmt.Fprintln(out, line)
	}
}
