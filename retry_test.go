package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// upToAttempts is a policy of so many attempts with the same wait between them.
func upToAttempts(n int, wait time.Duration) workerpool.Option {
	return workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return wait, attempt < n })
}

// flaky fails so many times for each job that its number says.
type flaky struct {
	mu    sync.Mutex
	calls map[int]int
}

func (f *flaky) run(_ context.Context, n int) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls == nil {
		f.calls = map[int]int{}
	}
	f.calls[n]++
	if f.calls[n] <= n {
		return -1, fmt.Errorf("call %d: %w", f.calls[n], errOwn)
	}
	return 10 * n, nil
}

// checkFlaky checks the result of a job of flaky with so many attempts at most.
func checkFlaky(t *testing.T, r workerpool.Result[int, int], most int) {
	t.Helper()
	assert.Equal(t, min(most, r.Job+1), r.Attempts)
	if r.Job < most {
		assert.NoError(t, r.Err)
		assert.Equal(t, 10*r.Job, r.Value)
		return
	}
	assert.ErrorIs(t, r.Err, errOwn)
	var failed *workerpool.RetryError
	if assert.ErrorAs(t, r.Err, &failed) {
		assert.Equal(t, most, failed.Attempts)
		assert.NoError(t, failed.Stopped)
		assert.EqualError(t, r.Err, fmt.Sprintf("after %d attempts: call %d: the job's own error", most, most))
	}
}

// ways are the ways in which jobs get to a pool and their results back.
var ways = map[string]func(t *testing.T, p *workerpool.Pool[int, int], jobs []int) []workerpool.Result[int, int]{
	"Submit": func(t *testing.T, p *workerpool.Pool[int, int], jobs []int) []workerpool.Result[int, int] {
		submitAll(t, p, jobs)
		return readAll(p)
	},
	"Do": func(t *testing.T, p *workerpool.Pool[int, int], jobs []int) []workerpool.Result[int, int] {
		rs := make([]workerpool.Result[int, int], len(jobs))
		var wg sync.WaitGroup
		for i, n := range jobs {
			wg.Go(func() {
				rs[i].Job = n
				rs[i].Value, rs[i].Err = p.Do(t.Context(), n)
				rs[i].Attempts = 1
				if failed, ok := rs[i].Err.(*workerpool.RetryError); ok { //nolint:errorlint // what is in it may be anything
					rs[i].Attempts = failed.Attempts
				}
			})
		}
		wg.Wait()
		return rs
	},
	"Collect": func(t *testing.T, p *workerpool.Pool[int, int], jobs []int) []workerpool.Result[int, int] {
		rs, err := p.Collect(t.Context(), jobs)
		assert.NoError(t, err)
		return rs
	},
	"Stream": func(t *testing.T, p *workerpool.Pool[int, int], jobs []int) (rs []workerpool.Result[int, int]) {
		results, errf := p.Stream(t.Context(), slices.Values(jobs))
		for r := range results {
			assert.Equal(t, jobs[len(rs)], r.Job, "in order")
			rs = append(rs, r)
		}
		assert.NoError(t, errf())
		return rs
	},
	"StreamUnordered": func(t *testing.T, p *workerpool.Pool[int, int], jobs []int) (rs []workerpool.Result[int, int]) {
		results, errf := p.StreamUnordered(t.Context(), slices.Values(jobs))
		for r := range results {
			rs = append(rs, r)
		}
		assert.NoError(t, errf())
		return rs
	},
}

func TestRetryGivesEachJobOneResult(t *testing.T) {
	for way, run := range ways {
		t.Run(way, func(t *testing.T) {
			matrix(t, func(t *testing.T, workers, buffer int) {
				for _, opts := range [][]workerpool.Option{nil, {workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{})}} {
					const jobs, most = 9, 5
					p := newPoolOf(t, new(flaky).run, sized(workers, buffer, append(opts, upToAttempts(most, time.Second))...)...)
					rs := run(t, p, upTo(jobs))
					assert.Equal(t, upTo(jobs), jobsOf(rs))
					for _, r := range rs {
						if way == "Do" && r.Err == nil {
							assert.Equal(t, 10*r.Job, r.Value)
							continue
						}
						checkFlaky(t, r, most)
					}
					require.NoError(t, p.Shutdown(t.Context()))
					synctest.Wait()
					s := p.Stats()
					assert.EqualValues(t, 1+2+3+4+5*5, s.Attempts)
					assert.EqualValues(t, jobs, s.Completed)
					assert.EqualValues(t, s.Attempts-jobs, s.Retries)
					assert.EqualValues(t, 4, s.Failed)
					assert.EqualValues(t, jobs, s.Accepted)
					assert.Zero(t, s.Retrying)
					assert.Zero(t, s.Held)
					assert.Empty(t, p.Stop())
				}
			})
		})
	}
}

// A job that waits holds no worker: with one worker, and one job that waits a minute, the
// others are through before it.
func TestRetryHoldsNoWorker(t *testing.T) {
	for way, run := range ways {
		if way == "Stream" {
			continue // which keeps the order of its input
		}
		t.Run(way, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var ran []int
				first := true
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
					if n == 0 && first {
						first = false
						return 0, errOwn
					}
					ran = append(ran, n) // with one worker there is no race
					return n, nil
				}, sized(1, 128, upToAttempts(2, time.Minute))...)
				defer p.Stop()
				begun := time.Now()
				rs := run(t, p, upTo(101))
				assert.Len(t, rs, 101)
				assert.Len(t, ran, 101)
				assert.Equal(t, 0, ran[100], "the one that waited is last")
				assert.Equal(t, time.Minute, time.Since(begun))
			})
		})
	}
}

// As many jobs wait without a worker as there are places; others wait in their workers.
func TestRetryIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const workers, buffer = 2, 3
		var calls atomic.Int64
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			calls.Add(1)
			return 0, errOwn
		}, sized(workers, buffer, upToAttempts(2, time.Hour))...)
		defer p.Stop()
		submitted := submitAll(t, p, upTo(20))
		synctest.Wait()
		assert.EqualValues(t, workers+buffer, calls.Load())
		s := p.Stats()
		assert.Equal(t, workers+buffer, s.Retrying)
		assert.Equal(t, workers, s.Held)
		assert.Equal(t, 0, s.Busy)
		assert.Equal(t, buffer, s.Queued)
		assert.EqualValues(t, workers+buffer, s.Attempts)
		assert.Zero(t, s.Retries)
		assert.Zero(t, s.Completed)
		assert.Len(t, readAll(p), 20)
		<-submitted
		assert.EqualValues(t, 40, calls.Load())
	})
}

// Each job that waits when the pool is cancelled has its Result, with the last error.
func TestRetryKnowsCancellation(t *testing.T) {
	for _, buffer := range []int{0, 1, 8} {
		for _, opts := range [][]workerpool.Option{nil, {workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{
			Done: func(_ context.Context, j workerpool.JobInfo) {
				if j.Attempt != 1 || !errors.Is(j.Err, errOwn) {
					panic("a job that had one attempt")
				}
			},
		})}} {
			t.Run(fmt.Sprintf("buffer=%d,%d options", buffer, len(opts)), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					ctx, cancel := context.WithCancelCause(t.Context())
					p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
						sized(2, buffer, append(opts, workerpool.WithContext(ctx), upToAttempts(9, time.Hour))...)...)
					accepted := 0
					for range 20 {
						if p.TrySubmit(accepted) == nil {
							accepted++
						}
						synctest.Wait()
					}
					done := make(chan error)
					go func() {
						_, err := p.Do(t.Context(), 100)
						done <- err
					}()
					collected := make(chan []workerpool.Result[int, int])
					go func() {
						rs, err := p.Collect(t.Context(), upTo(10))
						assert.ErrorIs(t, err, errCause)
						collected <- rs
					}()
					synctest.Wait()
					retried := p.Stats().Retrying
					begun := time.Now()
					cancel(errCause)
					rs := readAll(p)
					assert.Zero(t, time.Since(begun), "it waits for nothing")
					assert.Len(t, rs, accepted)
					err := <-done
					var failed *workerpool.RetryError
					if errors.Is(err, workerpool.ErrClosed) || !errors.As(err, &failed) {
						assert.ErrorIs(t, err, errCause)
					} else {
						rs = append(rs, workerpool.Result[int, int]{Err: err, Attempts: failed.Attempts})
					}
					rs = append(rs, <-collected...)
					with := 0
					for _, r := range rs {
						assert.ErrorIs(t, r.Err, errCause)
						if r.Attempts == 0 {
							assert.ErrorIs(t, r.Err, workerpool.ErrNotRun)
							continue
						}
						with++
						assert.Equal(t, 1, r.Attempts)
						assert.ErrorIs(t, r.Err, errOwn)
						assert.NotErrorIs(t, r.Err, workerpool.ErrNotRun)
						var failed *workerpool.RetryError
						assert.ErrorAs(t, r.Err, &failed)
					}
					assert.Equal(t, retried, with)
					s := p.Stats()
					assert.Zero(t, s.Retrying+s.Held+s.Busy)
					assert.EqualValues(t, with, s.Completed)
					assert.EqualValues(t, with, s.Failed)
					assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
				})
			})
		}
	}
}

// Whoever leaves Do takes his job out of those that wait.
func TestRetryAfterItsCallerLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn }, sized(1, 1, upToAttempts(9, time.Hour))...)
		defer p.Stop()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCause)
		defer cancel()
		begun := time.Now()
		_, err := p.Do(ctx, 1)
		assert.ErrorIs(t, err, errCause)
		assert.NotErrorIs(t, err, workerpool.ErrNotRun)
		require.NoError(t, p.Wait(t.Context()))
		assert.Equal(t, time.Second, time.Since(begun))
		s := p.Stats()
		assert.EqualValues(t, 1, s.Completed)
		assert.EqualValues(t, 1, s.Failed)
		assert.Zero(t, s.Retrying)
	})
}

// A call that ends early does not wait for jobs that wait.
func TestRetryInCallThatEnds(t *testing.T) {
	for _, buffer := range []int{0, 2, 64} {
		t.Run(fmt.Sprintf("buffer=%d", buffer), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
					if n == 3 {
						return 0, workerpool.Permanent(errCause)
					}
					return 0, errOwn
				}, sized(4, buffer, upToAttempts(9, time.Hour))...)
				defer p.Stop()
				begun := time.Now()
				_, err := p.Map(t.Context(), upTo(10))
				assert.ErrorIs(t, err, errCause)
				assert.EqualError(t, err, "workerpool: Map: job 3: the cause")
				results, errf := p.StreamUnordered(t.Context(), slices.Values(upTo(10)))
				for r := range results {
					assert.Equal(t, 3, r.Job)
					break
				}
				assert.NoError(t, errf())
				assert.Zero(t, time.Since(begun))
				assert.NoError(t, p.Wait(t.Context()))
				s := p.Stats()
				assert.Zero(t, s.Retrying)
				assert.Equal(t, s.Failed, s.Completed)
				assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
			})
		})
	}
}

// Jobs that bring jobs, all of which are tried again, don't wait for each other (G10).
func TestG10_WithRetries(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var p *workerpool.Pool[int, int]
		var mu sync.Mutex
		calls := map[int]int{}
		fails := func(n int) bool {
			mu.Lock()
			defer mu.Unlock()
			calls[n]++
			return calls[n] == 1
		}
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if fails(n) {
				return 0, errOwn
			}
			if n >= 100 {
				return n, nil
			}
			if _, err := p.Do(ctx, 100*n+100); err != nil {
				return 0, workerpool.Permanent(err)
			}
			jobs := []int{1000*n + 1000, 1000*n + 1001, 1000*n + 1002}
			if _, err := p.Map(ctx, jobs); err != nil {
				return 0, workerpool.Permanent(err)
			}
			results, errf := p.Stream(ctx, slices.Values([]int{100_000*n + 100_000, 100_000*n + 100_001}))
			for r := range results {
				if r.Err != nil {
					return 0, workerpool.Permanent(r.Err)
				}
			}
			return n, errf()
		}, sized(workers, buffer, upToAttempts(2, time.Second))...)
		defer p.Stop()
		rs, err := p.Collect(t.Context(), upTo(12))
		assert.NoError(t, err)
		for _, r := range rs {
			assert.NoError(t, r.Err)
		}
		go func() {
			for n := range 12 {
				assert.NoError(t, p.Submit(t.Context(), n))
			}
			assert.NoError(t, p.Wait(t.Context()))
			p.Close()
		}()
		for _, r := range readAll(p) {
			assert.NoError(t, r.Err)
		}
	})
}

// A job that is due and finds the queue full does not hold up those of bulk calls, for which
// the only worker may wait.
func TestG10_WithAFullQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[int, int]
		calls := map[int]int{}
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			calls[n]++ // one runs at a time
			switch {
			case n == 1 && calls[n] == 1:
				return 0, errOwn // due when the queue is full
			case n == 2:
				_, err := p.Map(ctx, []int{3})
				return n, err
			case n == 3 && calls[n] == 1:
				time.Sleep(time.Second)
				return 0, errOwn // due after that
			}
			return n, nil
		}, sized(1, 3, upToAttempts(2, time.Second))...)
		defer p.Stop()
		for _, n := range []int{1, 2} {
			require.NoError(t, p.TrySubmit(n))
		}
		synctest.Wait()
		more := 0 // 2, or 3 where the Map no longer asks for a worker
		for p.TrySubmit(4+more) == nil {
			more++
		}
		require.Contains(t, []int{2, 3}, more)
		require.ErrorIs(t, p.TrySubmit(9), workerpool.ErrFull)
		go func() {
			assert.NoError(t, p.Wait(t.Context()))
			p.Close()
		}()
		rs := readAll(p)
		assert.Len(t, rs, 2+more)
		for _, r := range rs {
			assert.NoError(t, r.Err)
		}
	})
}

func TestRetryPolicyIsAskedWhereItMay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var asked []string
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			switch n {
			case 0:
				return 0, workerpool.Permanent(errOwn)
			case 1:
				return 0, fmt.Errorf("wrapped: %w", workerpool.Permanent(errOwn))
			case 2:
				panic(errOwn)
			case 3:
				runtime.Goexit()
			case 5:
				cancel(errCause)
			}
			return 0, errOwn
		}, sized(1, 8, workerpool.WithContext(ctx), workerpool.WithRetry(func(attempt int, err error) (time.Duration, bool) {
			asked = append(asked, fmt.Sprint(attempt, " ", err))
			return -time.Second, attempt < 3
		}))...)
		for i, want := range []string{"the job's own error", "wrapped: the job's own error", "panicked: the job's own error", "workerpool: job called runtime.Goexit", "after 3 attempts: the job's own error", "the job's own error"} {
			require.NoError(t, p.TrySubmit(i))
			r := <-p.Results()
			require.Error(t, r.Err)
			assert.Contains(t, r.Err.Error(), want)
			assert.NotErrorIs(t, r.Err, workerpool.ErrNotRun)
		}
		assert.Equal(t, []string{"1 the job's own error", "2 the job's own error", "3 the job's own error"}, asked)
		assert.Empty(t, readAll(p))
	})
	assert.NoError(t, workerpool.Permanent(nil))
}

// A policy that does not return ends the job as if Func had not.
func TestRetryPolicyIsIsolated(t *testing.T) {
	for _, hooks := range []workerpool.Option{nil, workerpool.WithHooks(workerpool.Hooks{Done: func(_ context.Context, j workerpool.JobInfo) {
		if j.Attempt != 2 || j.Err == nil {
			panic("how it ended")
		}
	}})} {
		bubble(t, func(t *testing.T) {
			log := captureLog(t)
			p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
				sized(1, 8, hooks, workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) {
					switch {
					case attempt < 2:
						return 0, true
					case time.Now().Second()%2 == 0:
						panic("policy")
					}
					runtime.Goexit()
					return 0, false
				}))...)
			defer p.Stop()
			for range 4 {
				_, err := p.Do(t.Context(), 1)
				var failed *workerpool.RetryError
				if assert.ErrorAs(t, err, &failed) {
					assert.Equal(t, 2, failed.Attempts)
					var caught *workerpool.PanicError
					assert.True(t, errors.As(err, &caught) || errors.Is(err, workerpool.ErrGoexit), "%v", err)
				}
				rs, err := p.Collect(t.Context(), []int{1, 2})
				assert.NoError(t, err)
				assert.Equal(t, 2, rs[0].Attempts)
				assert.Equal(t, 2, rs[1].Attempts)
				time.Sleep(time.Second)
			}
			assert.Equal(t, 1, p.Stats().Workers)
			assert.Empty(t, log())
		})
	}
}

// Of all attempts no more than the budget's share are retries, and who has none for that
// learns it.
func TestRetryBudget(t *testing.T) {
	for _, share := range []float64{0, 0.1, 0.25, 0.5, 0.9} {
		t.Run(fmt.Sprint(share), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				const jobs = 300
				p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
					sized(4, 128, upToAttempts(1000, 0), workerpool.WithRetryBudget(share))...)
				defer p.Stop()
				rs, err := p.Collect(t.Context(), upTo(jobs))
				assert.NoError(t, err)
				for _, r := range rs {
					var failed *workerpool.RetryError
					require.ErrorAs(t, r.Err, &failed)
					assert.ErrorContains(t, failed.Stopped, "retry budget spent")
				}
				s := p.Stats()
				assert.LessOrEqual(t, float64(s.Retries), share*float64(s.Attempts)+1e-6)
				if share <= 0.5 { // else it can't save up all that it has
					assert.GreaterOrEqual(t, float64(s.Retries), share*float64(s.Attempts)-1, "all that it has is used")
				}
			})
		})
	}
	bubble(t, func(t *testing.T) {
		bad := false
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			if bad {
				return 0, errOwn
			}
			return 0, nil
		}, sized(4, 128, upToAttempts(1000, 0), workerpool.WithRetryBudget(0.5))...)
		defer p.Stop()
		_, err := p.Map(t.Context(), upTo(1000))
		assert.NoError(t, err)
		bad = true
		_, err = p.Do(t.Context(), 1)
		assert.ErrorContains(t, err, "after 101 attempts (workerpool: retry budget spent): the job's own error")
	})
}

// Who looks sees each attempt start, each that another follows, and one end.
func TestRetryHooks(t *testing.T) {
	for way, run := range ways {
		t.Run(way, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var d diary
				hooks := d.hooks("name")
				hooks.Retrying = func(ctx context.Context, j workerpool.JobInfo, wait time.Duration) {
					d.write("Retrying", j, kind(j.Err), wait, ctx.Value(key("name")))
				}
				var ids sync.Map
				hooks2 := workerpool.Hooks{Started: func(ctx context.Context, j workerpool.JobInfo) context.Context {
					ids.Store(j.ID, true)
					return nil
				}}
				p := newPoolOf(t, new(flaky).run, sized(1, 8, workerpool.WithHooks(hooks), workerpool.WithHooks(hooks2), workerpool.WithTiming(), upToAttempts(3, time.Second))...)
				defer p.Stop()
				run(t, p, []int{2})
				lines := d.read()
				if lines[0] == "Queued 2 <nil>" {
					lines = lines[1:]
				}
				assert.Equal(t, []string{
					"Started 2 #1 <nil>", "Retrying 2 #1 call 1: the job's own error 1s started",
					"Started 2 #2 <nil>", "Retrying 2 #2 call 2: the job's own error 1s started",
					"Started 2 #3 <nil>", "Done 2 #3 ok started",
				}, lines)
				count := 0
				ids.Range(func(any, any) bool { count++; return true })
				assert.Equal(t, 1, count, "it is one job")
				timing := p.Stats().Timing
				assert.EqualValues(t, 2, timing.Failed.Count())
				assert.EqualValues(t, 1, timing.Run.Count())
				assert.LessOrEqual(t, timing.Wait.Count(), uint64(1))
			})
		})
	}
}

// A Retrying hook that panics is logged; one that ends the goroutine ends the job.
func TestRetryingHookIsIsolated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		log := captureLog(t)
		var done []string
		p := newPoolOf(t, new(flaky).run, sized(1, 8, upToAttempts(3, time.Second), workerpool.WithHooks(workerpool.Hooks{
			Retrying: func(_ context.Context, j workerpool.JobInfo, _ time.Duration) {
				if j.Job == 1 {
					panic("hook")
				}
				runtime.Goexit()
			},
			Done: func(_ context.Context, j workerpool.JobInfo) {
				done = append(done, fmt.Sprint(j.Job, " ", j.Attempt, " ", kind(j.Err)))
			},
		}))...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		assert.NoError(t, err)
		_, err = p.Do(t.Context(), 2)
		assert.ErrorIs(t, err, workerpool.ErrGoexit)
		synctest.Wait()
		assert.Contains(t, log(), "the hook Retrying")
		assert.Equal(t, []string{"1 2 ok", "2 1 exited"}, done)
	})
}

// Close lets the jobs have their attempts.
func TestRetryAfterClose(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, new(flaky).run, sized(workers, buffer, upToAttempts(9, time.Minute))...)
		for n := range 5 {
			go func() { assert.NoError(t, p.Submit(t.Context(), n)) }()
		}
		time.Sleep(time.Second)
		go func() {
			time.Sleep(time.Hour)
			p.Close()
		}()
		rs := readAll(p)
		assert.Len(t, rs, 5)
		for _, r := range rs {
			checkFlaky(t, r, 9)
		}
	})
}

// A pool that shrinks while jobs wait has no more than its size at once.
func TestRetryWhileResizing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var g gauge
		var mu sync.Mutex
		calls := map[int]int{}
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			g.enter()
			defer g.leave()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			calls[n]++
			if calls[n] < 3 {
				return 0, errOwn
			}
			return n, nil
		}, sized(8, 64, upToAttempts(3, time.Second))...)
		defer p.Stop()
		for n := range 64 {
			require.NoError(t, p.TrySubmit(n))
		}
		time.Sleep(500 * time.Millisecond)
		require.NoError(t, p.Resize(2))
		time.Sleep(100 * time.Millisecond)
		g.mu.Lock()
		g.peak = 0
		g.mu.Unlock()
		require.NoError(t, p.Wait(t.Context()))
		_, peak, _ := g.read()
		assert.Equal(t, 2, peak)
	})
}

func TestRetryOptions(t *testing.T) {
	fn := func(context.Context, int) (int, error) { return 0, nil }
	for want, opts := range map[string][]workerpool.Option{
		"workerpool: WithRetry(nil): must not be nil (retry.Backoff returns nil for arguments out of bounds)": {workerpool.WithRetry(nil)},
		"workerpool: WithLimiter(nil): must not be nil":                                                       {workerpool.WithLimiter(nil)},
		"workerpool: WithRetryBudget(1): must be at least 0 and below 1":                                      {upToAttempts(1, 0), workerpool.WithRetryBudget(1)},
		"workerpool: WithRetryBudget(-0.5): must be at least 0 and below 1":                                   {upToAttempts(1, 0), workerpool.WithRetryBudget(-0.5)},
		"workerpool: WithRetryBudget(0.5): is of no use without WithRetry":                                    {workerpool.WithRetryBudget(0.5)},
	} {
		_, err := workerpool.New(fn, opts...)
		assert.ErrorIs(t, err, workerpool.ErrInvalidOption)
		assert.EqualError(t, err, want)
	}
}
