package workerpool_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/boundedgo/workerpool"
)

// handMap is the best loop that one can write by hand for jobs of one size.
func handMap(ctx context.Context, jobs []int, fn func(context.Context, int) (int, error), workers, chunk int) ([]int, error) {
	out := make([]int, len(jobs))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				hi := int(next.Add(int64(chunk)))
				lo := hi - chunk
				if lo >= len(jobs) {
					return
				}
				hi = min(hi, len(jobs))
				for i := lo; i < hi; i++ {
					v, err := fn(ctx, jobs[i])
					if err != nil {
						return
					}
					out[i] = v
				}
			}
		})
	}
	wg.Wait()
	return out, nil
}

func BenchmarkMap(b *testing.B) {
	jobs := make([]int, 1_000_000)
	p := newPool(4, 128)
	defer p.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	compare(b, 4, 128, len(jobs), []contender{
		{"hand", func(w, _, _ int) { _, _ = handMap(context.Background(), jobs, noop, w, 4096) }},
		{"map", func(int, int, int) { _, _ = p.Map(context.Background(), jobs) }},
		{"cancellable", func(int, int, int) { _, _ = p.Map(ctx, jobs) }},
	})
}

func BenchmarkStream(b *testing.B) {
	p := newPool(4, 128)
	defer p.Stop()
	compare(b, 4, 128, 300_000, []contender{
		{"bare", barePool},
		{"stream", func(_, _, n int) { mustEqual(length(p.Stream(context.Background(), count(n))), n) }},
		{"unordered", func(_, _, n int) { mustEqual(length(p.StreamUnordered(context.Background(), count(n))), n) }},
	})
}

func length(s iter.Seq[workerpool.Result[int, int]], _ func() error) int {
	n := 0
	for range s {
		n++
	}
	return n
}
