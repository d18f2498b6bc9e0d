package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// page is a job: a page to fetch, and the page where its first link was found.
type page struct {
	url  string
	from string // empty for the start
}

type result = workerpool.Result[page, fetched]

// errCutShort is the outcome of a page whose fetching the end of the crawl cut short.
var errCutShort = errors.New("cut short")

// crawler fetches pages by jobs that submit the links they find as further jobs.
//
// What it holds is bounded. No more than -workers pages are being fetched at once, and
// what a page takes then is bounded by -max-body. No more than -nested jobs wait in a
// Submit of theirs. And no more than -max-pages pages are ever found, each once, so
// that many URLs at most, of maxURL bytes each, are with jobs, in the pool's queue and
// in putOff, all together.
type crawler struct {
	config
	fetch  fetchFunc
	seen   *seen
	pool   *workerpool.Pool[page, fetched]
	inside *slots // one for each job that is inside Submit
	putOff putOff // pages found and not submitted
	rounds int    // how often those were submitted
}

// fetchFunc fetches a page, and returns those of its links that are to be fetched and
// that nobody has found before. There may be some beside an error.
type fetchFunc func(ctx context.Context, url string) (f fetched, links []string, err error)

func newCrawler(c config, fetch fetchFunc, seen *seen) *crawler {
	return &crawler{config: c, fetch: fetch, seen: seen, inside: newSlots(c.nested)}
}

// run crawls from start, which seen has already, until there is nothing left to fetch or
// ctx ends. It adds what came of each page that was submitted to t, and shows that on p.
func (c *crawler) run(ctx context.Context, start string, t *tally, p progress) error {
	pool, err := workerpool.New(c.visit,
		workerpool.WithWorkers(c.workers),
		workerpool.WithBuffer(c.buffer),
		workerpool.WithJobTimeout(c.timeout),
		workerpool.WithContext(ctx),
		workerpool.WithName("crawl"))
	if err != nil {
		return err
	}
	c.pool = pool // before the first job

	var driver sync.WaitGroup
	driver.Go(func() {
		defer pool.Close() // closes Results, once everything has run
		c.drive(ctx, start)
	})
	defer driver.Wait() // after a cancellation Results may end before drive does

	c.read(t, p)
	return nil
}

// read reads the outcomes, until there will be no more. It does nothing else with the
// pool: a Submit here might wait for a worker, and that for this reader.
func (c *crawler) read(t *tally, p progress) {
	ticker := time.NewTicker(p.every())
	defer ticker.Stop()
	for {
		select {
		case r, open := <-c.pool.Results():
			if !open {
				return
			}
			t.add(r)
		case <-ticker.C:
			p.show(t, c.seen.len())
		}
	}
}

// drive submits the start, waits until no job is left, then submits what the jobs have
// put off, and so on until they put nothing off. The jobs themselves submit everything
// else. Only Wait knows when all is done: a queue that is empty for a moment says
// nothing as long as some job may yet find a link. Wait alone does not tell that ctx has
// ended if the pool was done just then.
func (c *crawler) drive(ctx context.Context, start string) {
	c.submit(ctx, page{url: start})
	for c.pool.Wait(ctx) == nil && ctx.Err() == nil {
		pages := c.putOff.take()
		if len(pages) == 0 {
			return
		}
		c.rounds++
		for _, p := range pages {
			c.submit(ctx, p)
		}
	}
}

// visit is the job. It fetches a page, and submits the new ones among its links.
//
// When fetch returns it has left the host. That matters: a new job may run in the place of
// this one, which waits for it, so it must not have to wait for a slot that this one holds.
func (c *crawler) visit(ctx context.Context, p page) (fetched, error) {
	f, links, err := c.fetch(ctx, p.url)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) { // whatever the error says of it
		err = fmt.Errorf("%w: %w", errCutShort, err)
	}
	for _, link := range links {
		c.submitFromJob(ctx, page{url: link, from: p.url})
	}
	return f, err
}

// submitFromJob submits a page that a job with the context ctx has found.
//
// The context tells the pool which job it is that submits. When the queue is full that
// job does not wait for a place, which all workers might do at once and then for ever:
// the new job runs in its place (guarantee G10), on a goroutine of its own, and Submit
// returns when it is done. If that one finds the queue full too, there is one more
// goroutine, and so on down: with one worker and no buffer, as many as the longest
// chain of links, at some 5 KB each. So no more than -nested jobs may be inside Submit
// at once. What the others find is put off until nothing else is left to do, which
// takes no goroutine but only a page in a list.
//
// WithoutCancel, because the time of this job goes on while another runs in its place.
// When it is up the page has long been fetched, and the rest of its links are not to be
// lost for that. What cancels the pool still reaches Submit, by the pool.
func (c *crawler) submitFromJob(ctx context.Context, p page) {
	if !c.inside.tryEnter() {
		c.putOff.put(p)
		return
	}
	defer c.inside.leave()
	c.submit(context.WithoutCancel(ctx), p)
}

// submit submits a page. The only error is that of a crawl which has been cancelled:
// then the page is among those that were found and not fetched.
func (c *crawler) submit(ctx context.Context, p page) {
	if c.pool.Submit(ctx, p) != nil {
		c.putOff.put(p)
	}
}
