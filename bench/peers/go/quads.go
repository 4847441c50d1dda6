// quads: a tree of nodes with four children each is built and kept; then small trees of 85
// nodes are built, counted and dropped, one after the other, each of them timed. The longest
// time shows how long the collector keeps a program from its work while much is live.

package main

import (
	"errors"
	"time"
)

const (
	quadsGarbageDepth = 3       // of those that are dropped: 1 + 4 + 16 + 64 nodes
	quadsGarbageNodes = 85      // in one of them
	quadsTrees        = 1000000 // dropped in all, by all workers together
)

type quad struct {
	child [4]*quad
}

func newQuad(depth int) *quad {
	q := &quad{}
	if depth > 0 {
		for i := range q.child {
			q.child[i] = newQuad(depth - 1)
		}
	}
	return q
}

func (q *quad) nodes() uint64 {
	n := uint64(1)
	for _, child := range q.child {
		if child != nil {
			n += child.nodes()
		}
	}
	return n
}

func init() { register("quads", runQuads) }

func runQuads(c *config, m *meter) (*result, error) {
	live := newQuad(c.depth)
	expected := live.nodes()
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		w.ops = w.share(c.scaled(quadsTrees, 100))
		for n := w.ops; n > 0; n-- {
			begin := time.Now()
			nodes := newQuad(quadsGarbageDepth).nodes()
			w.timed(uint64(time.Since(begin)))
			if nodes != quadsGarbageNodes {
				return errors.New("a dropped tree has not the nodes it was given")
			}
			w.checksum += nodes
		}
		w.directObjects = w.ops * quadsGarbageNodes
		return nil
	})
	m.stop()
	if err != nil {
		return nil, err
	}
	if live.nodes() != expected {
		return nil, errors.New("the tree that was kept has lost nodes")
	}
	r.checksum = mix(r.checksum, expected)
	return r, nil
}
