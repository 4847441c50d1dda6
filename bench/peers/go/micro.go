// The micro benchmarks' share in Go: allocation with its collection, a pool's get and put, and
// marking. Not workloads of the lab: bench/micro_*.c calls them.

package main

import (
	"runtime"
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

// microMark collects a heap that is one large tree, on one core. Its CPU is the process's, the
// sweep of some milliseconds included: the runtime's own figures are of time on the clock.
func microMark(c *config, m *meter) (*result, error) {
	live := newQuad(microDepth)
	runtime.GOMAXPROCS(1)
	m.start()
	runtime.GC()
	m.stop()
	r := newResult()
	r.ops = live.nodes()
	return r, nil
}
