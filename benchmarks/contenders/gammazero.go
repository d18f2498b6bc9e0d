package contenders

import (
	"context"
	"sync"

	"github.com/gammazero/workerpool"
)

func init() {
	register(100, Contender{
		Name:    "gammazero",
		Module:  "github.com/gammazero/workerpool",
		About:   "`gammazero/workerpool`; results go into a slice; its queue is unbounded",
		Results: way[Run]("Do+slice", gammazeroResults),
		Ordered: way[Run]("Do+slice", gammazeroResults),
		Discard: way[Run]("Do", gammazeroDiscard),
		Bursts:  way[Burst]("Do+slice", gammazeroBursts),
		Calls:   way[Calls]("DoWait", gammazeroCalls),
	})
}

// gammazeroResults waits by StopWait, which waits for all jobs.
func gammazeroResults(size Size, fn Func, n int) (t Tally) {
	outcomes := make([]outcome, n)
	p := workerpool.New(size.Workers)
	for i := range n {
		must(p.Do(func() {
			value, err := fn(context.Background(), i)
			outcomes[i] = outcome{value, err}
		}))
	}
	p.StopWait()
	t.addAll(outcomes)
	return t
}

func gammazeroDiscard(size Size, fn Func, n int) (t Tally) {
	p := workerpool.New(size.Workers)
	for i := range n {
		must(p.Do(func() {
			_, err := fn(context.Background(), i)
			must(err)
		}))
	}
	p.StopWait()
	return t
}

// gammazeroBursts needs a WaitGroup: the pool cannot wait without stopping.
func gammazeroBursts(size Size, fn Func, times, n int) (t Tally) {
	outcomes := make([]outcome, n)
	p := workerpool.New(size.Workers)
	defer p.StopWait()
	var wg sync.WaitGroup
	for range times {
		wg.Add(n)
		for i := range n {
			must(p.Do(func() {
				defer wg.Done()
				value, err := fn(context.Background(), i)
				outcomes[i] = outcome{value, err}
			}))
		}
		wg.Wait()
		t.addAll(outcomes)
	}
	return t
}

func gammazeroCalls(size Size, fn Func) (Call, func()) {
	p := workerpool.New(size.Workers)
	call := func(ctx context.Context, job int) (value int, err error) {
		if refused := p.DoWait(func() { value, err = fn(ctx, job) }); refused != nil {
			return 0, refused
		}
		return value, err
	}
	return call, p.StopWait
}
