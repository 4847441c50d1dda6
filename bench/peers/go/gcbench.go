// gcbench: John Ellis's and Pete Kovac's benchmark as Hans Boehm adapted it. A large tree is
// built and dropped, to stretch the heap; a tree and an array of doubles are kept; then trees
// of each second depth from 4 up are built and dropped, from the top down and from the bottom
// up, as many of each depth as make their nodes about equal. Each worker does all of it.

package main

import "errors"

const (
	gcbenchDepth    = 16 // the greatest at scale 100; each doubling of the scale adds one
	gcbenchMinDepth = 4
	gcbenchStretch  = 2      // by so much the first tree is deeper
	gcbenchArray    = 500000 // doubles kept
)

// The two numbers are the benchmark's own: nobody reads them, but they make the node's size.
type gcbenchNode struct {
	left, right *gcbenchNode
	i, j        int32
}

// populate grows a tree below a node, the parents first.
func (n *gcbenchNode) populate(depth int) {
	if depth <= 0 {
		return
	}
	n.left = &gcbenchNode{}
	n.right = &gcbenchNode{}
	n.left.populate(depth - 1)
	n.right.populate(depth - 1)
}

func gcbenchTopDown(depth int) *gcbenchNode {
	root := &gcbenchNode{}
	root.populate(depth)
	return root
}

// gcbenchBottomUp builds a tree, the children first.
func gcbenchBottomUp(depth int) *gcbenchNode {
	if depth <= 0 {
		return &gcbenchNode{}
	}
	return &gcbenchNode{left: gcbenchBottomUp(depth - 1), right: gcbenchBottomUp(depth - 1)}
}

func (n *gcbenchNode) nodes() uint64 {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.nodes() + n.right.nodes()
}

func gcbenchTreeSize(depth int) uint64 {
	return uint64(1)<<uint(depth+1) - 1
}

// construct builds and drops the trees of one depth. The last of each kind is counted; counting
// all would double the benchmark's work.
func (w *worker) construct(depth, greatest int) {
	trees := 2 * gcbenchTreeSize(greatest+gcbenchStretch) / gcbenchTreeSize(depth)
	var last *gcbenchNode
	for i := uint64(0); i < trees; i++ {
		last = gcbenchTopDown(depth)
	}
	w.checksum = mix(w.checksum, last.nodes())
	for i := uint64(0); i < trees; i++ {
		last = gcbenchBottomUp(depth)
	}
	w.checksum = mix(w.checksum, last.nodes())
	w.ops += 2 * trees
	w.directObjects += 2 * trees * gcbenchTreeSize(depth)
}

func init() { register("gcbench", runGCBench) }

func runGCBench(c *config, m *meter) (*result, error) {
	greatest := depthAtScale(gcbenchDepth, gcbenchMinDepth+2, c)
	m.start()
	r, err := runWorkers(c, func(w *worker) error {
		w.checksum = gcbenchBottomUp(greatest + gcbenchStretch).nodes()
		kept := gcbenchTopDown(greatest)
		array := make([]float64, gcbenchArray)
		for i := 1; i < gcbenchArray/2; i++ {
			array[i] = 1 / float64(i)
		}
		w.ops = 2
		w.directObjects = w.checksum + gcbenchTreeSize(greatest) + 1
		for depth := gcbenchMinDepth; depth <= greatest; depth += 2 {
			w.construct(depth, greatest)
		}
		if kept.nodes() != gcbenchTreeSize(greatest) || array[1000] != 1.0/1000 {
			return errors.New("what was kept has changed")
		}
		return nil
	})
	m.stop()
	return r, err
}
