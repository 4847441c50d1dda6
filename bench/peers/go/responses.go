// responses: an API gateway. Requests are answered with JSON of 1 to 8 KiB, put together in byte
// buffers from pieces made in string builders, beside a table of sessions that also change.
// First as many requests as the workers can serve, then requests that arrive at random moments,
// whose latency counts from their arrival; bench/workload_responses.c says more.

package main

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	responsesSessions = 50000
	responsesStripes  = 256
	responsesClosed   = 140000 // requests of the first part, all workers together
	responsesOpen     = 70000  // of the second
	responsesLoad     = 0.4    // of the capacity, where no rate is given
	responsesRoom     = 1536   // for what is written of a session under its lock
	responsesItemsMax = 6
)

// A text is a byte buffer or a string builder; it grows by doubling, as the one in C does.
type text struct {
	data []byte
}

type cartItem struct {
	next            *cartItem
	title           []byte
	quantity, cents uint32
}

type session struct {
	name, token []byte
	items       *cartItem
	id          uint64
}

type gateway struct {
	config   *config
	table    []*session
	locks    [responsesStripes]sync.Mutex
	buffers  *pool[text]
	builders *pool[text]
	total    uint64  // requests of this part
	first    uint64  // number of its first request
	due      []int64 // when each arrives, in ns from the part's begin; nil: at once
	begin    time.Time
	next     atomic.Uint64
}

func (t *text) reserve(w *worker, more int) {
	if len(t.data)+more <= cap(t.data) {
		return
	}
	capacity := cap(t.data)
	if capacity == 0 {
		capacity = 64
	}
	for capacity < len(t.data)+more {
		capacity *= 2
	}
	data := make([]byte, len(t.data), capacity)
	w.directObjects++
	copy(data, t.data)
	t.data = data
}

func (t *text) put(w *worker, s string) {
	t.reserve(w, len(s))
	t.data = append(t.data, s...)
}

func (t *text) putBytes(w *worker, b []byte) {
	t.reserve(w, len(b))
	t.data = append(t.data, b...)
}

func (t *text) putNumber(w *worker, n uint64) {
	var digits [20]byte
	t.putBytes(w, strconv.AppendUint(digits[:0], n, 10))
}

func newWord(w *worker, r *random, letters uint32) []byte {
	word := make([]byte, letters)
	for i := range word {
		word[i] = byte('a' + r.below(26))
	}
	w.directObjects++
	return word
}

// newItems makes the cart of session id, which depends on nothing else.
func newItems(w *worker, id uint64) *cartItem {
	r := randomStream(id, 1)
	count := 1 + r.below(responsesItemsMax)
	var items *cartItem
	for i := uint32(0); i < count; i++ {
		item := &cartItem{title: newWord(w, &r, 16+r.below(25))}
		item.quantity = 1 + r.below(9)
		item.cents = r.below(100000)
		item.next = items
		items = item
	}
	w.directObjects += uint64(count)
	return items
}

func newSession(w *worker, id uint64) *session {
	r := randomStream(id, 0)
	s := &session{id: id, name: newWord(w, &r, 8+r.below(17))}
	s.token = newWord(w, &r, 40)
	s.items = newItems(w, id)
	w.directObjects++
	return s
}

func (g *gateway) lock(id uint32) *sync.Mutex {
	return &g.locks[id%responsesStripes]
}

// renewSession: a login; a new session takes the place of the present one.
func (g *gateway) renewSession(w *worker, id uint32) {
	s := newSession(w, uint64(id))
	g.lock(id).Lock()
	g.table[id] = s
	g.lock(id).Unlock()
}

func (g *gateway) renewItems(w *worker, id uint32) {
	items := newItems(w, uint64(id))
	g.lock(id).Lock()
	g.table[id].items = items
	g.lock(id).Unlock()
}

func (g *gateway) putSession(w *worker, body *text, id uint32) {
	body.reserve(w, responsesRoom)
	g.lock(id).Lock()
	s := g.table[id]
	body.put(w, `{"session":{"id":`)
	body.putNumber(w, s.id)
	body.put(w, `,"name":"`)
	body.putBytes(w, s.name)
	body.put(w, `","token":"`)
	body.putBytes(w, s.token)
	body.put(w, `","items":[`)
	for item := s.items; item != nil; item = item.next {
		if item == s.items {
			body.put(w, `{"title":"`)
		} else {
			body.put(w, `,{"title":"`)
		}
		body.putBytes(w, item.title)
		body.put(w, `","quantity":`)
		body.putNumber(w, uint64(item.quantity))
		body.put(w, `,"cents":`)
		body.putNumber(w, uint64(item.cents))
		body.put(w, `}`)
	}
	g.lock(id).Unlock()
	body.put(w, `]},"results":[`)
}

var resultWords = [8]string{"harbour ", "lantern ", "meadow ", "orchard ",
	"pebble ", "quarry ", "riddle ", "saddle "}

// buildResult makes one result of the response in the builder.
func buildResult(w *worker, builder *text, r *random) {
	words := 2 + r.below(10)
	builder.data = builder.data[:0]
	builder.put(w, `{"key":`)
	builder.putNumber(w, r.next())
	builder.put(w, `,"score":`)
	builder.putNumber(w, uint64(r.below(1000)))
	builder.put(w, `,"text":"`)
	for i := uint32(0); i < words; i++ {
		builder.put(w, resultWords[r.below(8)])
	}
	builder.put(w, `"}`)
}

func (g *gateway) serve(w *worker, number uint64) {
	r := randomStream(g.config.seed, 2<<32+number)
	id := r.below(uint32(len(g.table)))
	kind := r.below(16)
	size := 1024 + int(r.below(7*1024))
	body, builder := g.buffers.take(w), g.builders.take(w)
	body.data, builder.data = body.data[:0], builder.data[:0]
	if kind == 0 {
		g.renewSession(w, id)
	} else if kind < 3 {
		g.renewItems(w, id)
	}
	g.putSession(w, body, id)
	for first := true; len(body.data) < size; first = false {
		buildResult(w, builder, &r)
		if !first {
			body.put(w, ",")
		}
		body.putBytes(w, builder.data)
	}
	body.put(w, "]}")
	w.checksum += hashBytes(body.data)
	g.builders.give(w, builder)
	g.buffers.give(w, body)
}

// sleepUntil sleeps in the system, not in the runtime, whose timers are coarser: C does so too.
func sleepUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		ts := syscall.NsecToTimespec(left.Nanoseconds())
		_ = syscall.Nanosleep(&ts, nil) // woken too early, it sleeps again
	}
}

// work takes up request after request; one that has not arrived yet is waited for.
func (g *gateway) work(w *worker) error {
	for {
		i := g.next.Add(1) - 1
		if i >= g.total {
			return nil
		}
		if g.due == nil {
			g.serve(w, g.first+i)
			w.ops++
			continue
		}
		due := g.begin.Add(time.Duration(g.due[i]))
		begin := time.Now()
		if begin.Before(due) {
			sleepUntil(due)
			begin = time.Now()
		}
		g.serve(w, g.first+i)
		w.ops++
		w.latency.record(uint64(time.Since(due)))
		w.service.record(uint64(time.Since(begin)))
	}
}

// arrivals of a Poisson process.
func arrivals(c *config, total uint64, rate float64) []int64 {
	r := randomStream(c.seed, 3<<32)
	due := make([]int64, total)
	at := 0.0
	for i := range due {
		at += -math.Log(1-r.unit()) / rate
		due[i] = int64(at * 1e9)
	}
	return due
}

func (g *gateway) runPart(total uint64) (*result, time.Duration, error) {
	g.total = total
	g.next.Store(0)
	g.begin = time.Now()
	r, err := runWorkers(g.config, g.work)
	return r, time.Since(g.begin), err
}

func init() { register("responses", runResponses) }

func runResponses(c *config, m *meter) (*result, error) {
	sessions := c.scaled(10*responsesSessions, 100)
	if sessions > responsesSessions {
		sessions = responsesSessions
	}
	g := &gateway{
		config:   c,
		table:    make([]*session, sessions),
		buffers:  newPool[text](c),
		builders: newPool[text](c),
	}
	nobody := &worker{}
	for id := range g.table {
		g.table[id] = newSession(nobody, uint64(id))
	}
	closed, open := c.scaled(responsesClosed, 200), c.scaled(responsesOpen, 100)
	m.start()
	total, spent, err := g.runPart(closed)
	if err != nil {
		return nil, err
	}
	capacity := float64(closed) / spent.Seconds()
	rate := c.rate
	if rate <= 0 {
		rate = responsesLoad * capacity
	}
	g.first = closed
	g.due = arrivals(c, open, rate)
	r, _, err := g.runPart(open)
	if err != nil {
		return nil, err
	}
	m.stop()
	total.add(r)
	total.report = append(total.report, fmt.Sprintf("capacity_ops_s %.0f", capacity),
		fmt.Sprintf("offered_ops_s %.0f", rate))
	return total, nil
}
