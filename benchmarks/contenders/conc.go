package contenders

import (
	"context"

	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"
	"github.com/sourcegraph/conc/stream"
)

func init() {
	streamed := Way[Run]{Name: "stream", Run: concStream, Bounded: true}
	register(80, Contender{
		Name:    "conc",
		Module:  "github.com/sourcegraph/conc",
		About:   "`pool.ResultPool`, `stream.Stream`, `iter.Mapper`",
		Results: []Way[Run]{{Name: "ResultPool", Run: concResults}, streamed},
		Ordered: []Way[Run]{streamed},
		Discard: way[Run]("Pool", concDiscard),
		Slices:  way[Map]("iter.Map", concMap),
		Bursts:  way[Burst]("ResultPool", concBursts),
		// A pool hands over its results when it ends, so there is none for a single job.
	})
}

// concResults uses the form for functions that may fail, which has shown to be faster than
// to return errors as values: those are larger.
func concResults(size Size, fn Func, n int) (t Tally) {
	p := pool.NewWithResults[int]().WithMaxGoroutines(size.Workers).WithErrors()
	for i := range n {
		p.Go(func() (int, error) { return fn(context.Background(), i) })
	}
	values, err := p.Wait()
	for _, value := range values {
		t.Add(value, err)
	}
	return t
}

func concDiscard(size Size, fn Func, n int) (t Tally) {
	p := pool.New().WithMaxGoroutines(size.Workers)
	for i := range n {
		p.Go(func() {
			_, err := fn(context.Background(), i)
			must(err)
		})
	}
	p.Wait()
	return t
}

// concStream counts in the callbacks, which run one after the other.
func concStream(size Size, fn Func, n int) (t Tally) {
	s := stream.New().WithMaxGoroutines(size.Workers)
	for i := range n {
		s.Go(func() stream.Callback {
			value, err := fn(context.Background(), i)
			return func() { t.Add(value, err) }
		})
	}
	s.Wait()
	return t
}

// concMap uses the form for functions that may fail; where none does it only compares
// the error with nil.
func concMap(size Size, fn Func, jobs []int) ([]int, error) {
	m := iter.Mapper[int, int]{MaxGoroutines: size.Workers}
	return m.MapErr(jobs, func(job *int) (int, error) { return fn(context.Background(), *job) })
}

// concBursts makes a pool for each burst: Wait ends one.
func concBursts(size Size, fn Func, times, n int) (t Tally) {
	for range times {
		b := concResults(size, fn, n)
		t.Count, t.Sum, t.Failed = t.Count+b.Count, t.Sum+b.Sum, t.Failed+b.Failed
	}
	return t
}
