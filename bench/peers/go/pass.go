// Objects that one goroutine takes and another puts back: bench/micro_pool_pass.c in Go.

package main

import (
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	passBatch   = 256
	passBatches = 8     // on the way at most
	passTimes   = 16384 // batches that go over
	passWarm    = 1024  // of them, before any is timed
	passSpins   = 200
)

func init() {
	registerMicro("micro-pass", func(c *config, m *meter) (*result, error) {
		idle := sync.Pool{New: func() interface{} { return new(buffer) }}
		return pass(m, func() *buffer { return idle.Get().(*buffer) },
			func(b *buffer) { idle.Put(b) })
	})
	registerMicro("micro-pass-nothing", func(c *config, m *meter) (*result, error) {
		var objects [passBatches * passBatch]buffer
		next := 0
		return pass(m, func() *buffer {
			next++
			return &objects[next%len(objects)]
		}, func(b *buffer) { runtime.KeepAlive(b) })
	})
}

type passRing struct {
	object  [passBatches][passBatch]*buffer
	_       [128]byte
	filled  atomic.Uint64
	_       [128]byte
	emptied atomic.Uint64
}

func waitBeyond(count *atomic.Uint64, n uint64) {
	for spins := 1; count.Load() <= n; spins++ {
		if spins%passSpins == 0 {
			runtime.Gosched()
		}
	}
}

// stayOn has a goroutine run on one processor alone, if the system lets it.
func stayOn(processor uint) {
	runtime.LockOSThread()
	set := [16]uint64{1 << processor}
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set),
		uintptr(unsafe.Pointer(&set)))
}

// usual is the time that batches took, without the twentieth part that took longest.
func usual(took []time.Duration, kept int) time.Duration {
	var sum time.Duration
	took = took[passWarm:]
	sort.Slice(took, func(i, k int) bool { return took[i] < took[k] })
	for _, t := range took[:kept] {
		sum += t
	}
	return sum
}

func pass(m *meter, get func() *buffer, put func(*buffer)) (*result, error) {
	const kept = (passTimes - passWarm) / 20 * 19
	ring := new(passRing)
	var took [2][]time.Duration
	var done sync.WaitGroup

	took[0] = make([]time.Duration, passTimes)
	took[1] = make([]time.Duration, passTimes)
	ring.emptied.Store(passBatches)
	done.Add(2)
	go func() {
		stayOn(0)
		for i := uint64(0); i < passTimes; i++ {
			batch := &ring.object[i%passBatches]
			waitBeyond(&ring.emptied, i)
			begin := time.Now()
			for k := range batch {
				batch[k] = get()
				batch[k][0] = byte(k)
			}
			took[0][i] = time.Since(begin)
			ring.filled.Store(i + 1)
		}
		done.Done()
	}()
	go func() {
		stayOn(1)
		for i := uint64(0); i < passTimes; i++ {
			batch := &ring.object[i%passBatches]
			waitBeyond(&ring.filled, i)
			begin := time.Now()
			for k := range batch {
				put(batch[k])
				batch[k] = nil
			}
			took[1][i] = time.Since(begin)
			ring.emptied.Store(i + 1 + passBatches)
		}
		done.Done()
	}()
	m.start()
	done.Wait()
	m.stop()
	r := newResult()
	r.ops = kept * passBatch
	m.end.cpu = m.begin.cpu + usual(took[0], kept) + usual(took[1], kept) // without the waiting
	return r, nil
}
