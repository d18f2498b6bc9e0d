package main

import (
	"context"

	"github.com/boundedgo/workerpool"
)

type result = workerpool.Result[int, string]

// getPooled gets the answers to the requests 1 to n, no more than so many at once
// as there are workers, and calls collect with every result.
func getPooled(ctx context.Context, get getFunc, n, workers int, collect func(result)) error {
	pool, err := workerpool.New(get, workerpool.WithWorkers(workers), workerpool.WithContext(ctx))
	if err != nil {
		return err
	}
	defer pool.Stop()

	go func() {
		defer pool.Close() // ends the range below, once everything has run
		for id := 1; id <= n; id++ {
			if pool.Submit(ctx, id) != nil {
				return // ctx has ended
			}
		}
	}()

	for r := range pool.Results() {
		collect(r)
	}
	return context.Cause(ctx) // nil, unless ctx has cut it short
}
