package main

import (
	"context"
	"slices"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// The names of the runs, and the heads of their columns.
const (
	nameNaive = "goroutine per request"
	namePool  = "pool"
	nameGated = "pool, told no limit"
	nameTuned = "pool, told nothing"
)

// way is a way to get the answers to all requests. It returns when it has called
// collect with every result there is, one call at a time.
type way struct {
	mode   string // the value of -mode that asks for it alone
	name   string // of its column
	as     string // what a sentence calls it, if it is compared with the pool
	has    string // how many callers it has at once, for people
	atOnce int    // how many connections it has use for
	run    func(ctx context.Context, get getFunc, collect func(result)) error
}

// allWays are the ways there are, in the order of their columns.
func (c config) allWays() []way {
	return []way{
		{modeNaive, nameNaive, "", "all at once", c.requests, func(ctx context.Context, get getFunc, collect func(result)) error {
			getNaively(ctx, c.retry.wrap(get), c.requests, collect)
			return nil
		}},
		{modePool, namePool, "", cli.Plural(c.workers, "worker"), c.workers, func(ctx context.Context, get getFunc, collect func(result)) error {
			return getPooled(ctx, c.retry.wrap(get), c.requests, c.workers, collect)
		}},
		{modeGated, nameGated, "A pool that was told no limit", cli.Plural(c.requests, "worker") + ", which heed Retry-After", c.requests, func(ctx context.Context, get getFunc, collect func(result)) error {
			return getGated(ctx, get, c.requests, c.retry.policy(), collect)
		}},
		{modeTuned, nameTuned, "A pool that was told nothing", "as many workers as a tuner finds good", c.requests, func(ctx context.Context, get getFunc, collect func(result)) error {
			return getTuned(ctx, get, c.requests, c.retry.policy(), collect)
		}},
	}
}

// ways are the ways that -mode asks for.
func (c config) ways() []way {
	return slices.DeleteFunc(c.allWays(), func(w way) bool { return c.mode != modeAll && c.mode != w.mode })
}

// measureAll measures one way after the other, until ctx ends.
func (c config) measureAll(ctx context.Context, s screen) ([]report, error) {
	var reports []report
	for _, w := range c.ways() {
		if ctx.Err() != nil {
			break
		}
		r, err := c.measure(ctx, s, w)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// measure runs w. Every run has an API and a client of its own, so that none finds
// counts or open connections of another.
func (c config) measure(ctx context.Context, s screen, w way) (report, error) {
	t, err := c.newTarget(w.atOnce)
	if err != nil {
		return report{}, err
	}
	defer t.close()
	r := report{name: w.name, as: w.as, tally: newTally(c.requests, t.api != nil)}
	bar := s.progress(w.name, c.requests, t.seen)
	start := time.Now()
	err = w.run(ctx, t.client.get, func(res result) {
		r.add(res)
		if res.Err == nil || ctx.Err() == nil { // what an interrupt has ended is not done
			bar.increment()
		}
	})
	if ctx.Err() != nil {
		err = nil // an interrupt: what there is is reported
	}
	r.wall = time.Since(start)
	bar.finish()
	r.client = t.client.read()
	if t.api != nil {
		r.api = t.api.counts()
	}
	return r, err
}

// target is what a run sends its requests to.
type target struct {
	api    *api // nil when it is not ours
	client *client
}

func (c config) newTarget(atOnce int) (*target, error) {
	if c.url != "" {
		return &target{client: newClient(c.url, atOnce, c.timeout)}, nil
	}
	api, err := startAPI(c.limit, c.latency, func(ctx context.Context) error { return pause(ctx, c.latency) })
	if err != nil {
		return nil, err
	}
	return &target{api: api, client: newClient(api.url, atOnce, c.timeout)}, nil
}

// seen is what is known so far of the requests.
func (t *target) seen() counts {
	if t.api != nil {
		return t.api.requests.read()
	}
	return t.client.read()
}

func (t *target) close() {
	t.client.close()
	if t.api != nil {
		t.api.close()
	}
}
