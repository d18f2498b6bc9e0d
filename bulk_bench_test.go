package workerpool_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/boundedgo/workerpool"
)

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

func BenchmarkStream(b *testing.B) {
	const n = 300_000
	p, _ := workerpool.New(noop, workerpool.WithWorkers(4))
	defer p.Stop()
	compare(b, 4, 128, n, []contender{
		{"bare", func(w, k, n int) { barePool(w, k, n) }},
		{"stream", func(w, _, n int) { drain(p.Stream(context.Background(), count(n))) }},
		{"unordered", func(w, _, n int) { drain(p.StreamUnordered(context.Background(), count(n))) }},
	})
}

func drain(s iter.Seq[workerpool.Result[int, int]], _ func() error) {
	n := 0
	for range s {
		n++
	}
	if n != 300000 {
		panic(n)
	}
}

func BenchmarkMap(b *testing.B) {
	const n = 1_000_000
	jobs := make([]int, n)
	p, _ := workerpool.New(noop, workerpool.WithWorkers(4))
	defer p.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	compare(b, 4, 128, n, []contender{
		{"hand", func(w, _, n int) { _, _ = handMap(context.Background(), jobs, noop, w, 4096) }},
		{"map", func(w, _, n int) { _, _ = p.Map(context.Background(), jobs) }},
		{"mapctx", func(w, _, n int) { _, _ = p.Map(ctx, jobs) }},
	})
}
