// The meter: what a run cost, as the system and the runtime tell it.

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Metrics by name; which of them exist depends on the version of Go.
const (
	metricCycles   = "/gc/cycles/total:gc-cycles"
	metricGCCPU    = "/cpu/classes/gc/total:cpu-seconds"
	metricPauses   = "/sched/pauses/total/gc:seconds"
	metricPausesGo = "/gc/pauses:seconds" // the older name, up to Go 1.21
)

// A reading is the state of all counters at one moment.
type reading struct {
	wall       time.Time
	cpu        time.Duration
	cycles     uint64
	gcCPU      float64 // seconds; the runtime brings it up to date at the end of a cycle
	knowsGCCPU bool
	pauseSum   time.Duration
	pauses     *metrics.Float64Histogram // nil where unknown
}

// A meter takes a reading when the measured part begins and one when it ends.
type meter struct {
	begin, end reading
}

// start begins the measured part. What was done before (reading an input) counts as start-up;
// a collection clears it away, so that the measured part begins with a small heap.
func (m *meter) start() {
	runtime.GC()
	m.begin = takeReading()
}

func (m *meter) stop() {
	m.end = takeReading()
}

func takeReading() reading {
	samples := []metrics.Sample{
		{Name: metricCycles}, {Name: metricGCCPU}, {Name: metricPauses}, {Name: metricPausesGo},
	}
	metrics.Read(samples)
	var r reading
	if samples[0].Value.Kind() == metrics.KindUint64 {
		r.cycles = samples[0].Value.Uint64()
	}
	if samples[1].Value.Kind() == metrics.KindFloat64 {
		r.gcCPU = samples[1].Value.Float64()
		r.knowsGCCPU = true
	}
	for _, s := range samples[2:] {
		if r.pauses == nil && s.Value.Kind() == metrics.KindFloat64Histogram {
			r.pauses = s.Value.Float64Histogram()
		}
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	r.pauseSum = gc.PauseTotal
	r.cpu = processCPU()
	r.wall = time.Now()
	return r
}

// processCPU is the user and system time of the process.
func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakRSS reads VmHWM. Not ru_maxrss, which a process inherits from the one that started it.
func peakRSS() (uint64, bool) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, false
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			return kib * 1024, err == nil
		}
	}
	return 0, false
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}

// print writes the run's result, one "key value" a line.
func (m *meter) print(r *result) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "go %s\n", runtime.Version())
	fmt.Fprintf(out, "procs %d\n", runtime.GOMAXPROCS(0))
	fmt.Fprintf(out, "ops %d\n", r.ops)
	fmt.Fprintf(out, "checksum %d\n", r.checksum)
	fmt.Fprintf(out, "wall_ms %.3f\n", milliseconds(m.end.wall.Sub(m.begin.wall)))
	fmt.Fprintf(out, "cpu_ms %.3f\n", milliseconds(m.end.cpu-m.begin.cpu))
	if m.end.knowsGCCPU {
		fmt.Fprintf(out, "gc_cpu_ms %.3f\n", 1000*(m.end.gcCPU-m.begin.gcCPU))
	}
	fmt.Fprintf(out, "cycles %d\n", m.end.cycles-m.begin.cycles)
	if peak, known := peakRSS(); known {
		fmt.Fprintf(out, "peak_rss_bytes %d\n", peak)
	}
	m.printPauses(out)
	if r.latency != nil {
		r.latency.print(out, "latency")
	}
	if r.poolGets > 0 {
		fmt.Fprintf(out, "pool_gets %d\n", r.poolGets)
		fmt.Fprintf(out, "pool_misses %d\n", r.poolMisses)
		fmt.Fprintf(out, "pool_puts %d\n", r.poolPuts)
	}
	for _, line := range r.report {
		fmt.Fprintln(out, line)
	}
}

// printPauses writes the distribution of stop-the-world times between the two readings, in
// microseconds. The runtime keeps it in buckets: the quantiles are the upper bounds of theirs.
func (m *meter) printPauses(out *bufio.Writer) {
	if m.end.pauses == nil || m.begin.pauses == nil {
		return
	}
	counts := make([]uint64, len(m.end.pauses.Counts))
	var total uint64
	for i := range counts {
		counts[i] = m.end.pauses.Counts[i] - m.begin.pauses.Counts[i]
		total += counts[i]
	}
	quantile := func(q float64) float64 {
		rank := uint64(q*float64(total) + 0.5)
		var seen uint64
		for i, n := range counts {
			seen += n
			if n > 0 && seen >= rank {
				return bucketLimit(m.end.pauses.Buckets, i) * 1e6
			}
		}
		return 0
	}
	fmt.Fprintf(out, "pause_count %d\n", total)
	fmt.Fprintf(out, "pause_p50 %.3f\n", quantile(0.50))
	fmt.Fprintf(out, "pause_p90 %.3f\n", quantile(0.90))
	fmt.Fprintf(out, "pause_p99 %.3f\n", quantile(0.99))
	fmt.Fprintf(out, "pause_p999 %.3f\n", quantile(0.999))
	fmt.Fprintf(out, "pause_max %.3f\n", quantile(1))
	sum := m.end.pauseSum - m.begin.pauseSum
	fmt.Fprintf(out, "pause_sum %.3f\n", float64(sum)/float64(time.Microsecond))
}

// bucketLimit is the upper bound of bucket i, or its lower bound where that is infinite.
func bucketLimit(buckets []float64, i int) float64 {
	limit := buckets[i+1]
	if limit > 1e9 {
		return buckets[i]
	}
	return limit
}
