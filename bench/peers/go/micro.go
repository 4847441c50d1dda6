// The micro benchmarks' share in Go: allocation with its collection, a pool's get and put, and
// marking. Not workloads of the lab: bench/micro_*.c calls them.

package main

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
)

const (
	microRecords = 20000000 // allocated
	microRing    = 1024     // alive at any time
	microPairs   = 20000000 // of get and put
	microDepth   = 12       // of the tree that is marked
)

type record struct {
	next, other *record
	value       [2]uint64
}

type buffer [1024]byte

func init() {
	registerMicro("micro-alloc", microAlloc)
	registerMicro("micro-pool", microPool)
	registerMicro("micro-mark", microMark)
}

func microAlloc(c *config, m *meter) (*result, error) {
	var ring [microRing]*record
	m.start()
	for i := uint(0); i < microRecords; i++ {
		r := new(record)
		r.value[0] = uint64(i)
		ring[i%microRing] = r
	}
	m.stop()
	r := newResult()
	r.ops = microRecords
	for _, kept := range ring {
		r.checksum += kept.value[0]
	}
	return r, nil
}

func microPool(c *config, m *meter) (*result, error) {
	idle := sync.Pool{New: func() interface{} { return new(buffer) }}
	r := newResult()
	m.start()
	for i := 0; i < microPairs; i++ {
		b := idle.Get().(*buffer)
		b[0] = byte(i)
		idle.Put(b)
	}
	m.stop()
	r.ops = microPairs
	r.checksum = uint64(idle.Get().(*buffer)[0])
	return r, nil
}

// markCPU is the CPU that marking has used so far, in seconds.
func markCPU() float64 {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	sum := 0.0
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindFloat64 {
			sum += s.Value.Float64()
		}
	}
	return sum
}

// microMark collects a heap that is one large tree, on one core: with two, the marker on the
// second is counted for its idle time too.
func microMark(c *config, m *meter) (*result, error) {
	live := newQuad(microDepth)
	runtime.GC()
	runtime.GOMAXPROCS(1)
	m.start()
	before := markCPU()
	runtime.GC()
	seconds := markCPU() - before
	m.stop()
	r := newResult()
	r.ops = live.nodes()
	r.report = []string{fmt.Sprintf("mark_cpu_ns %.0f", seconds*1e9)}
	return r, nil
}
