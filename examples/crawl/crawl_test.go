package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// newConfig is what the flags in args say.
func newConfig(t *testing.T, args ...string) config {
	t.Helper()
	c, err := parseFlags(args, io.Discard)
	require.NoError(t, err)
	return c
}

// survey crawls what args say, and returns the report. It reads less of the page without
// end than the program does.
func survey(t *testing.T, ctx context.Context, args ...string) report {
	t.Helper()
	r, err := newConfig(t, append([]string{"-max-body=20000"}, args...)...).survey(ctx, io.Discard, progress{out: io.Discard})
	require.NoError(t, err)
	assert.Equal(t, r.found, r.finished()+r.notFetched, "every page that was found has become something")
	return r
}

func TestCrawl_EveryReachablePageOnce(t *testing.T) {
	for _, workers := range []int{1, 4, 32} {
		for _, buffer := range []int{0, 1} {
			for _, nested := range []int{0, 2, 1000} {
				args := fmt.Sprintf("-pages=80 -latency=0s -workers=%d -buffer=%d -nested=%d -per-host=%d", workers, buffer, nested, (workers+1)/2)
				t.Run(args, func(t *testing.T) {
					defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
					r := survey(t, t.Context(), strings.Fields(args)...)
					assert.Empty(t, r.site.wrong)
					assert.Equal(t, r.site.reachable, r.site.requested)
					assert.Equal(t, r.site.reachable, r.found)
					assert.Zero(t, r.notFetched)
					assert.Equal(t, 1, r.cut)
					assert.LessOrEqual(t, r.mostInside, nested)
				})
			}
		}
	}
}

func TestCrawl_OtherSeedsAndSizes(t *testing.T) {
	for _, args := range []string{"-pages=1", "-pages=2", "-pages=10", "-pages=11 -seed=2", "-pages=150 -seed=3", "-pages=150 -seed=4"} {
		t.Run(args, func(t *testing.T) {
			r := survey(t, t.Context(), append(strings.Fields(args), "-latency=0s")...)
			assert.Empty(t, r.site.wrong)
		})
	}
}

// A chain of pages is the worst for jobs that run in each other's place: with one worker
// and no queue they nest as deep as it is long.
func TestCrawl_AChainTakesNoMoreGoroutinesThanNested(t *testing.T) {
	const long, nested = 400, 10
	var most atomic.Int64
	fetch := func(_ context.Context, url string) (f fetched, links []string, err error) {
		most.Store(max(most.Load(), int64(runtime.NumGoroutine())))
		if len(url) < long {
			links = []string{url + "x"}
		}
		return f, links, nil
	}
	for _, bound := range []int{nested, long} {
		most.Store(0)
		before := runtime.NumGoroutine()
		c := newCrawler(newConfig(t, "-workers=1", "-buffer=0", fmt.Sprint("-nested=", bound)), fetch, newSeen(long))
		sum := &tally{}
		require.NoError(t, c.run(t.Context(), "x", sum, progress{out: io.Discard}))
		assert.Equal(t, long, sum.fetched)
		grown := int(most.Load()) - before
		if bound == nested {
			assert.LessOrEqual(t, grown, nested+10, "with a few of the pool's and the test's own")
			assert.Equal(t, (long-1)/(nested+1), c.rounds)
		} else {
			assert.Greater(t, grown, long-10, "this is what is bounded")
			assert.Zero(t, c.rounds)
		}
	}
}

// The time of a job goes on while another runs in its place.
func TestCrawl_NoLinkIsLostToTheTimeoutOfAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fetch := func(ctx context.Context, url string) (f fetched, links []string, err error) {
			if url == "start" {
				links = []string{"1", "2", "3", "4"}
			}
			return f, links, pause(ctx, 6*time.Second)
		}
		c := newCrawler(newConfig(t, "-workers=1", "-buffer=0", "-timeout=10s"), fetch, newSeen(5))
		sum := &tally{}
		began := time.Now()
		require.NoError(t, c.run(t.Context(), "start", sum, progress{out: io.Discard}))
		assert.Equal(t, tally{fetched: 5}, *sum)
		assert.Equal(t, 30*time.Second, time.Since(began))
		assert.Zero(t, c.rounds)
	})
}

func TestCrawl_TheBoundOfPages(t *testing.T) {
	r := survey(t, t.Context(), "-pages=200", "-latency=0s", "-max-pages=50", "-buffer=1")
	assert.Equal(t, 50, r.found)
	assert.Zero(t, r.notFetched)
	assert.Positive(t, r.total.beyond)
	assert.Empty(t, r.site.wrong)
	assert.Equal(t, 50, r.site.requested)
	assert.Contains(t, r.notes()[0], "There is more: -max-pages 50 was reached, and ")
}

// The check of the site has looked at how many there were at once.
func TestCrawl_IsPolite(t *testing.T) {
	r := survey(t, t.Context(), "-pages=20", "-latency=5ms", "-workers=12", "-per-host=3", "-delay=3ms")
	assert.Empty(t, r.site.wrong)
	assert.GreaterOrEqual(t, r.wall, time.Duration(r.found-1)*3*time.Millisecond)
}

func TestCrawl_PagesThatFail(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/":
			_, _ = fmt.Fprint(w, `<a href=silent>1</a><a href=half>2</a><a href=cut>3</a><a href=teapot>4</a><a href=gone>5</a>`)
		case "/silent":
			<-r.Context().Done()
		case "/half":
			_, _ = fmt.Fprint(w, `<a href=found>the rest never comes</a>`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/cut":
			panic(http.ErrAbortHandler)
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/gone":
			w.WriteHeader(http.StatusGone)
		case "/robots.txt":
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	r := survey(t, t.Context(), "-delay=0s", "-timeout=1s", server.URL)
	require.Len(t, r.broken, 1)
	assert.Equal(t, page{server.URL + "/gone", server.URL + "/"}, r.broken[0].page)
	assert.EqualError(t, r.broken[0].err, "410 Gone")

	failed := make(map[string]error)
	for _, p := range r.failed {
		failed[strings.TrimPrefix(p.url, server.URL)] = p.err
	}
	assert.Len(t, failed, 4)
	assert.EqualError(t, failed["/teapot"], "418 I'm a teapot")
	assert.ErrorIs(t, failed["/cut"], io.EOF)
	assert.ErrorIs(t, failed["/silent"], workerpool.ErrJobTimeout)
	assert.ErrorContains(t, failed["/silent"], "after 1s")
	assert.ErrorIs(t, failed["/half"], workerpool.ErrJobTimeout)
	assert.Equal(t, 2, r.fetched, "the start, and what half a page has a link to")
	assert.False(t, r.ok())
}

// A bug in a job is the outcome of that one page (guarantee G7).
func TestCrawl_AJobThatPanics(t *testing.T) {
	fetch := func(_ context.Context, url string) (f fetched, links []string, err error) {
		if url == "bad" {
			panic("no such thing")
		}
		if url == "start" {
			links = []string{"bad", "good"}
		}
		return f, links, nil
	}
	for range 2 {
		c := newCrawler(newConfig(t, "-workers=1", "-buffer=0"), fetch, newSeen(3))
		sum := &tally{}
		require.NoError(t, c.run(t.Context(), "start", sum, progress{out: io.Discard}))
		assert.Equal(t, 2, sum.fetched)
		require.Len(t, sum.failed, 1)
		assert.EqualError(t, sum.failed[0].err, "workerpool: job panicked: no such thing")
	}
}
