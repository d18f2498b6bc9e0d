package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// A crawl is cancelled at the 60th request. What was found by then has an outcome, or is
// counted as not fetched.
func TestCrawl_CancelledHalfWay(t *testing.T) {
	for _, args := range []string{"-workers=1 -buffer=0", "-workers=4 -buffer=1 -nested=3", "-workers=16 -buffer=64", "-workers=16 -buffer=1000 -nested=0"} {
		t.Run(args, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancelCause(t.Context())
			var s *site
			var requests, before atomic.Int64
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) == 60 {
					cancel(errors.New("enough"))
					before.Store(requests.Load())
				}
				s.ServeHTTP(w, r)
			}))
			s = newSite(newGraph(500, 1, server.Listener.Addr().String(), "127.0.0.1:1"), 0)
			server.Start()
			defer server.Close()

			r := survey(t, ctx, append(strings.Fields(args), "-per-host=16", "-delay=0s", server.URL)...)
			assert.True(t, r.interrupted)
			assert.Positive(t, r.notFetched)
			assert.Empty(t, s.check(16, r).wrong)
			assert.LessOrEqual(t, requests.Load(), before.Load()+16, "what was under way came, and no more")
			for _, p := range r.failed {
				assert.EqualError(t, p.err, "500 Internal Server Error", "a page that was cut short has not failed")
			}
		})
	}
}

// The end comes while pages that were put off are being submitted. Some of those are
// refused, perhaps after the last outcome was read.
func TestCrawl_CancelledInARound(t *testing.T) {
	const links = 100
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		var fetches atomic.Int64
		fetch := func(ctx context.Context, url string) (f fetched, more []string, err error) {
			switch fetches.Add(1) {
			case 1:
				more = slices.Repeat([]string{"page"}, links)
			case 2:
				cancel()
			}
			return f, more, ctx.Err()
		}
		c := newCrawler(newConfig(t, "-workers=2", "-nested=0"), fetch, newSeen(1))
		sum := &tally{}
		require.NoError(t, c.run(ctx, "start", sum, progress{out: io.Discard}))
		newReport(c, sum, nil)
		assert.Equal(t, 1+links, sum.finished()+sum.notFetched)
		assert.Positive(t, sum.notFetched)
		assert.Empty(t, sum.failed)
	}
}

// The end comes when no job is left, but pages that were put off are.
func TestCrawl_CancelledBetweenRounds(t *testing.T) {
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		fetch := func(context.Context, string) (f fetched, links []string, err error) {
			cancel()
			return f, []string{"more"}, nil
		}
		c := newCrawler(newConfig(t, "-workers=1"), fetch, newSeen(1))
		sum := &tally{}
		require.NoError(t, c.run(ctx, "start", sum, progress{out: io.Discard}))
		newReport(c, sum, nil)
		assert.Equal(t, tally{fetched: 1, notFetched: 1}, *sum)
	}
}
