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

// push puts a new message in a place of the ring and gives the oldest back.
func push(w *worker, messages *pool[message], place **message, fill byte) {
	m := messages.take(w)
	m[0] = fill
	for n := 1; n < len(m); n *= 2 { // Go has no memset but for zero; this is the fastest
		copy(m[n:], m[:n])
	}
	if oldest := *place; oldest != nil {
		messages.give(w, oldest)
	}
	*place = m
}

func init() { register("window", runWindow) }

func runWindow(c *config, m *meter) (*result, error) {
	messages := newPool[message](c)
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		ring := make([]*message, w.share(c.scaled(windowKept, 100)))
		w.ops = w.share(c.scaled(windowMessages, 500))
		at := 0
		for n := uint64(0); n < w.ops; n++ {
			begin := time.Now()
			push(w, messages, &ring[at], byte(n))
			w.timed(uint64(time.Since(begin)))
			if at++; at == len(ring) {
				at = 0
			}
		}
		for _, kept := range ring {
			w.checksum = mix(w.checksum, uint64(kept[0])<<8|uint64(kept[windowBytes-1]))
			messages.give(w, kept)
		}
		w.directObjects = 1
		return nil
	})
	m.stop()
	return r, err
}
