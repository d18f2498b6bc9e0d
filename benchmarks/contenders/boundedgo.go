package contenders

import (
	"context"
	"iter"

	"github.com/boundedgo/workerpool"
)

func init() {
	stream := Way[Run]{Name: "Stream", Run: ourStream, Bounded: true}
	register(10, Contender{
		Name:   Ours,
		Module: "github.com/boundedgo/workerpool",
		About:  "this library",
		Results: []Way[Run]{
			{Name: "Submit", Run: ourSubmit, Bounded: true},
			{Name: "StreamUnordered", Run: ourStreamUnordered, Bounded: true},
			stream,
		},
		Ordered: []Way[Run]{stream},
		Observed: []Way[Run]{
			{Name: "Submit", Run: ourSubmit},
			{Name: "Submit+timing", Run: observed(workerpool.WithTiming())},
			{Name: "Submit+hooks", Run: observed(observing)},
			{Name: "Submit+both", Run: observed(workerpool.WithTiming(), observing)},
		},
		Discard: []Way[Run]{
			{Name: "Submit", Run: ourDiscard},
			{Name: "StreamUnordered", Run: ourStreamDiscard},
			{Name: "ForEach", Run: ourForEach},
		},
		Slices: []Way[Map]{
			{Name: "Map", Run: ourMap},
			{Name: "Map+cancel", Run: ourMapCancellable},
			{Name: "Collect", Run: ourCollect},
		},
		Bursts: []Way[Burst]{{Name: "Submit", Run: ourBursts}, {Name: "Map", Run: ourMapBursts}},
		Calls:  way[Calls]("Do", ourCalls),
	})
}

// cancellable is a context that can end, as those of real programs can: that costs more
// than one which cannot.
func cancellable() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

func ourOptions(size Size) []workerpool.Option {
	return []workerpool.Option{workerpool.WithWorkers(size.Workers), workerpool.WithBuffer(size.Buffer)}
}

func ourPool(size Size, fn Func) *workerpool.Pool[int, int] {
	p, err := workerpool.New(fn, ourOptions(size)...)
	must(err)
	return p
}

func ourSubmit(size Size, fn Func, n int) Tally { return ourObserved(size, fn, n) }

// observing are hooks as those have who look at each job.
var observing = workerpool.WithHooks(workerpool.Hooks{
	Queued:  func(context.Context, workerpool.JobInfo) {},
	Started: func(ctx context.Context, _ workerpool.JobInfo) context.Context { return ctx },
	Done:    func(context.Context, workerpool.JobInfo) {},
})

// observed is Submit to a pool with options by which somebody looks at it.
func observed(opts ...workerpool.Option) Run {
	return func(size Size, fn Func, n int) Tally { return ourObserved(size, fn, n, opts...) }
}

func ourObserved(size Size, fn Func, n int, opts ...workerpool.Option) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	p, err := workerpool.New(fn, append(ourOptions(size), opts...)...)
	must(err)
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

// ourDiscard reads the results and does nothing with them, as somebody has to.
func ourDiscard(size Size, fn Func, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	p := ourPool(size, fn)
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

// upTo is a sequence of 0 to n-1.
func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// ourTally counts the results of a stream.
func ourTally(results iter.Seq[workerpool.Result[int, int]], errf func() error) (t Tally) {
	for r := range results {
		t.Add(r.Value, r.Err)
	}
	must(errf())
	return t
}

func ourStream(size Size, fn Func, n int) Tally {
	ctx, cancel := cancellable()
	defer cancel()
	return ourTally(workerpool.Stream(ctx, upTo(n), fn, ourOptions(size)...))
}

func ourStreamUnordered(size Size, fn Func, n int) Tally {
	ctx, cancel := cancellable()
	defer cancel()
	return ourTally(workerpool.StreamUnordered(ctx, upTo(n), fn, ourOptions(size)...))
}

func ourStreamDiscard(size Size, fn Func, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	results, errf := workerpool.StreamUnordered(ctx, upTo(n), fn, ourOptions(size)...)
	for r := range results {
		must(r.Err)
	}
	must(errf())
	return t
}

// ourForEach makes the slice that it takes.
func ourForEach(size Size, fn Func, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	jobs := make([]int, n)
	for i := range jobs {
		jobs[i] = i
	}
	must(workerpool.ForEach(ctx, jobs, func(ctx context.Context, job int) error {
		_, err := fn(ctx, job)
		return err
	}, ourOptions(size)...))
	return t
}

// ourMap has a context that cannot end, as the others don't look at theirs.
func ourMap(size Size, fn Func, jobs []int) ([]int, error) {
	return workerpool.Map(context.Background(), jobs, fn, ourOptions(size)...)
}

// ourMapCancellable looks at its context before each job.
func ourMapCancellable(size Size, fn Func, jobs []int) ([]int, error) {
	ctx, cancel := cancellable()
	defer cancel()
	return workerpool.Map(ctx, jobs, fn, ourOptions(size)...)
}

// ourCollect makes a slice of the values too, as the others return one.
func ourCollect(size Size, fn Func, jobs []int) ([]int, error) {
	ctx, cancel := cancellable()
	defer cancel()
	results, err := workerpool.Collect(ctx, jobs, fn, ourOptions(size)...)
	if err != nil {
		return nil, err
	}
	values := make([]int, len(results))
	for i := range results {
		if results[i].Err != nil {
			return nil, results[i].Err
		}
		values[i] = results[i].Value
	}
	return values, nil
}

// ourBursts submits a burst and then reads its results: the buffer has room for it.
func ourBursts(size Size, fn Func, times, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	p := ourPool(size, fn)
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

func ourMapBursts(size Size, fn Func, times, n int) (t Tally) {
	ctx, cancel := cancellable()
	defer cancel()
	p := ourPool(size, fn)
	defer p.Stop()
	jobs := make([]int, n)
	for i := range jobs {
		jobs[i] = i
	}
	for range times {
		values, err := p.Map(ctx, jobs)
		must(err)
		for _, value := range values {
			t.Add(value, nil)
		}
	}
	return t
}

func ourCalls(size Size, fn Func) (Call, func()) {
	p := ourPool(size, fn)
	return p.Do, func() { p.Stop() }
}
