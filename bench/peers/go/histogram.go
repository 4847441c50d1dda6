// A histogram of times in nanoseconds: log-linear, 64 steps to a doubling, so a value is known
// to 1.6 %, as in bench/distribution.c. Each goroutine has its own; they are merged at the end.

package main

import (
	"bufio"
	"fmt"
	"math/bits"
)

const (
	histogramSteps   = 64 // buckets to a doubling
	histogramShift   = 6  // log2 of it
	histogramBuckets = histogramSteps * (64 - histogramShift + 1)
)

type histogram struct {
	counts [histogramBuckets]uint64
	count  uint64
	sum    uint64
	max    uint64
}

func newHistogram() *histogram {
	return new(histogram)
}

// histogramIndex: values below 64 have a bucket each; above, the top six bits after the leading
// one choose the step.
func histogramIndex(ns uint64) int {
	if ns < histogramSteps {
		return int(ns)
	}
	shift := bits.Len64(ns) - histogramShift - 1
	return (shift+1)*histogramSteps + int(ns>>uint(shift)) - histogramSteps
}

// histogramUpper is the largest value of a bucket.
func histogramUpper(index int) uint64 {
	if index < histogramSteps {
		return uint64(index)
	}
	shift := uint(index/histogramSteps - 1)
	step := uint64(index%histogramSteps + histogramSteps)
	return (step+1)<<shift - 1
}

func (h *histogram) record(ns uint64) {
	h.counts[histogramIndex(ns)]++
	h.count++
	h.sum += ns
	if ns > h.max {
		h.max = ns
	}
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.count += other.count
	h.sum += other.sum
	if other.max > h.max {
		h.max = other.max
	}
}

// quantile returns the smallest bucket bound at or below which a fraction q of the values lie.
func (h *histogram) quantile(q float64) uint64 {
	rank := uint64(q*float64(h.count) + 0.5)
	if rank == 0 {
		rank = 1
	}
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen >= rank && n > 0 {
			if upper := histogramUpper(i); upper < h.max {
				return upper
			}
			return h.max
		}
	}
	return h.max
}

// print writes the distribution under a key; nothing where it is empty.
func (h *histogram) print(out *bufio.Writer, key string) {
	if h.count == 0 {
		return
	}
	fmt.Fprintf(out, "%s.count %d\n", key, h.count)
	fmt.Fprintf(out, "%s.sum_ns %d\n", key, h.sum)
	fmt.Fprintf(out, "%s.p50_ns %d\n", key, h.quantile(0.50))
	fmt.Fprintf(out, "%s.p90_ns %d\n", key, h.quantile(0.90))
	fmt.Fprintf(out, "%s.p99_ns %d\n", key, h.quantile(0.99))
	fmt.Fprintf(out, "%s.p999_ns %d\n", key, h.quantile(0.999))
	fmt.Fprintf(out, "%s.max_ns %d\n", key, h.max)
}
