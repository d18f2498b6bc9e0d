package autotune_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
)

var errAway = errors.New("too many requests")

// starts has n attempts ask one after the other, and returns when they may start.
func starts(t *testing.T, l *autotune.Limiter, n int) (at []time.Duration) {
	t.Helper()
	began := time.Now()
	for range n {
		require.NoError(t, l.Wait(t.Context()))
		at = append(at, time.Since(began))
	}
	return at
}

func TestLimiterIsOffUntilTheFirstIsTurnedAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := autotune.NewLimiter()
		for _, err := range []error{nil, errAway, context.Canceled, workerpool.Permanent(errAway)} {
			l.Observe(err)
		}
		assert.Equal(t, make([]time.Duration, 1000), starts(t, l, 1000))
		assert.Zero(t, l.Rate())
	})
}

// What was let in, over the time, is where the search begins: whatever the error is wrapped in.
func TestLimiterBeginsWithWhatWasLetIn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := autotune.NewLimiter()
		for range 21 {
			starts(t, l, 1)
			time.Sleep(100 * time.Millisecond)
		}
		l.Observe(fmt.Errorf("fetch: %w", workerpool.RetryAfter(errAway, 3*time.Second)))
		assert.Equal(t, []time.Duration{3 * time.Second}, starts(t, l, 1), "nothing starts before")
		assert.InDelta(t, 20/2.1, l.Rate(), 0.1)
		assert.InDelta(t, 0.1, starts(t, l, 1)[0].Seconds(), 0.01)
		l.Observe(nil)
		starts(t, l, 100)
		assert.Greater(t, l.Rate(), 20.0, "it grows as long as none is turned away")
	})
}

// During an outage all attempts are turned away, of which nothing is to be learned: the rate is
// back within seconds.
func TestLimiterAfterAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const quota = 100
		l := autotune.NewLimiter()
		began := time.Now()
		full := began // when a bucket of ten is full again
		attempt := func(out bool) {
			starts(t, l, 1)
			now := time.Now()
			if full.Before(now) {
				full = now
			}
			if out || full.Sub(now) > 9*time.Second/quota {
				l.Observe(workerpool.RetryAfter(errAway, 0))
				return
			}
			full = full.Add(time.Second / quota)
			l.Observe(nil)
		}
		for time.Since(began) < 10*time.Minute {
			attempt(false)
		}
		assert.InDelta(t, quota, l.Rate(), 5)
		for time.Since(began) < 10*time.Minute+10*time.Second {
			attempt(true)
		}
		assert.Less(t, l.Rate(), 5.0)
		for time.Since(began) < 10*time.Minute+25*time.Second {
			attempt(false)
		}
		assert.Greater(t, l.Rate(), 0.8*quota)
	})
}

// The hours before a burst are not what its jobs were let in over.
func TestLimiterAfterHoursWithoutAJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := autotune.NewLimiter()
		starts(t, l, 1)
		l.Observe(nil)
		time.Sleep(3 * time.Hour)
		starts(t, l, 121)
		l.Observe(workerpool.RetryAfter(errAway, time.Minute))
		assert.Equal(t, []time.Duration{time.Minute}, starts(t, l, 1))
		assert.InDelta(t, 2, l.Rate(), 0.1)
	})
}

// A server that says no more than that it is overloaded is left alone for a moment.
func TestLimiterWithoutAHint(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := autotune.NewLimiter()
		starts(t, l, 10)
		l.Observe(workerpool.RetryAfter(errAway, 0))
		l.Observe(workerpool.RetryAfter(errAway, 0)) // of the same volley
		at := starts(t, l, 1)
		assert.Equal(t, 250*time.Millisecond, at[0])
		assert.InDelta(t, 8, l.Rate(), 0.1)
	})
}

// Nothing is to be had if all were turned away; then it begins with very little, and grows.
func TestLimiterWhenAllAreTurnedAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := autotune.NewLimiter()
		starts(t, l, 1)
		l.Observe(workerpool.RetryAfter(errAway, time.Second))
		at := starts(t, l, 2)
		assert.Equal(t, time.Second, at[0])
		assert.Greater(t, at[1], at[0])
	})
}

func TestZeroLimiter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var l autotune.Limiter
		starts(t, &l, 1)
		l.Observe(workerpool.RetryAfter(errAway, time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		require.NoError(t, l.Wait(ctx))
		assert.Equal(t, time.Second, time.Since(began))
	})
}

func TestLimiterWaitEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := autotune.NewLimiter()
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(errOwn)
		assert.ErrorIs(t, l.Wait(ended), errOwn)

		starts(t, l, 1)
		l.Observe(workerpool.RetryAfter(errAway, time.Minute))
		var waiters sync.WaitGroup
		began := time.Now()
		for range 3 { // one of whom has the turn
			waiters.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				assert.ErrorIs(t, l.Wait(ctx), context.DeadlineExceeded)
			})
		}
		waiters.Wait()
		assert.Equal(t, time.Second, time.Since(began))
	})
}

var errOwn = errors.New("own")

// Those who were waiting when one was turned away stand aside for those who come afterwards,
// until one of those has succeeded, or for half a second.
func TestThoseWhoWaitedStandAside(t *testing.T) {
	for _, succeeds := range []bool{true, false} {
		t.Run(fmt.Sprint(succeeds), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := autotune.NewLimiter()
				starts(t, l, 11)
				l.Observe(workerpool.RetryAfter(errAway, time.Second)) // ten a second, from now on
				began := time.Now()
				var mu sync.Mutex
				var order []string
				var waiters sync.WaitGroup
				wait := func(name string) {
					waiters.Go(func() {
						assert.NoError(t, l.Wait(t.Context()))
						mu.Lock()
						defer mu.Unlock()
						order = append(order, fmt.Sprint(name, " ", time.Since(began).Round(time.Millisecond)))
					})
					synctest.Wait()
				}
				time.Sleep(time.Second)
				starts(t, l, 1)
				wait("old")
				l.Observe(workerpool.RetryAfter(errAway, time.Second))
				time.Sleep(time.Second)
				wait("new")
				if succeeds {
					time.Sleep(100 * time.Millisecond)
					l.Observe(nil)
				}
				waiters.Wait()
				require.Len(t, order, 2)
				assert.Contains(t, order[0], "new")
				assert.Contains(t, order[1], "old")
			})
		})
	}
}

// hint is an error of somebody else's making.
type hint struct{ after func() time.Duration }

func (*hint) Error() string               { return "with a hint" }
func (e *hint) RetryAfter() time.Duration { return e.after() }

// broken is an error that cannot be looked into.
type broken struct{}

func (broken) Error() string { return "broken" }
func (broken) Unwrap() error { panic("of Unwrap") }

// An error whose own methods panic fails its attempt, as it does without the limiter: the job
// is tried again.
func TestLimiterSurvivesBrokenErrors(t *testing.T) {
	for _, bad := range []error{(*hint)(nil), broken{}} {
		t.Run(fmt.Sprintf("%T", bad), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := autotune.NewLimiter()
				assert.NotPanics(t, func() { l.Observe(bad) })
				var calls atomic.Int64
				p, err := workerpool.New(func(context.Context, int) (int, error) {
					if calls.Add(1) == 1 {
						return 0, bad
					}
					return 7, nil
				}, workerpool.WithLimiter(l), workerpool.WithRetry(func(int, error) (time.Duration, bool) { return 0, true }))
				require.NoError(t, err)
				defer p.Stop()
				got, err := p.Do(t.Context(), 1)
				require.NoError(t, err)
				assert.Equal(t, 7, got)
				assert.Zero(t, l.Rate())
			})
		})
	}
}

// An error may ask the limiter while it is asked itself.
func TestObserveOfAnErrorThatAsksTheLimiter(t *testing.T) {
	l := autotune.NewLimiter()
	err := &hint{func() time.Duration {
		if l.Rate() > 0 {
			return 0
		}
		return time.Millisecond
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Observe(err)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for itself")
	}
}

// A pool that nobody has told anything, and a service that turns its first call away.
func ExampleNewLimiter() {
	var calls atomic.Int64
	call := func(_ context.Context, id int) (string, error) {
		if calls.Add(1) == 1 {
			return "", workerpool.RetryAfter(errAway, 10*time.Millisecond)
		}
		return fmt.Sprint("answer ", id), nil
	}
	pool, err := workerpool.New(call,
		workerpool.WithLimiter(autotune.NewLimiter()),
		workerpool.WithRetry(func(int, error) (time.Duration, bool) { return 0, true }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop()
	answers, err := pool.Map(context.Background(), []int{1, 2, 3})
	fmt.Println(answers, err)
	// Output: [answer 1 answer 2 answer 3] <nil>
}

func ExampleStart() {
	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	pool, err := workerpool.New(double, workerpool.WithWorkers(4), workerpool.WithTiming())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Stop()
	tuner, err := autotune.Start(context.Background(), pool, autotune.Config{Min: 1, Max: 500})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tuner.Stop()
	results, err := pool.Map(context.Background(), []int{1, 2, 3})
	fmt.Println(results, err)
	fmt.Println(tuner.State().Size, tuner.State().Reason)
	// Output:
	// [2 4 6] <nil>
	// 4 began
}
