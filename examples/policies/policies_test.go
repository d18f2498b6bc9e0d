package policies_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/examples/policies"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("down")

func TestBackoff(t *testing.T) {
	steady := policies.Backoff(4, func() backoff.BackOff {
		return &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, MaxInterval: 3 * time.Second}
	})
	for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 3 * time.Second} {
		for range 2 { // it keeps no state
			wait, again := steady(attempt, errDown)
			assert.True(t, again)
			assert.Equal(t, want, wait)
		}
	}
	_, again := steady(4, errDown)
	assert.False(t, again)
	_, again = steady(1, fmt.Errorf("wrapped: %w", backoff.Permanent(errDown)))
	assert.False(t, again)
	_, again = policies.Backoff(4, func() backoff.BackOff { return &backoff.StopBackOff{} })(1, errDown)
	assert.False(t, again)
}

// api is one that is down for a time, and counts what it is asked.
type api struct {
	until time.Time
	calls int
}

func (a *api) get(context.Context, int) (string, error) {
	a.calls++
	if time.Now().Before(a.until) {
		return "", errDown
	}
	return "fine", nil
}

var settings = gobreaker.Settings{
	Timeout:     10 * time.Second,
	ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
}

// An outage of a minute costs a call each ten seconds, and no job.
func TestPausing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{until: time.Now().Add(time.Minute)}
		pool, err := workerpool.New(policies.Pausing(settings, a.get), workerpool.WithWorkers(1),
			workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return 0, attempt < 10 }))
		require.NoError(t, err)
		defer pool.Stop()
		results, err := pool.Map(t.Context(), make([]int, 100))
		assert.NoError(t, err)
		assert.Len(t, results, 100)
		assert.LessOrEqual(t, a.calls, 100+3+6)
	})
}

// Who waits for an answer gets it at once.
func TestFailingFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &api{until: time.Now().Add(time.Minute)}
		pool, err := workerpool.New(policies.FailingFast(settings, a.get), workerpool.WithWorkers(1),
			workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return 0, attempt < 10 }))
		require.NoError(t, err)
		defer pool.Stop()
		for range 5 {
			begin := time.Now()
			_, err = pool.Do(t.Context(), 1)
			assert.ErrorIs(t, err, gobreaker.ErrOpenState)
			assert.Zero(t, time.Since(begin))
		}
		assert.Equal(t, 3, a.calls)
		time.Sleep(2 * time.Minute)
		_, err = pool.Do(t.Context(), 1)
		assert.NoError(t, err)
	})
}

// One limiter for two pools, which have one quota between them.
func TestLimiterOfXTimeRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter := rate.NewLimiter(100, 1)
		begin := time.Now()
		done := make(chan error)
		for range 2 {
			go func() {
				done <- workerpool.ForEach(t.Context(), make([]int, 50), func(context.Context, int) error { return nil },
					workerpool.WithWorkers(8), workerpool.WithLimiter(limiter))
			}()
		}
		assert.NoError(t, <-done)
		assert.NoError(t, <-done)
		assert.InDelta(t, time.Second, time.Since(begin), float64(20*time.Millisecond))
	})
}
