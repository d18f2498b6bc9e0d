package main

import (
	"errors"
	"net/http"

	"github.com/boundedgo/workerpool"
)

// tally is what the outcomes of the pages add up to. There is one for each page that was
// submitted, whatever became of it (guarantee G1).
type tally struct {
	fetched    int
	broken     []problem // pages that are not there
	failed     []problem // pages that did not come for any other reason
	notFetched int       // the end of the crawl was first

	total fetched // all pages together; but away is that of the start
	cut   int     // those of them that were larger than -max-body
}

// problem is a page that did not come.
type problem struct {
	page
	err error
}

func (t *tally) add(r result) {
	t.total.bytes += r.Value.bytes
	t.total.offSite += r.Value.offSite
	t.total.forbidden += r.Value.forbidden
	t.total.tooLong += r.Value.tooLong
	t.total.beyond += r.Value.beyond
	if r.Value.cut {
		t.cut++
	}
	if r.Job.from == "" {
		t.total.away = r.Value.away
	}
	switch {
	case r.Err == nil:
		t.fetched++
	case errors.Is(r.Err, workerpool.ErrNotRun), errors.Is(r.Err, errCutShort):
		t.notFetched++
	case isGone(r.Err):
		t.broken = append(t.broken, problem{r.Job, r.Err})
	default:
		t.failed = append(t.failed, problem{r.Job, r.Err})
	}
}

// isGone reports whether the host says that there is no such page.
func isGone(err error) bool {
	status, ok := errors.AsType[statusError](err)
	return ok && (status == http.StatusNotFound || status == http.StatusGone)
}

// finished is how many pages have an outcome of their own.
func (t *tally) finished() int { return t.fetched + len(t.broken) + len(t.failed) }
