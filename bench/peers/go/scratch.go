// scratch: 1 KiB scratch buffers: take one, write a line into it, give it back.

package main

const (
	scratchOps   = 40000000 // by all workers together
	scratchWords = 8        // that are written of each
)

// writeLine writes a line into the buffer and reads it again. It is not inlined, so nothing of that
// can be left out; and as a buffer may go into a pool, it lies in the heap.
//
//go:noinline
func (b *byteBuffer) writeLine(value uint64) uint64 {
	var total uint64
	line := b[:scratchWords]
	for i := range line {
		line[i] = value + uint64(i)
	}
	for i, word := range line {
		total += word ^ uint64(i)
	}
	return total
}

func init() { register("scratch", runScratch) }

func runScratch(c *config, m *meter) (*result, error) {
	buffers := newPool[byteBuffer](c)
	ops := c.scaled(scratchOps, 1000) / uint64(c.threads)
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		value := w.random.next()
		for i := uint64(0); i < ops; i++ {
			b := buffers.take(w)
			w.checksum += b.writeLine(value + i)
			buffers.give(w, b)
		}
		w.ops = ops
		return nil
	})
	m.stop()
	return r, err
}
