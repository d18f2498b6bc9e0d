package main

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/boundedgo/workerpool"
)

type (
	fetchPool = workerpool.Pool[line, answer]
	result    = workerpool.Result[line, answer]
)

// fetchAll fetches the URLs of in, no more than c.workers at once, and prints the
// outcome of each as it comes. Whatever ends ctx ends it early; every line that was
// read is printed even so. It returns the final counts, and what kept it from reading
// on.
func fetchAll(ctx context.Context, c config, in *lineReader, out *output) (workerpool.Stats, error) {
	client := newClient(c)
	defer client.close()
	pool, err := workerpool.New(client.fetch,
		workerpool.WithWorkers(c.workers),
		workerpool.WithBuffer(c.workers), // the input is a queue already: no need for a long one here
		workerpool.WithJobTimeout(c.timeout),
		workerpool.WithContext(ctx), // a signal ends the jobs too
	)
	if err != nil {
		return workerpool.Stats{}, err
	}
	defer pool.Stop()
	out.begin(pool.Stats)
	defer out.end()

	var refused []result
	var readErr error
	var submitter sync.WaitGroup
	submitter.Go(func() {
		defer pool.Close() // ends the range below, once everything has run
		refused, readErr = submitAll(ctx, pool, in)
	})
	for r := range pool.Results() {
		out.print(r)
	}
	submitter.Wait() // it does not wait for input any more: that ends with ctx, as the range does
	for _, r := range refused {
		out.print(r)
	}
	return pool.Stats(), readErr
}

// submitAll submits the lines of in until there are no more. When ctx ends, that is
// what in has read already; the pool takes it no more, and so it is returned.
func submitAll(ctx context.Context, pool *fetchPool, in *lineReader) (refused []result, err error) {
	for {
		l, err := in.next()
		if errors.Is(err, io.EOF) {
			return refused, nil
		}
		if err != nil {
			return refused, err
		}
		if err := pool.Submit(ctx, l); err != nil {
			refused = append(refused, result{Job: l, Err: err})
		}
	}
}
