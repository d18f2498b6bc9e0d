package main

import (
	"context"
	"errors"
	"slices"

	"github.com/boundedgo/workerpool"
)

// picture is the job of the pool.
type picture struct {
	index int // in its request
	url   string
}

type (
	thumbnailPool = workerpool.Pool[picture, thumbnail]
	result        = workerpool.Result[picture, thumbnail]
)

// newPool makes the pool that all requests share.
func newPool(c config, m *maker) (*thumbnailPool, error) {
	return workerpool.New(m.makeThumbnail,
		workerpool.WithName("thumbnails"),
		workerpool.WithWorkers(c.workers),
		workerpool.WithBuffer(c.buffer),
		workerpool.WithJobTimeout(c.timeout),
	)
}

// makeAll makes thumbnails of all pictures, of which there is at least one, and hands each
// to use as it is ready; use returns an error to end it. All of it ends with ctx, which is
// that of the request: pictures of a client that has left are given up, and no others.
//
// The first picture asks for admission. TryDo doesn't wait for a place: when there is none,
// or no more are accepted, makeAll returns that error, and use was never called. The others
// may wait: they come one after the other as workers take them, by turns with those of other
// requests, so a request in flight takes no more places than there are workers.
//
// Whatever happens, unless ctx ends or use does not want any more, use gets every picture
// once.
func makeAll(ctx context.Context, pool *thumbnailPool, pictures []picture, use func(result) error) error {
	first := result{Job: pictures[0]}
	first.Value, first.Err = pool.TryDo(ctx, first.Job)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if refused(first.Err) {
		return first.Err
	}
	if err := use(first); err != nil {
		return err
	}
	return makeRest(ctx, pool, pictures[1:], use)
}

// refused reports whether err says that a request may come again later.
func refused(err error) bool {
	return errors.Is(err, workerpool.ErrFull) || errors.Is(err, workerpool.ErrClosed) || errors.Is(err, workerpool.ErrNotRun)
}

func makeRest(ctx context.Context, pool *thumbnailPool, pictures []picture, use func(result) error) error {
	waiting := make(map[int]picture, len(pictures))
	for _, p := range pictures {
		waiting[p.index] = p
	}
	results, errf := pool.StreamUnordered(ctx, slices.Values(pictures))
	for r := range results {
		if ctx.Err() != nil {
			break // what still comes is what the stream has given up
		}
		delete(waiting, r.Job.index)
		if err := use(r); err != nil {
			return err // the stream gives up the rest, and waits until nothing of it runs
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// The server is being cut off: the stream has taken no more of them, or did not begin.
	for _, p := range waiting {
		if err := use(result{Job: p, Err: errors.Join(workerpool.ErrNotRun, errf())}); err != nil {
			return err
		}
	}
	return nil
}
