package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/retry"
)

// until returns work for an API which lasts until the API has counted what ok wants.
func until(ok func(counts) bool) func(context.Context, *api) error {
	return func(ctx context.Context, a *api) error {
		for !ok(a.requests.read()) {
			if err := pause(ctx, time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}
}

// newTestTarget starts an API with a limit where serving a request means work.
func newTestTarget(t *testing.T, limit, atOnce int, work func(context.Context, *api) error) *target {
	t.Helper()
	var a *api
	var ready sync.WaitGroup // a request needs a
	ready.Add(1)
	a, err := startAPI(limit, time.Second, func(ctx context.Context) error {
		ready.Wait()
		return work(ctx, a)
	})
	require.NoError(t, err)
	ready.Done()
	target := &target{api: a, client: newClient(a.url, atOnce, time.Minute)}
	t.Cleanup(target.close)
	return target
}

var quick = retryPolicy{first: time.Millisecond, most: 16 * time.Millisecond, attempts: 10_000}

func TestPool_NeverExceedsItsWorkers(t *testing.T) {
	const n, workers = 60, 4
	for name, limit := range map[string]int{"as many as the limit": workers, "fewer than the limit": workers + 2} {
		t.Run(name, func(t *testing.T) {
			target := newTestTarget(t, limit, workers, until(func(c counts) bool { return c.most >= workers }))
			sum := newTally(n, true)
			require.NoError(t, getPooled(t.Context(), quick.wrap(target.client.get), n, workers, sum.add))
			assert.Equal(t, counts{total: n, rejected: 0, most: workers}, target.api.requests.read())
			assert.Equal(t, counts{total: n, rejected: 0, most: workers}, target.client.read())
			assert.Equal(t, n, sum.right)
			assert.Zero(t, sum.lost())
			assert.Zero(t, sum.wrong)
		})
	}
}

func TestPool_WithMoreWorkersThanTheLimitRetries(t *testing.T) {
	const n, workers, limit = 30, 6, 3
	target := newTestTarget(t, limit, workers, until(func(c counts) bool { return c.rejected > 0 }))
	sum := newTally(n, true)
	require.NoError(t, getPooled(t.Context(), quick.wrap(target.client.get), n, workers, sum.add))
	assert.Positive(t, target.api.requests.read().rejected)
	assert.LessOrEqual(t, target.api.requests.read().most, workers)
	assert.Equal(t, n, sum.right)
}

func TestNaive_IsRejectedAndYetGetsEverything(t *testing.T) {
	const n, limit = 40, 4
	target := newTestTarget(t, limit, n, until(func(c counts) bool { return c.rejected > 0 }))
	sum := newTally(n, true)
	getNaively(t.Context(), quick.wrap(target.client.get), n, sum.add)
	c := target.api.requests.read()
	assert.Positive(t, c.rejected)
	assert.Equal(t, n+c.rejected, c.total, "every rejected request was sent again")
	assert.Greater(t, c.most, limit)
	assert.Equal(t, n, sum.right)
	assert.Zero(t, sum.lost())
}

func TestGated_GetsEverythingThoughNobodyToldTheLimit(t *testing.T) {
	const n, limit = 20, 4
	target := newTestTarget(t, limit, n, until(func(c counts) bool { return c.rejected > 0 }))
	sum := newTally(n, true)
	require.NoError(t, getGated(t.Context(), target.client.get, n, quick.policy(), sum.add))
	c := target.api.requests.read()
	assert.Positive(t, c.rejected)
	assert.Equal(t, n+c.rejected, c.total, "every rejected request was sent again")
	assert.Equal(t, n, sum.right)
	assert.Zero(t, sum.lost())
}

func TestPolicy_SendsAgainOnlyWhatWasRejected(t *testing.T) {
	again := retryPolicy{first: time.Second, most: time.Second, attempts: 3}.policy()
	rejected := &retry.StatusError{StatusCode: http.StatusTooManyRequests}
	for attempt, want := range map[int]bool{1: true, 2: true, 3: false} {
		_, got := again(attempt, rejected)
		assert.Equal(t, want, got, attempt)
		_, got = again(attempt, &retry.StatusError{StatusCode: http.StatusServiceUnavailable})
		assert.False(t, got)
	}
}

func TestAPI_SaysWhenToComeAgain(t *testing.T) {
	for again, want := range map[time.Duration]string{0: "0", 20 * time.Millisecond: "0", time.Second: "1", 2900 * time.Millisecond: "3"} {
		a := &api{again: again} // which has no place
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		assert.Equal(t, http.StatusTooManyRequests, w.Code)
		assert.Equal(t, want, w.Header().Get("Retry-After"))
	}
}

func TestAllWays_EndWithTheirContext(t *testing.T) {
	const n, limit = 20, 3
	patient := retryPolicy{first: time.Hour, most: time.Hour, attempts: 2}
	c := config{requests: n, workers: limit, mode: modeAll, retry: patient}
	for _, w := range c.ways() {
		t.Run(w.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			serving := make(chan struct{}, n)
			a, err := startAPI(limit, time.Minute, func(ctx context.Context) error {
				serving <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			})
			require.NoError(t, err)
			target := &target{api: a, client: newClient(a.url, n, time.Minute)}
			defer target.close()

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			sum := newTally(n, true)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if err := w.run(ctx, target.client.get, sum.add); err != nil {
					assert.ErrorIs(t, err, context.Canceled) // it says so, if it says anything
				}
			}()
			<-serving
			cancel()
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatal("still running")
			}
			assert.Zero(t, sum.right)
			if !isRejected(sum.firstErr) { // on its way when the context ended: it is not sent again
				assert.ErrorIs(t, sum.firstErr, context.Canceled)
			}
		})
	}
}

func TestMeasure_TakesTheFiguresOfTheAPI(t *testing.T) {
	c := config{
		requests: 12, limit: 2, latency: 5 * time.Millisecond, workers: 2,
		mode: modeAll, retry: quick, timeout: time.Minute,
	}
	reports, err := c.measureAll(t.Context(), screen{out: io.Discard})
	require.NoError(t, err)
	require.Len(t, reports, 4)
	for _, r := range reports {
		require.NotNil(t, r.api)
		// Nothing was cut short, so both sides have seen the same.
		assert.Equal(t, r.client.total, r.api.total, r.name)
		assert.Equal(t, r.client.rejected, r.api.rejected, r.name)
		assert.Positive(t, r.api.connections)
		assert.GreaterOrEqual(t, r.wall, 5*time.Millisecond)
	}
	pool := reports[1]
	assert.LessOrEqual(t, pool.api.most, 2)
	assert.Equal(t, 12, pool.api.total)
	assert.True(t, allRight(reports))
}
