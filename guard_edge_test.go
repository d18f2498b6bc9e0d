package workerpool_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// nilError is an error that is a nil pointer more often than its author thinks.
type nilError struct{ err error }

func (*nilError) Error() string   { return "nil, and yet an error" }
func (e *nilError) Unwrap() error { return e.err }

// An error whose own methods panic is passed on as it is, whoever looks into it; one that ends
// the goroutine has ended that of its job.
func TestG07_ErrorsThatAreNoneOfOurs(t *testing.T) {
	for way, run := range ways {
		for _, opts := range [][]workerpool.Option{nil, {upToAttempts(2, 0)}, {workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{})}} {
			bubble(t, func(t *testing.T) {
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
					switch n {
					case 0:
						var e *nilError
						return 0, e
					case 1:
						return 0, exitingError{}
					}
					return n, nil
				}, sized(1, 8, opts...)...)
				defer p.Stop()
				rs := run(t, p, []int{0, 1, 2})
				assert.Len(t, rs, 3)
				for _, r := range rs {
					err := r.Err
					if failed, ok := err.(*workerpool.RetryError); ok { //nolint:errorlint // errors.As would panic
						err = failed.Err
					}
					switch r.Job {
					case 0:
						_, same := err.(*nilError) //nolint:errorlint // as above
						assert.True(t, same, "%s: %T", way, err)
					case 1:
						assert.Equal(t, workerpool.ErrGoexit, err)
					default:
						assert.NoError(t, err)
					}
				}
				assert.Equal(t, 1, p.Stats().Workers)
			})
		}
	}
}

type exitingError struct{}

func (exitingError) Error() string { return "exits" }
func (exitingError) Unwrap() error { runtime.Goexit(); return nil }

// A limiter that pays no heed to the end of its context lets nothing start after it.
func TestG06_AfterALimiterThatIsDeaf(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { panic("runs") },
			sized(1, 8, workerpool.WithLimiter(limiterFunc(func(context.Context) error {
				time.Sleep(time.Second)
				return nil
			})))...)
		require.NoError(t, p.TrySubmit(1))
		synctest.Wait()
		for _, r := range p.Stop() {
			assert.ErrorIs(t, r.Err, workerpool.ErrNotRun)
		}
	})
	for range 100 { // the limiter and the cancellation at once
		release, ctx := make(chan struct{}), context.Background()
		ctx, cancel := context.WithCancel(ctx)
		var late atomic.Bool
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			late.Store(ctx.Err() != nil)
			return 0, nil
		}, sized(1, 8, workerpool.WithContext(ctx), workerpool.WithLimiter(limiterFunc(func(ctx context.Context) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})))...)
		require.NoError(t, p.TrySubmit(1))
		for p.Stats().Held == 0 {
			runtime.Gosched()
		}
		cancel()
		close(release)
		p.Stop()
		assert.False(t, late.Load(), "a job starts after the cancellation")
	}
}

// waits is a limiter whose n-th call takes so many seconds.
func waits(seconds ...int) workerpool.Option {
	var calls atomic.Int64
	return workerpool.WithLimiter(limiterFunc(func(context.Context) error {
		if n := int(calls.Add(1)); n <= len(seconds) {
			time.Sleep(time.Duration(seconds[n-1]) * time.Second)
		}
		return nil
	}))
}

// A job that waits until the pool has shrunk does not start in a pause that has begun meanwhile.
func TestNothingStartsInAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := starts{begun: time.Now()}
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			s.note()
			if n == 1 {
				time.Sleep(10 * time.Second)
				return 0, workerpool.RetryAfter(errOwn, time.Minute)
			}
			return n, nil
		}, sized(2, 8, waits(0, 5))...)
		defer p.Stop()
		require.NoError(t, p.TrySubmit(1))
		synctest.Wait()
		require.NoError(t, p.TrySubmit(2))
		time.Sleep(time.Second)
		require.NoError(t, p.Resize(1))
		require.NoError(t, p.Wait(t.Context()))
		assert.Equal(t, []time.Duration{0, 70 * time.Second}, s.times())
	})
}

// Nor does a job of a bulk call for which the limiter had its worker wait meanwhile.
func TestNothingOfACallStartsInAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := starts{begun: time.Now()}
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			s.note()
			return 0, workerpool.RetryAfter(errOwn, time.Minute)
		}, sized(2, 8, waits(1, 5))...)
		defer p.Stop()
		_, err := p.Collect(t.Context(), []int{1, 2})
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{time.Second, 61 * time.Second}, s.times())
	})
}

// A pool has shrunk, and one of two workers that wait for the limiter may go on: it runs, though
// the other one waits yet.
func TestWhoWaitsForTheLimiterIsInNobodysWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := starts{begun: time.Now()}
		p := newPoolOf(t, func(context.Context, int) (int, error) { s.note(); return 0, nil }, sized(2, 8, waits(60, 5))...)
		defer p.Stop()
		for n := range 2 {
			require.NoError(t, p.TrySubmit(n))
			synctest.Wait()
		}
		require.NoError(t, p.Resize(1))
		require.NoError(t, p.Wait(t.Context()))
		assert.Equal(t, []time.Duration{5 * time.Second, time.Minute}, s.times())
	})
}

// Nor when it begins to wait there after another one has begun to wait for the pool to be small
// enough.
func TestWhoWaitsMakesRoomForWhoHolds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := starts{begun: time.Now()}
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			s.note()
			if n == 0 && len(s.times()) == 1 {
				time.Sleep(time.Minute)
				return 0, errOwn
			}
			return 0, nil
		}, sized(2, 0, waits(0, 10), upToAttempts(2, 10*time.Hour))...)
		defer p.Stop()
		go readAll(p)
		for n := range 2 { // the second waits for the limiter when the pool shrinks
			synctest.Wait()
			require.NoError(t, p.TrySubmit(n))
		}
		synctest.Wait()
		require.NoError(t, p.Resize(1))
		require.NoError(t, p.Wait(t.Context()))
		assert.Equal(t, []time.Duration{0, time.Minute, 10*time.Hour + time.Minute}, s.times())
	})
}

// An error whose method Error panics, as that of a nil pointer may, does so in nobody's face.
func TestG07_AnErrorOfALimiterThatCannotBeRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		calls := 0
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
			sized(1, 8, upToAttempts(2, 0), workerpool.WithLimiter(limiterFunc(func(context.Context) error {
				if calls++; calls == 2 {
					return nil
				}
				var none *speechless
				return none
			})))...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		assert.EqualError(t, err, "workerpool: job not run: limiter: <nil>")
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
		_, err = p.Do(t.Context(), 2)
		assert.ErrorIs(t, err, errOwn)
		assert.ErrorContains(t, err, "limiter: <nil>")
		results, err := p.Collect(t.Context(), []int{3})
		assert.NoError(t, err)
		assert.ErrorIs(t, results[0].Err, workerpool.ErrNotRun)
	})
}

type speechless struct{ text string }

func (e *speechless) Error() string { return e.text }

// A job that waits for the limiter in a lent place does not make room for another.
func TestG02_HeldBackInALentPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[string, int]
		var g gauge
		p = newPoolOf(t, func(ctx context.Context, name string) (int, error) {
			if name == "outer" {
				return p.Do(ctx, "nested")
			}
			g.enter()
			defer g.leave()
			time.Sleep(10 * time.Second)
			return 0, nil
		}, sized(2, 8, waits(0, 5, 2))...)
		defer p.Stop()
		require.NoError(t, p.TrySubmit("outer"))
		synctest.Wait()
		require.NoError(t, p.TrySubmit("other"))
		synctest.Wait()
		require.NoError(t, p.Resize(1))
		require.NoError(t, p.Wait(t.Context()))
		_, peak, in := g.read()
		assert.Equal(t, 1, peak)
		assert.Equal(t, 2, in)
	})
}

// Completed and Retries never go back, and Completed is never more than there is.
func TestCountsOfAttemptsGrow(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var done atomic.Uint64
	p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
		if n%7 == 0 {
			done.Add(1)
			return n, nil
		}
		return 0, errOwn
	}, sized(4, 16, workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) {
		if attempt == 5 {
			done.Add(1)
		}
		return 0, attempt < 5
	}))...)
	submitted := submitAll(t, p, upTo(20_000))
	go func() {
		for range p.Results() {
		}
	}()
	var last workerpool.Stats
	for over := false; !over; {
		select {
		case <-submitted:
			over = true
		default:
		}
		s := p.Stats()
		if s.Completed < last.Completed || s.Retries < last.Retries || s.Failed > s.Completed || s.Completed > done.Load() {
			t.Fatalf("%+v\nafter %+v", s, last)
		}
		last = s
	}
	require.NoError(t, p.Wait(t.Context()))
	p.Stop()
	s := p.Stats()
	assert.Equal(t, s.Attempts, s.Completed+s.Retries)
}

// A Done that ends the goroutine does not take the pause away.
func TestPauseInSpiteOfAHook(t *testing.T) {
	for _, way := range []string{"Do", "Collect"} {
		bubble(t, func(t *testing.T) {
			p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, workerpool.RetryAfter(errOwn, time.Minute) },
				sized(1, 8, workerpool.WithHooks(workerpool.Hooks{Done: func(context.Context, workerpool.JobInfo) { runtime.Goexit() }}))...)
			defer p.Stop()
			assert.ErrorIs(t, ways[way](t, p, []int{1})[0].Err, errOwn)
			assert.Equal(t, time.Now().Add(time.Minute), p.Stats().PausedUntil)
			assert.EqualValues(t, 1, p.Stats().Throttled)
		})
	}
}

// A probe that began before another was turned away without a hint does not open the gate.
func TestOlderProbeOpensNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const ms = time.Millisecond
		s := starts{begun: time.Now()}
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			switch s.note() {
			case 1:
				return 0, workerpool.RetryAfter(errOwn, time.Second)
			case 2: // from 1 s to 1.21 s
				time.Sleep(210 * ms)
				return 0, nil
			case 3: // from 1.1 s to 1.2 s
				time.Sleep(100 * ms)
				return 0, workerpool.RetryAfter(errOwn, 0)
			}
			time.Sleep(10 * time.Second)
			return 0, nil
		}, sized(20, 64)...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 0)
		require.Error(t, err)
		for n := range 20 {
			require.NoError(t, p.TrySubmit(n))
		}
		time.Sleep(1250 * ms)
		assert.LessOrEqual(t, len(s.times()), 6)
	})
}

// The panic of a limiter is logged where nobody receives it, as is one of its Observe.
func TestLimiterIsNotSwallowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		log := captureLog(t)
		attempts := 0
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
			sized(1, 8, workerpool.WithoutResults(), upToAttempts(2, 0), workerpool.WithLimiter(limiterFunc(func(context.Context) error {
				if attempts++; attempts == 2 {
					return nil
				}
				panic("limiter is broken")
			})))...)
		for n := range 2 { // before its first attempt, and before its second
			require.NoError(t, p.TrySubmit(n))
			require.NoError(t, p.Wait(t.Context()))
			synctest.Wait()
			assert.Contains(t, log(), "limiter is broken")
		}
		assert.EqualValues(t, 1, p.Stats().NotRun)
		assert.EqualValues(t, 1, p.Stats().Completed)
		p.Stop()

		p = newPoolOf(t, func(context.Context, int) (int, error) { panic("job") }, sized(1, 8, workerpool.WithLimiter(new(badObserver)))...)
		_, err := p.Do(t.Context(), 1)
		assert.ErrorContains(t, err, "job")
		synctest.Wait()
		assert.Contains(t, log(), "the Observe of a limiter")
		p.Stop()
	})
}

// A job that is given up says why: not the limiter, where there is none.
func TestGivenUpBecauseOfThePool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n == 1 {
				<-ctx.Done()
				return 0, nil
			}
			return 0, errOwn
		}, sized(2, 0, upToAttempts(9, time.Second))...)
		synctest.Wait()
		require.NoError(t, p.TrySubmit(1))
		synctest.Wait()
		got := make(chan error)
		go func() {
			_, err := p.Do(context.Background(), 2)
			got <- err
		}()
		synctest.Wait()
		require.NoError(t, p.Resize(1))
		time.Sleep(5 * time.Second) // it waits until there is room for it
		go p.Stop()
		err := <-got
		assert.ErrorIs(t, err, workerpool.ErrStopped)
		assert.ErrorIs(t, err, errOwn)
		assert.NotContains(t, err.Error(), "limiter")
	})
}

// Who leaves a Do between two attempts has the error of the last.
func TestLeftBetweenAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn }, sized(1, 8, upToAttempts(9, time.Hour))...)
		defer p.Stop()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCause)
		defer cancel()
		_, err := p.Do(ctx, 1)
		var failed *workerpool.RetryError
		if assert.ErrorAs(t, err, &failed) {
			assert.Equal(t, 1, failed.Attempts)
			assert.Equal(t, errOwn, failed.Err)
			assert.ErrorIs(t, failed.Stopped, errCause)
		}
	})
}

// A job that was let through by the limiter and did not start counts once for the budget.
func TestBudgetCountsAttempts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
			sized(2, 8, waits(1, 1), workerpool.WithRetryBudget(0.5), upToAttempts(100, time.Second))...)
		defer p.Stop()
		go func() { _, _ = p.Collect(t.Context(), []int{1, 2}) }()
		synctest.Wait()
		require.NoError(t, p.Resize(1))
		require.NoError(t, p.Wait(t.Context()))
		s := p.Stats()
		assert.LessOrEqual(t, 2*s.Retries, s.Attempts)
	})
}

// What waits says so in errors, and in what Shutdown counts.
func TestTextsKnowWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn }, sized(1, 1, upToAttempts(9, time.Hour))...)
		for n := range 2 {
			require.NoError(t, p.TrySubmit(n))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorContains(t, p.Wait(ctx), "(0 waiting, 0 running, 0 results unread, 1 held back, 2 to be tried again)")
		var left *workerpool.ShutdownError
		if assert.ErrorAs(t, p.Shutdown(ctx), &left) {
			assert.Equal(t, 2, left.Running)
			assert.Equal(t, 0, left.NotRun)
		}
		assert.Len(t, p.Stop(), 2)
	})
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, nil }, sized(1, 8, waits(3600))...)
		require.NoError(t, p.TrySubmit(1))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var left *workerpool.ShutdownError
		if assert.ErrorAs(t, p.Shutdown(ctx), &left) {
			assert.Equal(t, 0, left.Running)
			assert.Equal(t, 1, left.NotRun)
		}
		assert.Len(t, p.Stop(), 1)
	})
}

// An attempt after which a hook ends the goroutine counts once.
func TestRetryingHookThatExitsCountsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
			sized(1, 8, upToAttempts(3, 0), workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{
				Retrying: func(context.Context, workerpool.JobInfo, time.Duration) { runtime.Goexit() },
			}))...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		assert.True(t, errors.Is(err, workerpool.ErrGoexit), "%v", err)
		assert.EqualValues(t, 1, p.Stats().Timing.Failed.Count())
		assert.EqualValues(t, 1, p.Stats().Attempts)
	})
}

// While the pool pauses chunks have one job, however short jobs were before: none has to wait
// for a probe that takes long.
func TestNoJobSharesAChunkWithAProbe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const short, long = 64, 4
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			switch {
			case n == short:
				return 0, workerpool.RetryAfter(errOwn, time.Second)
			case n > short:
				time.Sleep(10 * time.Second)
			}
			return n, nil
		}, sized(long, 128)...)
		defer p.Stop()
		all := make(chan struct{})
		begun, had := time.Now(), 0
		results, errf := p.Stream(t.Context(), func(yield func(int) bool) {
			for n := range short + 1 + long {
				if n == short || n == short+1 {
					time.Sleep(time.Millisecond) // all before have run; and then the pool pauses
				}
				yield(n)
			}
			<-all // who knows that no more will come shares chunks out
		})
		for range results {
			if had++; had == short+1+long {
				close(all)
			}
		}
		assert.NoError(t, errf())
		assert.Less(t, time.Since(begun), 12*time.Second, "a pause of 1 s, then 1 + 1 + 2 jobs of 10 s in the course of 0.2 s")
	})
}
