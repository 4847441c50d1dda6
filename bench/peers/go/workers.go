// Running a workload's threads.

package main

import "sync"

// parallel runs body(0) to body(threads-1) at once and returns when all are done. One thread
// runs on the caller's own goroutine.
func parallel(threads int, body func(thread int)) {
	if threads == 1 {
		body(0)
		return
	}
	var done sync.WaitGroup
	done.Add(threads)
	for i := 0; i < threads; i++ {
		go func(thread int) {
			defer done.Done()
			body(thread)
		}(i)
	}
	done.Wait()
}
