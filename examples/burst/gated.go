package main

import (
	"context"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/retry"
)

// getGated is getPooled for those whom nobody has told the limit: it has a worker for each
// request, and does what the API asks for. get returns a 429 as an error of
// workerpool.RetryAfter, and that pauses all of them for as long as the API says.
func getGated(ctx context.Context, get getFunc, n int, again workerpool.RetryPolicy, collect func(result)) error {
	pool, err := workerpool.New(get, workerpool.WithWorkers(n), workerpool.WithContext(ctx), workerpool.WithRetry(again))
	if err != nil {
		return err
	}
	defer pool.Stop()
	return submitAndCollect(ctx, pool, n, collect)
}

// submitAndCollect closes the pool when there is nothing left to do, and not as soon as all is
// submitted: a tuner ends with that.
func submitAndCollect(ctx context.Context, pool *workerpool.Pool[int, string], n int, collect func(result)) error {
	go func() {
		defer pool.Close()
		for id := 1; id <= n && pool.Submit(ctx, id) == nil; id++ {
		}
		_ = pool.Wait(ctx) // it fails if ctx has ended, which is what this returns then
	}()
	for r := range pool.Results() {
		collect(r)
	}
	return context.Cause(ctx) // nil, unless ctx has cut it short
}

// policy is the same as wrap, for a pool: only what was rejected is sent again. It has
// jitter, which retry.Backoff is not to be had without, but most waits are those that the API
// asks for anyway.
func (p retryPolicy) policy() workerpool.RetryPolicy {
	backoff := retry.Backoff(p.attempts, p.first, p.most)
	return func(attempt int, err error) (time.Duration, bool) {
		if !isRejected(err) {
			return 0, false
		}
		return backoff(attempt, err)
	}
}
