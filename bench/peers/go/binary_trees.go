// binary-trees: as the Computer Language Benchmarks Game defines it. A tree of the depth beyond
// the greatest is built and dropped, one of the greatest depth is built and kept; then, for each
// second depth from 4 up, as many trees are built, counted and dropped as make the nodes of all
// depths about equal. Workers divide the trees of each depth.

package main

import (
	"errors"
	"math/bits"
)

const (
	binaryTreesDepth    = 18 // the greatest at scale 100; each doubling of the scale adds one
	binaryTreesMinDepth = 4
)

type binaryTree struct {
	left, right *binaryTree
}

func newBinaryTree(depth int) *binaryTree {
	if depth == 0 {
		return &binaryTree{}
	}
	return &binaryTree{newBinaryTree(depth - 1), newBinaryTree(depth - 1)}
}

func (t *binaryTree) check() uint64 {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.check() + t.right.check()
}

// depthAtScale turns a scale in percent into a depth: work doubles with each level.
func depthAtScale(base, least int, c *config) int {
	depth := base
	if c.scale >= 100 {
		depth += bits.Len(uint(c.scale/100)) - 1
	} else {
		depth -= bits.Len(uint(99 / c.scale))
	}
	if depth < least {
		return least
	}
	return depth
}

func init() { register("binary-trees", runBinaryTrees) }

func runBinaryTrees(c *config, m *meter) (*result, error) {
	depth := depthAtScale(binaryTreesDepth, binaryTreesMinDepth+2, c)
	m.start()
	stretch := newBinaryTree(depth + 1).check()
	kept := newBinaryTree(depth)
	r, err := runWorkers(c, func(w *worker) error {
		for d := binaryTreesMinDepth; d <= depth; d += 2 {
			trees := w.share(uint64(1) << uint(depth-d+binaryTreesMinDepth))
			for i := uint64(0); i < trees; i++ {
				nodes := newBinaryTree(d).check()
				w.checksum += mix(uint64(d), nodes)
				w.directObjects += nodes
			}
			w.ops += trees
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	nodes := kept.check()
	m.stop()
	if stretch != 2*nodes+1 {
		return nil, errors.New("the tree that was kept has lost nodes")
	}
	r.ops += 2
	r.directObjects += stretch + nodes
	r.checksum = mix(r.checksum, stretch)
	return r, nil
}
