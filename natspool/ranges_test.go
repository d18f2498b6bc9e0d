package natspool

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever is done to ranges, they say what a map says.
func TestRanges(t *testing.T) {
	for seed := range uint64(2000) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var r ranges
		want := map[uint64]bool{}
		for range rnd.IntN(60) {
			switch n := rnd.Uint64N(40); rnd.IntN(12) {
			case 0:
				r.drop(n)
				maps.DeleteFunc(want, func(k uint64, _ bool) bool { return k <= n })
			case 1:
				r.cut(n)
				maps.DeleteFunc(want, func(k uint64, _ bool) bool { return k >= n })
			default:
				r.add(n)
				want[n] = true
			}
			for i := range r {
				require.LessOrEqual(t, r[i].first, r[i].last, "seed %d: %v", seed, r)
				require.True(t, i == 0 || r[i-1].last+1 < r[i].first, "seed %d: %v", seed, r)
			}
			have := slices.Collect(func(yield func(uint64) bool) {
				for n := range uint64(42) {
					if r.has(n) && !yield(n) {
						return
					}
				}
			})
			require.Equal(t, slices.Sorted(maps.Keys(want)), have, "seed %d: %v", seed, r)
		}
		first, last := rnd.Uint64N(40), rnd.Uint64N(40)
		all := first <= last
		for n := first; n <= last; n++ {
			all = all && want[n]
		}
		require.Equal(t, all, first <= last && r.covers(first, last), "seed %d: %v %d %d", seed, r, first, last)
	}
}
