// Pools: reuse that a run switches on or off.

package main

import "sync"

// A pool hands out objects of one type: with reuse on, ones that were given back to a sync.Pool
// while it has any; new ones otherwise. sync.Pool counts nothing, so the workers do.
type pool[T any] struct {
	on   bool
	idle sync.Pool
}

func newPool[T any](c *config) *pool[T] {
	return &pool[T]{on: c.pools}
}

// take returns an object, as it was given back or zeroed.
func (p *pool[T]) take(w *worker) *T {
	w.takenObjects++
	if !p.on {
		return new(T)
	}
	if object, some := p.idle.Get().(*T); some {
		return object
	}
	w.poolMisses++
	return new(T)
}

// give says that the caller is done with an object.
func (p *pool[T]) give(w *worker, object *T) {
	if p.on {
		w.poolPuts++
		p.idle.Put(object)
	}
}
