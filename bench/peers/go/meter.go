// The meter: what a run cost, as the system and the runtime tell it.

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The runtime's metrics by name; which of them exist depends on the version of Go.
const (
	metricGCCPU     = "/cpu/classes/gc/total:cpu-seconds"
	metricLive      = "/gc/heap/live:bytes"
	metricPauses    = "/sched/pauses/total/gc:seconds"
	metricPausesOld = "/gc/pauses:seconds" // its name up to Go 1.21
)

// A reading is the state of all counters at one moment.
type reading struct {
	wall    time.Time
	cpu     time.Duration
	memory  runtime.MemStats
	metrics map[string]metrics.Value
}

// A meter takes a reading when the measured part begins and one when it ends.
type meter struct {
	begin, end reading
	resident   *resident // nil where the resident size is not watched
}

// start begins the measured part. A collection first: what it did not make is not its to clear.
func (m *meter) start() {
	runtime.GC()
	m.begin.take()
	if m.resident != nil {
		m.resident.start()
	}
}

func (m *meter) stop() {
	m.end.take()
	if m.resident != nil {
		m.resident.stop()
	}
}

func (r *reading) take() {
	samples := []metrics.Sample{
		{Name: metricGCCPU}, {Name: metricLive}, {Name: metricPauses}, {Name: metricPausesOld},
	}
	r.wall = time.Now()
	r.cpu = processCPU()
	// This stops the world, so that no thread's counts are missing, but not for the collector:
	// the pauses of the metrics know the difference.
	runtime.ReadMemStats(&r.memory)
	metrics.Read(samples)
	r.metrics = make(map[string]metrics.Value)
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindBad {
			r.metrics[s.Name] = s.Value
		}
	}
}

// processCPU is the user and system time of the process.
func processCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("getrusage: %v", err)
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

// print writes the run's result, one "key value" a line.
func (m *meter) print(c *config, r *result) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	begin, end := &m.begin.memory, &m.end.memory
	fmt.Fprintf(out, "ops %d\n", r.ops)
	fmt.Fprintf(out, "checksum %d\n", r.checksum)
	fmt.Fprintf(out, "wall_ns %d\n", m.end.wall.Sub(m.begin.wall).Nanoseconds())
	fmt.Fprintf(out, "cpu_ns %d\n", (m.end.cpu - m.begin.cpu).Nanoseconds())
	fmt.Fprintf(out, "cycles %d\n", end.NumGC-begin.NumGC)
	fmt.Fprintf(out, "allocated_objects %d\n", end.Mallocs-begin.Mallocs)
	fmt.Fprintf(out, "allocated_bytes %d\n", end.TotalAlloc-begin.TotalAlloc)
	if peak, known := peakRSS(); known {
		fmt.Fprintf(out, "peak_rss_bytes %d\n", peak)
	}
	if m.resident != nil {
		m.resident.print(func(key string, value int64) { fmt.Fprintf(out, "%s %d\n", key, value) })
	}
	m.printMetrics(out)
	r.print(out, c.pools)
}

func (m *meter) printMetrics(out *bufio.Writer) {
	if before, known := m.begin.metrics[metricGCCPU]; known {
		seconds := m.end.metrics[metricGCCPU].Float64() - before.Float64()
		fmt.Fprintf(out, "gc_cpu_ns %.0f\n", seconds*1e9)
	}
	if live, known := m.end.metrics[metricLive]; known {
		fmt.Fprintf(out, "live_bytes %d\n", live.Uint64())
	}
	for _, name := range []string{metricPauses, metricPausesOld} {
		if before, known := m.begin.metrics[name]; known {
			after := m.end.metrics[name].Float64Histogram()
			sum := m.end.memory.PauseTotalNs - m.begin.memory.PauseTotalNs
			printPauses(out, before.Float64Histogram(), after, sum)
			return
		}
	}
}

// printPauses writes the distribution of the pauses between two readings. The runtime keeps
// them in buckets: each quantile, the maximum too, is the upper bound of its bucket, up to an
// eighth too large. The sum is exact.
func printPauses(out *bufio.Writer, before, after *metrics.Float64Histogram, sum uint64) {
	counts := make([]uint64, len(after.Counts))
	var total uint64
	for i := range counts {
		counts[i] = after.Counts[i] - before.Counts[i]
		total += counts[i]
	}
	quantile := func(q float64) int64 {
		rank := uint64(q*float64(total) + 0.5)
		var seen uint64
		for i, n := range counts {
			seen += n
			if n > 0 && seen >= rank {
				return int64(bucketLimit(after.Buckets, i) * 1e9)
			}
		}
		return 0
	}
	fmt.Fprintf(out, "pause.count %d\n", total)
	fmt.Fprintf(out, "pause.sum_ns %d\n", sum)
	fmt.Fprintf(out, "pause.p50_ns %d\n", quantile(0.50))
	fmt.Fprintf(out, "pause.p90_ns %d\n", quantile(0.90))
	fmt.Fprintf(out, "pause.p99_ns %d\n", quantile(0.99))
	fmt.Fprintf(out, "pause.p999_ns %d\n", quantile(0.999))
	fmt.Fprintf(out, "pause.max_ns %d\n", quantile(1))
}

// bucketLimit is the upper bound of bucket i, or its lower bound where that is infinite.
func bucketLimit(buckets []float64, i int) float64 {
	limit := buckets[i+1]
	if limit > 1e9 {
		return buckets[i]
	}
	return limit
}
