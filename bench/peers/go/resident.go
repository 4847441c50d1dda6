// How much of the process is resident over the measured part, and the habit of some programs to
// return all free memory to the system every second; bench/resident.c is the same in C.

package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

const (
	residentSample = 10 * time.Millisecond
	residentReturn = time.Second
)

// A resident watches in a goroutine of its own, from start to stop.
type resident struct {
	returning bool // also return memory
	quit      chan struct{}
	done      chan struct{}
	samples   int64
	sum       int64 // of the samples, in bytes
	returns   int64
}

// residentBytes is what is resident now.
func residentBytes() (int64, bool) {
	var size, pages int64
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, false
	}
	return pages * int64(os.Getpagesize()), true
}

func (r *resident) start() {
	r.quit, r.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(r.done)
		sample, release := time.NewTicker(residentSample), time.NewTicker(residentReturn)
		defer sample.Stop()
		defer release.Stop()
		for {
			select {
			case <-r.quit:
				return
			case <-sample.C:
				if bytes, known := residentBytes(); known {
					r.samples++
					r.sum += bytes
				}
			case <-release.C:
				if r.returning {
					r.returns++
					debug.FreeOSMemory()
				}
			}
		}
	}()
}

func (r *resident) stop() {
	close(r.quit)
	<-r.done
}

func (r *resident) print(add func(key string, value int64)) {
	if r.samples > 0 {
		add("resident_bytes", r.sum/r.samples)
		add("returns", r.returns)
	}
}
