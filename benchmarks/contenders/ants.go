package contenders

import (
	"context"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"
)

func init() {
	register(90, Contender{
		Name:    "ants",
		Module:  "github.com/panjf2000/ants/v2",
		About:   "`ants.PoolWithFuncGeneric`; results go into a slice, and a `WaitGroup` waits",
		Results: []Way[Run]{{Name: "Invoke+slice", Run: antsResults}, {Name: "MultiPool+slice", Run: antsMulti}},
		Ordered: []Way[Run]{{Name: "Invoke+slice", Run: antsResults}, {Name: "MultiPool+slice", Run: antsMulti}},
		Discard: way[Run]("Invoke", antsDiscard),
		Bursts:  way[Burst]("Invoke+slice", antsBursts),
		Calls:   way[Calls]("Invoke+reply", antsCalls),
	})
}

// antsPool makes the pool whose function is given once: that needs no closure for each
// job, and its generic form does not box the job either. WithPreAlloc is, by the
// documentation, for pools that are very large. ants has no results, so its users put them
// into a slice.
func antsPool[T any](size Size, do func(T)) *ants.PoolWithFuncGeneric[T] {
	p, err := ants.NewPoolWithFuncGeneric(size.Workers, do)
	must(err)
	return p
}

func antsResults(size Size, fn Func, n int) (t Tally) {
	outcomes := make([]outcome, n)
	var wg sync.WaitGroup
	p := antsPool(size, func(i int) {
		defer wg.Done()
		value, err := fn(context.Background(), i)
		outcomes[i] = outcome{value, err}
	})
	defer p.Release()
	wg.Add(n)
	for i := range n {
		must(p.Invoke(i))
	}
	wg.Wait()
	t.addAll(outcomes)
	return t
}

// antsMulti shares the workers out to two pools, which take jobs in turns: less contention
// for the lock of a pool, and jobs that wait for one while the other has a worker free.
func antsMulti(size Size, fn Func, n int) (t Tally) {
	if size.Workers == 1 {
		return antsResults(size, fn, n)
	}
	outcomes := make([]outcome, n)
	var wg sync.WaitGroup
	p, err := ants.NewMultiPoolWithFuncGeneric(2, size.Workers/2, func(i int) {
		defer wg.Done()
		value, err := fn(context.Background(), i)
		outcomes[i] = outcome{value, err}
	}, ants.RoundRobin)
	must(err)
	defer func() { _ = p.ReleaseTimeout(time.Nanosecond) }() // it need not wait: all jobs are done
	wg.Add(n)
	for i := range n {
		must(p.Invoke(i))
	}
	wg.Wait()
	t.addAll(outcomes)
	return t
}

func antsDiscard(size Size, fn Func, n int) (t Tally) {
	var wg sync.WaitGroup
	p := antsPool(size, func(i int) {
		defer wg.Done()
		_, err := fn(context.Background(), i)
		must(err)
	})
	defer p.Release()
	wg.Add(n)
	for i := range n {
		must(p.Invoke(i))
	}
	wg.Wait()
	return t
}

func antsBursts(size Size, fn Func, times, n int) (t Tally) {
	outcomes := make([]outcome, n)
	var wg sync.WaitGroup
	p := antsPool(size, func(i int) {
		defer wg.Done()
		value, err := fn(context.Background(), i)
		outcomes[i] = outcome{value, err}
	})
	defer p.Release()
	for range times {
		wg.Add(n)
		for i := range n {
			must(p.Invoke(i))
		}
		wg.Wait()
		t.addAll(outcomes)
	}
	return t
}

func antsCalls(size Size, fn Func) (Call, func()) {
	type request struct {
		ctx   context.Context
		job   int
		reply chan outcome
	}
	p := antsPool(size, func(r request) {
		value, err := fn(r.ctx, r.job)
		r.reply <- outcome{value, err}
	})
	call := func(ctx context.Context, job int) (int, error) {
		r := request{ctx, job, make(chan outcome, 1)}
		if err := p.Invoke(r); err != nil {
			return 0, err
		}
		o := <-r.reply
		return o.value, o.err
	}
	return call, p.Release
}
