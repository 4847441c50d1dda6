// splay: the splay benchmark of V8 and Octane. A splay tree of 8,000 nodes, each with a tree of
// values below it. One operation inserts a node under a new random key, with its values, and
// removes the node with the next smaller key. Each worker has a tree of its own.

package main

import (
	"errors"
	"time"
)

const (
	splayLive           = 8000   // nodes in each tree; fewer below scale 100
	splayOperations     = 200000 // by all workers together
	splayPayloadDepth   = 5
	splayPayloadObjects = 127 // 31 inner ones, 32 leaves with an array and a text each
	splayText           = "String for key 0123456789abcdef in leaf node\x00"
	splayTextKey        = 15 // where the key stands in it
)

type (
	splayArray  [10]int64
	splayString [len(splayText)]byte
	splayDigits [16]byte
)

// splayPayload is a value: inner ones have children, leaves an array and a text.
type splayPayload struct {
	left, right *splayPayload
	array       *splayArray
	text        *splayString
}

type splayNode struct {
	key         uint64
	value       *splayPayload
	left, right *splayNode
}

type splayTree struct {
	root   *splayNode
	random random
}

func splayKeyDigits(key uint64) (digits splayDigits) {
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = "0123456789abcdef"[key&15]
		key >>= 4
	}
	return digits
}

func newSplayPayload(depth int, digits *splayDigits) *splayPayload {
	if depth > 0 {
		return &splayPayload{
			left:  newSplayPayload(depth-1, digits),
			right: newSplayPayload(depth-1, digits),
		}
	}
	p := &splayPayload{array: new(splayArray), text: new(splayString)}
	for i := range p.array {
		p.array[i] = int64(i)
	}
	copy(p.text[:], splayText)
	copy(p.text[splayTextKey:], digits[:])
	return p
}

func (p *splayPayload) sum() uint64 {
	if p.left != nil {
		return p.left.sum() + p.right.sum()
	}
	var sum uint64
	for _, number := range p.array {
		sum += uint64(number)
	}
	for _, char := range p.text {
		sum += uint64(char)
	}
	return sum
}

// splay brings the node with a key, or a neighbour of its place, to the root (Sleator & Tarjan
// 1985, from the top down). sides collects the two halves: its right is the tree of smaller
// keys, its left that of greater ones.
func (t *splayTree) splay(key uint64) {
	var sides splayNode
	left, right, current := &sides, &sides, t.root
search:
	for {
		switch {
		case key < current.key:
			if current.left == nil {
				break search
			}
			if child := current.left; key < child.key { // rotate right
				current.left = child.right
				child.right = current
				current = child
				if current.left == nil {
					break search
				}
			}
			right.left = current // link right
			right = current
			current = current.left
		case key > current.key:
			if current.right == nil {
				break search
			}
			if child := current.right; key > child.key { // rotate left
				current.right = child.left
				child.left = current
				current = child
				if current.right == nil {
					break search
				}
			}
			left.right = current // link left
			left = current
			current = current.right
		default:
			break search
		}
	}
	left.right = current.left
	right.left = current.right
	current.left = sides.right
	current.right = sides.left
	t.root = current
}

// insert makes a node; the key is not in the tree, and was the last to be looked for.
func (t *splayTree) insert(key uint64) {
	digits := splayKeyDigits(key)
	node := &splayNode{key: key, value: newSplayPayload(splayPayloadDepth, &digits)}
	if root := t.root; root != nil {
		if key > root.key {
			node.left, node.right = root, root.right
			root.right = nil
		} else {
			node.right, node.left = root, root.left
			root.left = nil
		}
	}
	t.root = node
}

// remove takes out the node with a key that is in the tree.
func (t *splayTree) remove(key uint64) {
	t.splay(key)
	removed := t.root
	if removed.left == nil {
		t.root = removed.right
		return
	}
	t.root = removed.left
	t.splay(key)
	t.root.right = removed.right
}

// insertRandom inserts a node under a random key that is not in the tree, and returns the key.
func (t *splayTree) insertRandom() uint64 {
	for {
		key := t.random.next()
		if t.root != nil {
			t.splay(key)
		}
		if t.root == nil || t.root.key != key {
			t.insert(key)
			return key
		}
	}
}

// keyBefore returns the greatest key below one that is in the tree; the key itself where there
// is none.
func (t *splayTree) keyBefore(key uint64) uint64 {
	t.splay(key)
	node := t.root.left
	if node == nil {
		return key
	}
	for node.right != nil {
		node = node.right
	}
	return node.key
}

// sumSplay adds the tree below a node, in the order of its keys, to the worker's checksum; it
// returns the nodes.
func (w *worker) sumSplay(node *splayNode) uint64 {
	if node == nil {
		return 0
	}
	count := w.sumSplay(node.left)
	w.checksum = mix(w.checksum, node.key+node.value.sum())
	return count + 1 + w.sumSplay(node.right)
}

func init() { register("splay", runSplay) }

func runSplay(c *config, m *meter) (*result, error) {
	trees := make([]*splayTree, c.threads)
	live := c.scaled(splayLive, 100)
	if live > splayLive {
		live = splayLive
	}
	_, err := runWorkers(c, func(w *worker) error {
		tree := &splayTree{random: w.random}
		for i := uint64(0); i < live; i++ {
			tree.insertRandom()
		}
		trees[w.index] = tree
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		tree := trees[w.index]
		w.ops = w.share(c.scaled(splayOperations, 100))
		for n := w.ops; n > 0; n-- {
			begin := time.Now()
			tree.remove(tree.keyBefore(tree.insertRandom()))
			w.timed(uint64(time.Since(begin)))
		}
		w.directObjects = w.ops * (1 + splayPayloadObjects)
		return nil
	})
	m.stop()
	if err != nil {
		return nil, err
	}
	sums, err := runWorkers(c, func(w *worker) error {
		if w.sumSplay(trees[w.index].root) != live {
			return errors.New("a tree has not the nodes it was given")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.checksum = sums.checksum
	return r, nil
}
