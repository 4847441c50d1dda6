// window: a ring keeps the last messages of 1 KiB. Each push makes a message, fills it, and puts
// it in the place of the oldest. Much is live, and all of it dies in the order of its making:
// the case in which generations help least. The longest push is what a reader of the messages
// would wait.

package main

import "time"

const (
	windowMessages = 1000000 // pushed in all, by all workers together
	windowKept     = 200000  // in all rings together
	windowBytes    = 1024    // of one message
)

type message [windowBytes]byte

func newMessage(fill byte) *message {
	m := new(message)
	for i := range m {
		m[i] = fill
	}
	return m
}

func init() { register("window", runWindow) }

func runWindow(c *config, m *meter) (*result, error) {
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		ring := make([]*message, w.share(c.scaled(windowKept, 100)))
		w.ops = w.share(c.scaled(windowMessages, 500))
		at := 0
		for n := uint64(0); n < w.ops; n++ {
			begin := time.Now()
			ring[at] = newMessage(byte(n))
			w.timed(uint64(time.Since(begin)))
			if at++; at == len(ring) {
				at = 0
			}
		}
		for _, kept := range ring {
			w.checksum = mix(w.checksum, uint64(kept[0])<<8|uint64(kept[windowBytes-1]))
		}
		w.directObjects = w.ops + 1
		return nil
	})
	m.stop()
	return r, err
}
