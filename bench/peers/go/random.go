// Random numbers and checksums, the same as in the C workloads.

package main

import "math/bits"

// random is splitmix64 (Steele, Lea & Flood 2014), the twin of bench/random.h: one word of
// state, so that a seed names the same work everywhere.
type random struct {
	state uint64
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// below returns a number in [0, bound), bound below 2^32, without a division.
func (r *random) below(bound uint32) uint32 {
	return uint32(((r.next() >> 32) * uint64(bound)) >> 32)
}

// unit returns a number in [0, 1).
func (r *random) unit() float64 {
	return float64(r.next()>>11) * 0x1p-53
}

// randomStream is the generator of one stream (a worker's index, say) under a seed.
func randomStream(seed, stream uint64) random {
	root := random{seed ^ (stream * 0xd1342543de82ef95)}
	return random{root.next()}
}

// mix folds a value into a checksum; order matters within a thread. The sums of several
// threads are added, so that their order does not.
func mix(sum, value uint64) uint64 {
	return bits.RotateLeft64(sum^value, 29) * 0x9e3779b97f4a7c15
}
