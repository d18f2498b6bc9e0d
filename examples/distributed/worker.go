package main

import (
	"context"
	"time"

	"github.com/boundedgo/workerpool/natspool"
)

// workers is how many jobs each process has at once.
const workers = 4

// square is the job. It bears being run twice, as it may be when its process is killed.
func square(ctx context.Context, n int, takes time.Duration) (int, error) {
	select {
	case <-time.After(takes):
		return n * n, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// work is all there is to a worker process. It ends with ctx: then it gives back what it has
// not begun, and finishes what it has.
func work(ctx context.Context, cfg config) error {
	p, err := natspool.New(ctx, poolName,
		func(ctx context.Context, n int) (int, error) { return square(ctx, n, cfg.work) },
		natspool.WithURL(cfg.url), natspool.WithWorkers(workers), natspool.WithLease(cfg.lease))
	if err != nil {
		return err
	}
	<-ctx.Done()
	late, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p.Leave(late)
}
