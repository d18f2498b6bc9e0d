package contenders

import (
	"context"
)

// Sequential is the contender without concurrency.
const Sequential = "sequential"

func init() {
	register(60, Contender{
		Name:    Sequential,
		About:   "a loop, without any concurrency",
		Results: bounded("loop", sequentialResults),
		Ordered: bounded("loop", sequentialResults),
		Discard: way[Run]("loop", sequentialDiscard),
		Slices:  way[Map]("loop", sequentialMap),
		Bursts:  way[Burst]("loop", sequentialBursts),
	})
}

func sequentialResults(_ Size, fn Func, n int) (t Tally) {
	for i := range n {
		t.Add(fn(context.Background(), i))
	}
	return t
}

func sequentialDiscard(_ Size, fn Func, n int) (t Tally) {
	for i := range n {
		_, err := fn(context.Background(), i)
		must(err)
	}
	return t
}

func sequentialMap(_ Size, fn Func, jobs []int) ([]int, error) {
	values := make([]int, len(jobs))
	for i, job := range jobs {
		value, err := fn(context.Background(), job)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

func sequentialBursts(_ Size, fn Func, times, n int) (t Tally) {
	for range times {
		for i := range n {
			t.Add(fn(context.Background(), i))
		}
	}
	return t
}
