package contenders

import (
	"context"
	"sync"
)

func init() {
	register(40, Contender{
		Name:    "goroutines",
		About:   "a goroutine for each job, and a channel as a semaphore; no safety",
		Results: bounded("semaphore", goroutineResults),
		Discard: way[Run]("semaphore", goroutineDiscard),
		Bursts:  way[Burst]("semaphore", goroutineBursts),
		Calls: []Way[Calls]{
			{Name: "caller+semaphore", Run: semaphoreCalls},
			{Name: "goroutine+semaphore", Run: goroutineCalls},
		},
	})
}

func goroutineResults(size Size, fn Func, n int) (t Tally) {
	results := make(chan bareResult, size.Buffer)
	slots := make(chan struct{}, size.Workers)
	var wg sync.WaitGroup
	go func() {
		for i := range n {
			slots <- struct{}{}
			wg.Go(func() {
				value, err := fn(context.Background(), i)
				results <- bareResult{i, value, err}
				<-slots
			})
		}
		wg.Wait()
		close(results)
	}()
	for r := range results {
		t.Add(r.value, r.err)
	}
	return t
}

func goroutineDiscard(size Size, fn Func, n int) (t Tally) {
	slots := make(chan struct{}, size.Workers)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			_, err := fn(context.Background(), i)
			must(err)
			<-slots
		})
	}
	wg.Wait()
	return t
}

func goroutineBursts(size Size, fn Func, times, n int) (t Tally) {
	slots := make(chan struct{}, size.Workers)
	outcomes := make([]outcome, n)
	var wg sync.WaitGroup
	for range times {
		for i := range n {
			slots <- struct{}{}
			wg.Go(func() {
				value, err := fn(context.Background(), i)
				outcomes[i] = outcome{value, err}
				<-slots
			})
		}
		wg.Wait()
		t.addAll(outcomes)
	}
	return t
}

// semaphoreCalls needs no goroutine at all: who waits for a result can as well do the job.
// He cannot leave before it is done.
func semaphoreCalls(size Size, fn Func) (Call, func()) {
	slots := make(chan struct{}, size.Workers)
	call := func(ctx context.Context, job int) (int, error) {
		slots <- struct{}{}
		defer func() { <-slots }()
		return fn(ctx, job)
	}
	return call, func() {}
}

// goroutineCalls is for callers who want to be able to leave.
func goroutineCalls(size Size, fn Func) (Call, func()) {
	slots := make(chan struct{}, size.Workers)
	call := func(ctx context.Context, job int) (int, error) {
		slots <- struct{}{}
		reply := make(chan outcome, 1)
		go func() {
			value, err := fn(ctx, job)
			reply <- outcome{value, err}
			<-slots
		}()
		o := <-reply
		return o.value, o.err
	}
	return call, func() {}
}
