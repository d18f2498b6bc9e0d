package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func TestRetryAfterError(t *testing.T) {
	assert.NoError(t, workerpool.RetryAfter(nil, time.Second))
	err := fmt.Errorf("get: %w", workerpool.RetryAfter(errOwn, time.Second))
	assert.ErrorIs(t, err, errOwn)
	assert.EqualError(t, err, "get: the job's own error (retry after 1s)")
	var after interface{ RetryAfter() time.Duration }
	if assert.ErrorAs(t, err, &after) {
		assert.Equal(t, time.Second, after.RetryAfter())
	}
	err = workerpool.RetryAfter(errOwn, -time.Second)
	assert.EqualError(t, err, errOwn.Error())
	assert.ErrorAs(t, err, &after)
	assert.Zero(t, after.RetryAfter())
}

// starts notes when jobs start, and does what a function says.
type starts struct {
	mu    sync.Mutex
	begun time.Time
	at    []time.Duration
}

func (s *starts) note() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Since(s.begun).Round(time.Millisecond))
	return len(s.at)
}

func (s *starts) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.at)
}

func repeated(n int, d time.Duration) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }

// The pool pauses, one job goes ahead, and the others follow when it succeeds: for jobs of all
// ways, with no option at all.
func TestRetryAfterPausesThePool(t *testing.T) {
	for way, run := range ways {
		for _, opts := range [][]workerpool.Option{nil, {workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{})}} {
			t.Run(fmt.Sprint(way, len(opts)), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					s := starts{begun: time.Now()}
					p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
						if s.note() == 1 {
							time.Sleep(time.Millisecond)
							return 0, workerpool.RetryAfter(errOwn, 10*time.Second)
						}
						time.Sleep(5 * time.Millisecond)
						return n, nil
					}, sized(4, 64, opts...)...)
					defer p.Stop()
					rs := run(t, p, upTo(20))
					assert.Len(t, rs, 20)
					failed := 0
					for _, r := range rs {
						if r.Err != nil {
							assert.ErrorIs(t, r.Err, errOwn)
							failed++
						}
					}
					assert.Equal(t, 1, failed, "without WithRetry the error is the result")
					at := s.times()
					assert.Len(t, at, 20)
					running := 0
					for _, d := range at {
						if d < time.Second {
							running++
						}
					}
					assert.LessOrEqual(t, running, 4)
					const resumed = 10*time.Second + time.Millisecond
					assert.Equal(t, resumed, at[running], "the probe")
					assert.Equal(t, resumed+5*time.Millisecond, at[running+1], "the others")
					assert.Less(t, at[19], resumed+100*time.Millisecond)
					stats := p.Stats()
					assert.EqualValues(t, 1, stats.Throttled)
					assert.Zero(t, stats.PausedUntil)
					assert.Zero(t, stats.Held)
				})
			})
		}
	}
}

// As long as no probe has ended, 1, 2, 4, ... more start every 100 ms.
func TestProbesGrow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := starts{begun: time.Now()}
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			if s.note() == 1 {
				return 0, workerpool.RetryAfter(errOwn, time.Second)
			}
			time.Sleep(time.Minute)
			return n, nil
		}, sized(30, 64)...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 0)
		require.Error(t, err)
		for n := range 30 {
			require.NoError(t, p.TrySubmit(n))
		}
		time.Sleep(900 * time.Millisecond)
		stats := p.Stats()
		assert.Equal(t, s.begun.Add(time.Second), stats.PausedUntil)
		assert.Equal(t, 0, stats.Busy)
		assert.Equal(t, 30, stats.Held)
		time.Sleep(30 * time.Second)
		assert.Equal(t, s.begun.Add(time.Second), p.Stats().PausedUntil, "none has succeeded yet")
		assert.Equal(t, slices.Concat(repeated(1, 0), repeated(1, time.Second), repeated(1, 1100*time.Millisecond),
			repeated(2, 1200*time.Millisecond), repeated(4, 1300*time.Millisecond), repeated(8, 1400*time.Millisecond),
			repeated(14, 1500*time.Millisecond)), s.times())
		time.Sleep(time.Minute)
		assert.Zero(t, p.Stats().PausedUntil)
	})
}

// The latest of all reports counts, those of jobs that ran already too, and what probes report.
func TestTheLatestReportCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var untils []time.Duration
		s := starts{begun: time.Now()}
		type job struct{ takes, after time.Duration }
		p := newPoolOf(t, func(_ context.Context, j job) (int, error) {
			s.note()
			time.Sleep(j.takes * time.Millisecond)
			if j.after < 0 {
				return 0, nil
			}
			return 0, workerpool.RetryAfter(errOwn, j.after)
		}, sized(4, 64, workerpool.WithHooks(workerpool.Hooks{Throttled: func(until time.Time) {
			untils = append(untils, until.Sub(s.begun))
		}}))...)
		defer p.Stop()
		for _, j := range []job{{10, time.Second}, {20, 5 * time.Second}, {30, 2 * time.Second}, {40, 0}, {50, 3 * time.Second}} {
			require.NoError(t, p.TrySubmit(j))
		}
		time.Sleep(6 * time.Second)
		for range 2 {
			require.NoError(t, p.TrySubmit(job{60, -1}))
		}
		require.NoError(t, p.Wait(t.Context()))
		const ms = time.Millisecond
		assert.Equal(t, []time.Duration{1010 * ms, 5020 * ms, 8070 * ms}, untils)
		assert.Equal(t, []time.Duration{0, 0, 0, 0, 5020 * ms, 8070 * ms, 8130 * ms}, s.times())
		assert.EqualValues(t, 5, p.Stats().Throttled)
	})
}

// A probe that is turned away without a hint begins slowly again; one that fails otherwise does
// not stop the others from following in time.
func TestProbesThatFail(t *testing.T) {
	for name, err := range map[string]error{"no hint": workerpool.RetryAfter(errOwn, 0), "another error": errOwn} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := starts{begun: time.Now()}
				p := newPoolOf(t, func(context.Context, int) (int, error) {
					switch n := s.note(); {
					case n == 1:
						return 0, workerpool.RetryAfter(errOwn, time.Second)
					case n <= 3:
						return 0, err
					}
					return 0, nil
				}, sized(1, 64)...)
				defer p.Stop()
				for n := range 6 {
					require.NoError(t, p.TrySubmit(n))
				}
				require.NoError(t, p.Wait(t.Context()))
				const ms = time.Millisecond
				want := []time.Duration{0, 1000 * ms, 1100 * ms, 1200 * ms, 1200 * ms, 1200 * ms}
				assert.Equal(t, want, s.times())
			})
		})
	}
}

// Cancelled, the pool does not wait for the pause to end; nor does a Do whose context ends.
func TestPauseEndsWithContext(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			return n, workerpool.RetryAfter(errOwn, time.Hour)
		}, sized(workers, buffer)...)
		begun := time.Now()
		_, err := p.Do(t.Context(), 0)
		assert.ErrorIs(t, err, errOwn)
		accepted := 0
		for range 20 {
			if p.TrySubmit(0) == nil {
				accepted++
			}
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errCause)
		defer cancel()
		_, err = p.Do(ctx, 1)
		assert.ErrorIs(t, err, errCause)
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
		_, err = p.Map(ctx, upTo(3))
		assert.ErrorIs(t, err, errCause)
		shut, cancel2 := context.WithTimeout(t.Context(), time.Minute)
		defer cancel2()
		var left *workerpool.ShutdownError
		if assert.ErrorAs(t, p.Shutdown(shut), &left) {
			assert.GreaterOrEqual(t, left.NotRun, accepted)
			assert.LessOrEqual(t, left.NotRun, accepted+2, "the Do that was left, and a worker for the Map")
			assert.Zero(t, left.Running)
		}
		rs := p.Stop()
		assert.Len(t, rs, accepted)
		for _, r := range rs {
			assert.ErrorIs(t, r.Err, workerpool.ErrNotRun)
		}
		assert.Equal(t, 2*time.Minute, time.Since(begun))
	})
}

// A job's own calls to its pool wait too, and no pause hangs them.
func TestG10_WhilePaused(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var p *workerpool.Pool[int, int]
		first := true
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n > 0 {
				if first {
					first = false
					return 0, workerpool.RetryAfter(errOwn, time.Minute)
				}
				return n, nil
			}
			_, err := p.Do(ctx, 1)
			assert.ErrorIs(t, err, errOwn)
			begun := time.Now()
			_, err = p.Do(ctx, 2)
			assert.NoError(t, err)
			assert.Equal(t, time.Minute, time.Since(begun))
			_, err = p.Map(ctx, []int{3, 4})
			return 0, err
		}, sized(workers, buffer)...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 0)
		assert.NoError(t, err)
	})
}

// The bound holds when the pause ends and the pool has shrunk meanwhile.
func TestG02_AfterAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var g gauge
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			if n == 0 {
				return 0, workerpool.RetryAfter(errOwn, time.Minute)
			}
			g.enter()
			defer g.leave()
			time.Sleep(time.Second)
			return n, nil
		}, sized(8, 64)...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 0)
		assert.Error(t, err)
		for n := range 30 {
			require.NoError(t, p.TrySubmit(n+1))
		}
		collected := make(chan bool)
		go func() {
			_, err := p.Collect(t.Context(), upTo(31)[1:])
			assert.NoError(t, err)
			close(collected)
		}()
		synctest.Wait()
		require.NoError(t, p.Resize(3))
		<-collected
		assert.NoError(t, p.Wait(t.Context()))
		_, peak, in := g.read()
		assert.Equal(t, 3, peak)
		assert.Equal(t, 60, in)
	})
}

// A hook Throttled harms nothing.
func TestThrottledHookIsIsolated(t *testing.T) {
	for name, hook := range map[string]func(p *workerpool.Pool[int, int]){
		"panics":   func(*workerpool.Pool[int, int]) { panic("hook") },
		"exits":    func(*workerpool.Pool[int, int]) { runtime.Goexit() },
		"calls us": func(p *workerpool.Pool[int, int]) { p.Stats(); _ = p.Resize(2); _ = p.TrySubmit(1) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				log := captureLog(t)
				var p *workerpool.Pool[int, int]
				p = newPoolOf(t, func(_ context.Context, n int) (int, error) {
					if n == 0 {
						return 0, workerpool.RetryAfter(errOwn, time.Minute)
					}
					return n, nil
				}, sized(1, 8, workerpool.WithHooks(workerpool.Hooks{Throttled: func(time.Time) { hook(p) }}))...)
				defer p.Stop()
				require.NoError(t, p.TrySubmit(0))
				assert.ErrorIs(t, (<-p.Results()).Err, errOwn)
				_, err := p.Do(t.Context(), 5)
				assert.NoError(t, err)
				synctest.Wait()
				assert.Equal(t, name == "panics", log() != "")
			})
		})
	}
}

// With WithRetry the job that was turned away is tried again, when the pause is over.
func TestRetryAfterWithRetry(t *testing.T) {
	for way, run := range ways {
		t.Run(way, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := starts{begun: time.Now()}
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
					s.note()
					if left := 10*time.Second - time.Since(s.begun); left > 0 {
						return 0, workerpool.RetryAfter(errOwn, left)
					}
					return n, nil
				}, sized(4, 64, upToAttempts(3, time.Second))...)
				defer p.Stop()
				rs := run(t, p, upTo(8))
				for _, r := range rs {
					assert.NoError(t, r.Err)
				}
				early := 0
				for _, at := range s.times() {
					assert.True(t, at == 0 || at >= 10*time.Second && at < 11*time.Second, "at %v", at)
					if at == 0 {
						early++
					}
				}
				assert.LessOrEqual(t, early, 4)
				assert.Len(t, s.times(), 8+early)
			})
		})
	}
}

// It holds no worker until then, though its policy would have it tried again sooner.
func TestRetryAfterHoldsNoWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := starts{begun: time.Now()}
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			s.note()
			return 0, workerpool.RetryAfter(errOwn, 10*time.Second)
		}, sized(1, 8, upToAttempts(2, time.Second))...)
		defer p.Stop()
		require.NoError(t, p.TrySubmit(1))
		time.Sleep(5 * time.Second)
		stats := p.Stats()
		assert.Equal(t, 1, stats.Retrying)
		assert.Zero(t, stats.Held)
		require.NoError(t, p.Wait(t.Context()))
		assert.Equal(t, []time.Duration{0, 10 * time.Second}, s.times())
	})
}

type limiterFunc func(ctx context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }

// ticker lets one attempt start in each interval.
type ticker struct {
	mu       sync.Mutex
	interval time.Duration
	next     time.Time
	outcomes []error
}

func (l *ticker) Wait(ctx context.Context) error {
	l.mu.Lock()
	at := l.next
	if now := time.Now(); at.Before(now) {
		at = now
	}
	l.next = at.Add(l.interval)
	l.mu.Unlock()
	select {
	case <-time.After(time.Until(at)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *ticker) Observe(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes = append(l.outcomes, err)
}

// Every attempt waits for the limiter, and is reported to it.
func TestLimiterIsAskedForEachAttempt(t *testing.T) {
	for way, run := range ways {
		t.Run(way, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := starts{begun: time.Now()}
				var f flaky
				l := ticker{interval: time.Second}
				p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
					s.note()
					return f.run(ctx, n)
				}, sized(4, 64, upToAttempts(3, 0), workerpool.WithLimiter(&l))...)
				defer p.Stop()
				assert.Len(t, run(t, p, upTo(5)), 5)
				var want []time.Duration
				for n := range 1 + 2 + 3*3 {
					want = append(want, time.Duration(n)*time.Second)
				}
				assert.Equal(t, want, s.times())
				failed := 0
				for _, err := range l.outcomes {
					if err != nil {
						assert.ErrorIs(t, err, errOwn)
						failed++
					}
				}
				assert.Len(t, l.outcomes, 12)
				assert.Equal(t, 9, failed)
			})
		})
	}
}

// A limiter that fails, panics or exits does so for one job, before its first attempt or
// after it.
func TestLimiterThatFails(t *testing.T) {
	var caught *workerpool.PanicError
	for name, limiter := range map[string]func(){
		"fails":  func() {},
		"panics": func() { panic(errCause) },
		"exits":  runtime.Goexit,
	} {
		for way, run := range ways {
			for _, attempts := range []int{0, 1} {
				for _, opts := range [][]workerpool.Option{nil, {workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{})}} {
					t.Run(fmt.Sprint(name, way, attempts, len(opts)), func(t *testing.T) {
						bubble(t, func(t *testing.T) {
							asked := 0
							p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
								sized(1, 8, append(opts, upToAttempts(3, time.Second), workerpool.WithLimiter(limiterFunc(func(context.Context) error {
									asked++
									if asked <= attempts {
										return nil
									}
									limiter()
									return errCause
								})))...)...)
							defer p.Stop()
							rs := run(t, p, []int{1})
							r := rs[0]
							if way == "Do" && attempts == 0 {
								r.Attempts = 0 // it can't tell
							}
							assert.Equal(t, attempts, r.Attempts)
							switch name {
							case "exits":
								assert.ErrorIs(t, r.Err, workerpool.ErrGoexit)
							case "panics":
								assert.ErrorAs(t, r.Err, &caught)
								fallthrough
							default:
								assert.ErrorIs(t, r.Err, errCause)
							}
							assert.Equal(t, attempts == 0, errors.Is(r.Err, workerpool.ErrNotRun))
							assert.Equal(t, attempts == 1, errors.Is(r.Err, errOwn))
							require.NoError(t, p.Shutdown(t.Context()))
							synctest.Wait()
							s := p.Stats()
							assert.EqualValues(t, 1, s.Accepted)
							assert.EqualValues(t, attempts, s.Completed)
							assert.EqualValues(t, attempts, s.Failed)
							assert.EqualValues(t, 1-attempts, s.NotRun)
							assert.Zero(t, s.Busy+s.Held+s.Retrying)
							assert.Zero(t, s.Retries)
						})
					})
				}
			}
		}
	}
}

// A job whose context ends while it waits for the limiter has not run.
func TestLimiterWaitEndsWithContext(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { panic("runs") },
			sized(workers, buffer, workerpool.WithLimiter(limiterFunc(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})))...)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCause)
		defer cancel()
		_, err := p.Do(ctx, 1)
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
		assert.ErrorIs(t, err, errCause)
		rs, err := p.Collect(ctx, upTo(3))
		if assert.ErrorIs(t, err, errCause) && rs != nil {
			t.Error("ctx had ended before")
		}
		ctx2, cancel2 := context.WithTimeoutCause(t.Context(), time.Second, errCause)
		defer cancel2()
		rs, err = p.Collect(ctx2, upTo(3))
		assert.ErrorIs(t, err, errCause)
		for _, r := range rs {
			assert.ErrorIs(t, r.Err, workerpool.ErrNotRun)
			assert.ErrorIs(t, r.Err, errCause)
		}
		accepted := 0
		for range 20 {
			if p.TrySubmit(0) == nil {
				accepted++
			}
			synctest.Wait()
		}
		s := p.Stats()
		assert.Zero(t, s.Busy)
		assert.Equal(t, min(workers, accepted), s.Held)
		stopped := p.Stop()
		assert.Len(t, stopped, accepted)
		for _, r := range stopped {
			assert.ErrorIs(t, r.Err, workerpool.ErrNotRun)
			assert.ErrorIs(t, r.Err, workerpool.ErrStopped)
		}
	})
}

// An Observe that panics or exits has done so in place of Func.
func TestObserveIsIsolated(t *testing.T) {
	for _, exits := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			l := &badObserver{exits: exits}
			p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
				if n == 2 {
					panic(n)
				}
				return n, nil
			}, sized(1, 8, workerpool.WithLimiter(l))...)
			defer p.Stop()
			rs, err := p.Collect(t.Context(), []int{1, 2, 3})
			assert.NoError(t, err)
			for _, r := range rs {
				assert.Error(t, r.Err)
				assert.Equal(t, 1, r.Attempts)
			}
			_, err = p.Do(t.Context(), 1)
			assert.Error(t, err)
			assert.Equal(t, 4, l.told)
		})
	}
}

type badObserver struct {
	exits bool
	told  int
}

func (*badObserver) Wait(context.Context) error { return nil }

func (l *badObserver) Observe(error) {
	l.told++
	if l.exits {
		runtime.Goexit()
	}
	panic("observer")
}

// A pool that will start nothing any more does not pause.
func TestAPoolThatHasEndedDoesNotPause(t *testing.T) {
	for name, end := range map[string]func(*workerpool.Pool[int, int], context.CancelFunc){
		"Close":     func(p *workerpool.Pool[int, int], _ context.CancelFunc) { p.Close() },
		"Stop":      func(p *workerpool.Pool[int, int], _ context.CancelFunc) { p.Stop() },
		"cancelled": func(_ *workerpool.Pool[int, int], cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, workerpool.RetryAfter(errOwn, time.Minute) },
					sized(1, 8, workerpool.WithContext(ctx))...)
				defer p.Stop()
				_, err := p.Do(t.Context(), 1)
				require.ErrorIs(t, err, errOwn)
				require.Equal(t, time.Now().Add(time.Minute), p.Stats().PausedUntil)
				end(p, cancel)
				synctest.Wait() // Do returns before its worker has said that it is done
				assert.Zero(t, p.Stats().PausedUntil)
			})
		})
	}
}

// One that was closed does, as long as it has jobs.
func TestAClosedPoolPausesWhileItHasJobs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, workerpool.RetryAfter(errOwn, time.Minute) },
			sized(1, 8)...)
		defer p.Stop()
		for n := range 2 {
			require.NoError(t, p.TrySubmit(n))
		}
		p.Close()
		synctest.Wait()
		assert.Equal(t, time.Now().Add(time.Minute), p.Stats().PausedUntil)
		assert.Len(t, readAll(p), 2)
		assert.Zero(t, p.Stats().PausedUntil)
	})
}
