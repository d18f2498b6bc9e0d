package workerpool_test

import (
	"context"
	"slices"
	"sync"

	"github.com/boundedgo/workerpool"
)

// raceSubmitters submits from several goroutines, in every way, until the pool takes
// no more. What it returns gets the jobs that were accepted for Results, sorted.
func raceSubmitters(p *workerpool.Pool[int, int]) <-chan []int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := []int{}
	ctx := context.Background()
	for s := range 6 {
		wg.Go(func() {
			for n := s; n < 6*50; n += 6 {
				var err error
				switch s % 3 {
				case 0:
					err = p.Submit(ctx, n)
				case 1:
					err = p.TrySubmit(n)
				case 2:
					_, _ = p.Do(ctx, n) // has its own result
					continue
				}
				if err == nil {
					mu.Lock()
					accepted = append(accepted, n)
					mu.Unlock()
				}
			}
		})
	}
	done := make(chan []int, 1)
	go func() {
		wg.Wait()
		slices.Sort(accepted)
		done <- accepted
	}()
	return done
}
