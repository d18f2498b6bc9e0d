package contenders

import (
	"context"

	"github.com/alitto/pond/v2"
)

func init() {
	futures := Way[Run]{Name: "ResultPool.Submit", Run: pondFutures, Bounded: true}
	register(70, Contender{
		Name:   "pond",
		Module: "github.com/alitto/pond/v2",
		About:  "`pond.ResultPool`, and `pond.Pool` with a channel for the results",
		Results: []Way[Run]{
			futures,
			{Name: "ResultPool.Group", Run: pondGroup},
			{Name: "Pool.Go+channel", Run: pondChannel, Bounded: true},
		},
		Ordered: []Way[Run]{futures, {Name: "ResultPool.Group", Run: pondGroup}},
		Discard: way[Run]("Pool.Go", pondDiscard),
		Bursts:  way[Burst]("ResultPool.Group", pondBursts),
		Calls:   way[Calls]("ResultPool.Submit", pondCalls),
	})
}

// pondFutures reads the futures in the order in which they were submitted, through a
// channel of the size of the buffer, while more are. A bounded queue is no slower here than
// the unbounded default, and is what the others have.
func pondFutures(size Size, fn Func, n int) (t Tally) {
	p := pond.NewResultPool[int](size.Workers, pond.WithQueueSize(size.Buffer))
	futures := make(chan pond.ResultTask[int], size.Buffer)
	go func() {
		for i := range n {
			futures <- p.SubmitErr(func() (int, error) { return fn(context.Background(), i) })
		}
		close(futures)
	}()
	for f := range futures {
		t.Add(f.Wait())
	}
	p.StopAndWait()
	return t
}

// pondGroup waits for all at once, and has the results in the order of the jobs.
func pondGroup(size Size, fn Func, n int) (t Tally) {
	p := pond.NewResultPool[int](size.Workers, pond.WithQueueSize(size.Buffer))
	pondOneGroup(p, fn, n, &t)
	p.StopAndWait()
	return t
}

func pondOneGroup(p pond.ResultPool[int], fn Func, n int, t *Tally) {
	g := p.NewGroup()
	for i := range n {
		g.SubmitErr(func() (int, error) { return fn(context.Background(), i) })
	}
	values, err := g.Wait()
	for _, value := range values {
		t.Add(value, err)
	}
}

// pondChannel does without futures, which cost a context each: results go through a
// channel of one's own.
func pondChannel(size Size, fn Func, n int) (t Tally) {
	p := pond.NewPool(size.Workers, pond.WithQueueSize(size.Buffer))
	results := make(chan bareResult, size.Buffer)
	go func() {
		for i := range n {
			must(p.Go(func() {
				value, err := fn(context.Background(), i)
				results <- bareResult{i, value, err}
			}))
		}
		p.StopAndWait()
		close(results)
	}()
	for r := range results {
		t.Add(r.value, r.err)
	}
	return t
}

func pondDiscard(size Size, fn Func, n int) (t Tally) {
	p := pond.NewPool(size.Workers, pond.WithQueueSize(size.Buffer))
	for i := range n {
		must(p.Go(func() {
			_, err := fn(context.Background(), i)
			must(err)
		}))
	}
	p.StopAndWait()
	return t
}

func pondBursts(size Size, fn Func, times, n int) (t Tally) {
	p := pond.NewResultPool[int](size.Workers, pond.WithQueueSize(size.Buffer))
	for range times {
		pondOneGroup(p, fn, n, &t)
	}
	p.StopAndWait()
	return t
}

func pondCalls(size Size, fn Func) (Call, func()) {
	p := pond.NewResultPool[int](size.Workers, pond.WithQueueSize(size.Buffer))
	call := func(ctx context.Context, job int) (int, error) {
		return p.SubmitErr(func() (int, error) { return fn(ctx, job) }).Wait()
	}
	return call, p.StopAndWait
}
