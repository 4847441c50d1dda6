// buffers: 1 KiB byte buffers: take one, fill it, sum it, give it back. A small ring of them is
// alive at any time.

package main

const (
	buffersOps  = 8000000 // by all workers together
	bufferWords = 1024 / 8
	buffersRing = 16
)

type byteBuffer [bufferWords]uint64

func (b *byteBuffer) fill(r *random) {
	value := r.next()
	for i := range b {
		b[i] = value
		value = value*0x9e3779b97f4a7c15 + uint64(i)
	}
}

func (b *byteBuffer) sum() uint64 {
	var total uint64
	for _, word := range b {
		total += word ^ total<<1
	}
	return total
}

func init() { register("buffers", runBuffers) }

func runBuffers(c *config, m *meter) (*result, error) {
	buffers := newPool[byteBuffer](c)
	ops := c.scaled(buffersOps, 1000) / uint64(c.threads)
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		var ring [buffersRing]*byteBuffer
		for i := uint64(0); i < ops; i++ {
			b := buffers.take(w)
			b.fill(&w.random)
			slot := &ring[i%buffersRing]
			if *slot != nil {
				w.checksum += (*slot).sum()
				buffers.give(w, *slot)
			}
			*slot = b
		}
		for _, b := range ring {
			if b != nil {
				w.checksum += b.sum()
				buffers.give(w, b)
			}
		}
		w.ops = ops
		return nil
	})
	m.stop()
	return r, err
}
