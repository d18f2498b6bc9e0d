//go:build previous

package contenders

import (
	"context"
	"iter"

	previous "github.com/boundedgo/previous"
)

// The library as it was in another revision, which scripts/benchmarks.sh provides under
// another module path. What that revision can do is asked at run time, so that this file
// compiles against all of them.

type (
	previousPool = previous.Pool[int, int]
	previousSeq  = iter.Seq[previous.Result[int, int]]
)

func init() {
	c := Contender{
		Name:    Previous,
		Module:  "github.com/boundedgo/previous",
		About:   "this library in the revision that the run was told to compare with",
		Results: bounded("Submit", previousSubmit),
		Discard: way[Run]("Submit", previousDiscard),
		Bursts:  way[Burst]("Submit", previousBursts),
		Calls:   way[Calls]("Do", previousCalls),
	}
	var p any = (*previousPool)(nil)
	if _, ok := p.(previousUnordered); ok {
		c.Results = append(c.Results, Way[Run]{Name: "StreamUnordered", Run: previousStreamUnordered, Bounded: true})
	}
	if _, ok := p.(previousOrdered); ok {
		stream := Way[Run]{Name: "Stream", Run: previousStream, Bounded: true}
		c.Results = append(c.Results, stream)
		c.Ordered = append(c.Ordered, stream)
	}
	if _, ok := p.(previousMapper); ok {
		c.Slices = way[Map]("Map", previousMap)
	}
	register(20, c)
}

type (
	previousMapper interface {
		Map(ctx context.Context, jobs []int) ([]int, error)
	}
	previousOrdered interface {
		Stream(ctx context.Context, jobs iter.Seq[int]) (previousSeq, func() error)
	}
	previousUnordered interface {
		StreamUnordered(ctx context.Context, jobs iter.Seq[int]) (previousSeq, func() error)
	}
)

func newPrevious(size Size, fn Func) *previousPool {
	p, err := previous.New(fn, previous.WithWorkers(size.Workers), previous.WithBuffer(size.Buffer))
	must(err)
	return p
}

func previousSubmit(size Size, fn Func, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	p := newPrevious(size, fn)
	go func() {
		for i := range n {
			must(p.Submit(ctx, i))
		}
		p.Close()
	}()
	for r := range p.Results() {
		t.Add(r.Value, r.Err)
	}
	return t
}

func previousDiscard(size Size, fn Func, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	p := newPrevious(size, fn)
	go func() {
		for i := range n {
			must(p.Submit(ctx, i))
		}
		p.Close()
	}()
	for r := range p.Results() {
		must(r.Err)
	}
	return t
}

func previousBursts(size Size, fn Func, times, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	p := newPrevious(size, fn)
	defer p.Stop()
	for range times {
		for i := range n {
			must(p.Submit(ctx, i))
		}
		for range n {
			r := <-p.Results()
			t.Add(r.Value, r.Err)
		}
	}
	return t
}

// previousTally counts the results of a stream.
func previousTally(results previousSeq, errf func() error) (t Tally) {
	for r := range results {
		t.Add(r.Value, r.Err)
	}
	must(errf())
	return t
}

func previousStream(size Size, fn Func, n int) Tally {
	ctx, cancel := cancellable()
	defer cancel()
	p := newPrevious(size, fn)
	defer p.Stop()
	return previousTally(any(p).(previousOrdered).Stream(ctx, upTo(n)))
}

func previousStreamUnordered(size Size, fn Func, n int) Tally {
	ctx, cancel := cancellable()
	defer cancel()
	p := newPrevious(size, fn)
	defer p.Stop()
	return previousTally(any(p).(previousUnordered).StreamUnordered(ctx, upTo(n)))
}

func previousMap(size Size, fn Func, jobs []int) ([]int, error) {
	ctx, cancel := cancellable()
	defer cancel()
	p := newPrevious(size, fn)
	defer p.Stop()
	return any(p).(previousMapper).Map(ctx, jobs)
}

func previousCalls(size Size, fn Func) (Call, func()) {
	p := newPrevious(size, fn)
	return p.Do, func() { p.Stop() }
}
