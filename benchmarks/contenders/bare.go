package contenders

import (
	"context"
	"sync"
)

func init() {
	register(30, Contender{
		Name:    Baseline,
		About:   "a pool written by hand: a channel of jobs, workers, a channel of results, a `WaitGroup` that closes it; no safety",
		Results: bounded("channels", bareResults),
		Discard: way[Run]("channel", bareDiscard),
		Bursts:  way[Burst]("channels", bareBursts),
		Calls:   way[Calls]("channels", bareCalls),
	})
}

// bareResult carries the job too, as one needs to know whose result it is.
type bareResult struct {
	job, value int
	err        error
}

// bareStart starts what one writes by hand. It has the fast path of a pool and nothing
// else: a panic ends the program, a Goexit hangs it, it cannot be cancelled.
func bareStart(size Size, fn Func) (chan<- int, <-chan bareResult) {
	jobs := make(chan int, size.Buffer)
	results := make(chan bareResult, size.Buffer)
	var wg sync.WaitGroup
	for range size.Workers {
		wg.Go(func() {
			for job := range jobs {
				value, err := fn(context.Background(), job)
				results <- bareResult{job, value, err}
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	return jobs, results
}

func bareResults(size Size, fn Func, n int) (t Tally) {
	jobs, results := bareStart(size, fn)
	go func() {
		for i := range n {
			jobs <- i
		}
		close(jobs)
	}()
	for r := range results {
		t.Add(r.value, r.err)
	}
	return t
}

func bareDiscard(size Size, fn Func, n int) (t Tally) {
	jobs := make(chan int, size.Buffer)
	var wg sync.WaitGroup
	for range size.Workers {
		wg.Go(func() {
			for job := range jobs {
				_, err := fn(context.Background(), job)
				must(err)
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	wg.Wait()
	return t
}

// bareBursts sends a burst and then reads its results: the buffer has room for it.
func bareBursts(size Size, fn Func, times, n int) (t Tally) {
	jobs, results := bareStart(size, fn)
	for range times {
		for i := range n {
			jobs <- i
		}
		for range n {
			r := <-results
			t.Add(r.value, r.err)
		}
	}
	close(jobs)
	for range results { // closed when the workers have left
	}
	return t
}

// bareCalls is the bare pool for callers who wait for their own result: each job carries
// the channel for it.
func bareCalls(size Size, fn Func) (Call, func()) {
	type request struct {
		ctx   context.Context
		job   int
		reply chan outcome
	}
	jobs := make(chan request, size.Buffer)
	var wg sync.WaitGroup
	for range size.Workers {
		wg.Go(func() {
			for r := range jobs {
				value, err := fn(r.ctx, r.job)
				r.reply <- outcome{value, err}
			}
		})
	}
	call := func(ctx context.Context, job int) (int, error) {
		r := request{ctx, job, make(chan outcome, 1)}
		jobs <- r
		o := <-r.reply
		return o.value, o.err
	}
	return call, func() { close(jobs); wg.Wait() }
}
