package main

import (
	"context"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
)

// getTuned is getGated with a tuner, which takes workers away as long as requests are
// rejected, and tries whether more get more done. Of a burst of some hundred requests it does
// not see enough to make a difference.
func getTuned(ctx context.Context, get getFunc, n int, again workerpool.RetryPolicy, collect func(result)) error {
	pool, err := workerpool.New(get, workerpool.WithWorkers(n), workerpool.WithTiming(), workerpool.WithContext(ctx), workerpool.WithRetry(again))
	if err != nil {
		return err
	}
	defer pool.Stop()
	tuner, err := autotune.Start(ctx, pool, autotune.Config{Min: 1, Max: n})
	if err != nil {
		return err
	}
	defer tuner.Stop()
	return submitAndCollect(ctx, pool, n, collect)
}
