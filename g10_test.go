package workerpool_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// job is one that does what the test says.
type job func(ctx context.Context) (int, error)

func runJob(ctx context.Context, j job) (int, error) { return j(ctx) }

func returns(n int) job { return func(context.Context) (int, error) { return n, nil } }

func TestG10_DoInsideDo(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, runJob, sized(workers, buffer)...)
		defer p.Stop()
		var deeper func(level int) job
		deeper = func(level int) job {
			return func(ctx context.Context) (int, error) {
				if level == 0 {
					return 0, nil
				}
				n, err := p.Do(ctx, deeper(level-1))
				return n + 1, err
			}
		}
		var wg sync.WaitGroup
		for range 2 * workers {
			wg.Go(func() {
				n, err := p.Do(t.Context(), deeper(30))
				assert.NoError(t, err)
				assert.Equal(t, 30, n)
			})
		}
		wg.Wait()
		assert.NoError(t, p.Wait(t.Context()))
		assert.EqualValues(t, 2*workers*31, p.Stats().Completed)
	})
}

// No more jobs run at once than there are workers, those not counted that wait for a
// job of their own.
func TestG10_TheBoundHoldsForLentPlaces(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var g gauge
		p := newPoolOf(t, runJob, sized(workers, buffer)...)
		defer p.Stop()
		inner := func(context.Context) (int, error) {
			g.enter()
			defer g.leave()
			time.Sleep(time.Second)
			return 1, nil
		}
		outer := func(ctx context.Context) (int, error) {
			g.enter()
			defer g.leave()
			sum := 0
			for range 3 {
				g.leave()
				n, err := p.Do(ctx, inner)
				g.enter()
				assert.NoError(t, err)
				sum += n
				time.Sleep(time.Second)
			}
			return sum, nil
		}
		var wg sync.WaitGroup
		for range 3 * workers {
			wg.Go(func() {
				n, err := p.Do(t.Context(), outer)
				assert.NoError(t, err)
				assert.Equal(t, 3, n)
			})
		}
		wg.Wait()
		_, peak, _ := g.read()
		assert.Equal(t, workers, peak)
	})
}

// One job with ten goroutines that each Do on their own pool: they take turns in its
// one place.
func TestG10_TenGoroutinesOfOneJob(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var g gauge
		p := newPoolOf(t, runJob, sized(workers, buffer)...)
		defer p.Stop()
		n, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
			var sum atomic.Int64
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					n, err := p.Do(ctx, func(context.Context) (int, error) {
						g.enter()
						defer g.leave()
						time.Sleep(time.Second)
						return 1, nil
					})
					assert.NoError(t, err)
					sum.Add(int64(n))
				})
			}
			synctest.Wait()
			_, err := p.TryDo(ctx, returns(0))
			assert.ErrorIs(t, err, workerpool.ErrFull, "somebody else has the place")
			short, cancel := context.WithTimeout(ctx, time.Second/2)
			defer cancel()
			_, err = p.Do(short, returns(0))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.ErrorIs(t, err, workerpool.ErrNotRun)
			wg.Wait()
			return int(sum.Load()), nil
		})
		assert.NoError(t, err)
		assert.Equal(t, 10, n)
		_, peak, _ := g.read()
		assert.Equal(t, 1, peak)
	})
}

func TestG10_SubmitIntoAFullQueue(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, runJob, sized(workers, buffer)...)
		var ran atomic.Int64
		count := func(context.Context) (int, error) { return int(ran.Add(1)), nil }
		spawn := func(ctx context.Context) (int, error) {
			for range 3 * (buffer + workers) {
				assert.NoError(t, p.Submit(ctx, count))
			}
			return 0, nil
		}
		read := make(chan int)
		go func() { read <- len(readAll(p)) }()
		for range 2 * workers {
			require.NoError(t, p.Submit(t.Context(), spawn))
		}
		require.NoError(t, p.Wait(t.Context()))
		p.Close()
		assert.EqualValues(t, 2*workers*3*(buffer+workers), ran.Load())
		assert.EqualValues(t, 2*workers+int(ran.Load()), <-read)
	})
}

// A crawler: jobs that submit jobs, one reader that only reads, and Wait for the end.
func TestG10_Crawler(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		const pages = 500
		var seen sync.Map
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, page int) (int, error) {
			for _, link := range []int{2*page + 1, 2*page + 2, page / 2} {
				if _, dup := seen.LoadOrStore(link, true); link < pages && !dup {
					assert.NoError(t, p.Submit(ctx, link))
				}
			}
			return page, nil
		}, sized(workers, buffer)...)
		seen.Store(0, true)
		require.NoError(t, p.Submit(t.Context(), 0))
		go func() {
			assert.NoError(t, p.Wait(t.Context()))
			p.Close()
		}()
		assert.Equal(t, upTo(pages), jobsOf(readAll(p)))
	})
}

func TestG10_ThroughAnotherPool(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		a := newPoolOf(t, runJob, sized(workers, buffer)...)
		b := newPoolOf(t, runJob, sized(workers, buffer)...)
		defer a.Stop()
		defer b.Stop()
		var wg sync.WaitGroup
		for range 3 * workers {
			wg.Go(func() { // A → B → A → B
				n, err := a.Do(t.Context(), func(ctx context.Context) (int, error) {
					return b.Do(ctx, func(ctx context.Context) (int, error) {
						return a.Do(ctx, func(ctx context.Context) (int, error) {
							return b.Do(ctx, returns(7))
						})
					})
				})
				assert.NoError(t, err)
				assert.Equal(t, 7, n)
			})
		}
		wg.Wait()
	})
}

func TestG10_GoexitAndPanicInALentJob(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, runJob, sized(workers, buffer)...)
		outer := func(ctx context.Context) (int, error) {
			_, err := p.Do(ctx, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil })
			assert.ErrorIs(t, err, workerpool.ErrGoexit)
			_, err = p.Do(ctx, func(context.Context) (int, error) { panic(errOwn) })
			assert.ErrorIs(t, err, errOwn)
			n, err := p.Do(ctx, returns(3))
			assert.NoError(t, err)
			return n, err
		}
		for range 2 * workers {
			n, err := p.Do(t.Context(), outer)
			assert.NoError(t, err)
			assert.Equal(t, 3, n)
		}
		// And by Submit, where the outcome goes to Results.
		go func() {
			_, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
				for range workers + 2*buffer + 2 {
					assert.NoError(t, p.Submit(ctx, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }))
				}
				return 0, nil
			})
			assert.NoError(t, err)
			p.Close()
		}()
		rs := readAll(p)
		assert.Len(t, rs, workers+2*buffer+2)
		for _, r := range rs {
			assert.ErrorIs(t, r.Err, workerpool.ErrGoexit)
		}
		s := p.Stats()
		assert.EqualValues(t, 2*workers, s.Panicked)
		assert.EqualValues(t, 2*workers+2*workers+len(rs), s.Failed)
	})
}

// A context that is used after its job has ended lends nothing: above all not the
// place of the job that its worker runs now.
func TestG10_ContextUsedAfterItsJobEnded(t *testing.T) {
	for _, how := range []string{"Submit", "Do"} {
		for gap := range 4 {
			bubble(t, func(t *testing.T) {
				var g gauge
				gate := make(chan struct{})
				p := newPoolOf(t, runJob, sized(1, 8)...)
				leaked := make(chan context.Context, 1)
				run := func(j job) {
					if how == "Do" {
						_, err := p.Do(t.Context(), j)
						assert.NoError(t, err)
					} else {
						assert.NoError(t, p.Submit(t.Context(), j))
						assert.NoError(t, (<-p.Results()).Err)
					}
				}
				run(func(ctx context.Context) (int, error) { leaked <- context.WithoutCancel(ctx); return 0, nil })
				for range gap {
					run(returns(0))
				}
				ctx := <-leaked
				stay := func(context.Context) (int, error) {
					g.enter()
					defer g.leave()
					<-gate
					return 0, nil
				}
				go func() { _, err := p.Do(t.Context(), stay); assert.NoError(t, err) }()
				synctest.Wait()
				done := make(chan struct{})
				go func() { defer close(done); _, err := p.Do(ctx, stay); assert.NoError(t, err) }()
				synctest.Wait()
				now, _, _ := g.read()
				assert.Equal(t, 1, now)
				assert.Equal(t, 1, p.Stats().Queued, "it waits in the queue as any other")
				close(gate)
				<-done
				assert.NoError(t, p.Wait(ctx), "and Wait does not take it for a job")
				p.Stop()
			})
		}
	}
}

// A job returns while a goroutine of its own is inside Do: its result comes at once,
// and its worker starts the next when the place is back.
func TestG10_JobThatReturnsWhileItsPlaceIsLent(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		gate := make(chan struct{})
		var g gauge
		p := newPoolOf(t, runJob, sized(workers, buffer)...)
		stay := func(context.Context) (int, error) {
			g.enter()
			defer g.leave()
			<-gate
			return 0, nil
		}
		inner := make(chan error, workers)
		for n := range workers {
			leaves := func(ctx context.Context) (int, error) {
				go func() { _, err := p.Do(context.WithoutCancel(ctx), stay); inner <- err }()
				synctest.Wait()
				return 0, nil
			}
			if n%2 == 0 {
				require.NoError(t, p.Submit(t.Context(), leaves))
				assert.NoError(t, (<-p.Results()).Err)
			} else {
				_, err := p.Do(t.Context(), leaves)
				assert.NoError(t, err)
			}
			synctest.Wait()
		}
		rest := make(chan error, 1)
		go func() { _, err := p.Do(t.Context(), stay); rest <- err }()
		synctest.Wait()
		now, _, _ := g.read()
		assert.Equal(t, workers, now)
		assert.Equal(t, workers, p.Stats().Busy)
		close(gate)
		assert.NoError(t, <-rest)
		for range workers {
			assert.NoError(t, <-inner)
		}
		p.Stop()
	})
}

// Do from inside a job returns when its job has, even if its context ends before:
// two jobs would run in one place otherwise.
func TestG10_DoInsideWaitsForItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, runJob, sized(1, 1)...)
		defer p.Stop()
		start := time.Now()
		n, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return p.Do(ctx, func(ctx context.Context) (int, error) {
				<-ctx.Done()
				time.Sleep(time.Second) // takes its time to clean up
				return 5, nil
			})
		})
		assert.NoError(t, err)
		assert.Equal(t, 5, n, "what the job returned, not the end of the context")
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

func TestG10_CancelledWhileNested(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, runJob, sized(workers, buffer, workerpool.WithContext(ctx))...)
		for range workers {
			go func() { // the jobs inside may have taken all places before this one's turn
				_ = p.Submit(t.Context(), func(ctx context.Context) (int, error) {
					return p.Do(ctx, func(ctx context.Context) (int, error) {
						err := p.Submit(ctx, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, context.Cause(ctx) })
						if err == nil {
							<-ctx.Done()
							err = context.Cause(ctx)
						}
						_, doErr := p.Do(ctx, returns(1))
						assert.Error(t, doErr)
						return 0, err
					})
				})
			}()
		}
		synctest.Wait()
		cancel(errCause)
		for _, r := range readAll(p) {
			assert.ErrorIs(t, r.Err, errCause)
		}
		synctest.Wait() // for the submitters outside, of whom one may be about to be refused
		s := p.Stats()
		assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
	})
}

// Nobody else's context, and no context of another pool, makes a call a nested one.
func TestG10_IdentityIsPerPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newPoolOf(t, runJob, sized(1, 1)...)
		b := newPoolOf(t, runJob, sized(1, 1)...)
		defer a.Stop()
		defer b.Stop()
		n, err := a.Do(t.Context(), func(ctx context.Context) (int, error) {
			assert.NoError(t, b.Wait(ctx), "a job of A may wait for B")
			assert.ErrorContains(t, a.Wait(ctx), "from a job of the pool")
			return b.Do(ctx, func(ctx context.Context) (int, error) {
				assert.ErrorContains(t, a.Wait(ctx), "from a job of the pool", "the job of A waits for this one")
				return 2, nil
			})
		})
		assert.NoError(t, err)
		assert.Equal(t, 2, n)
	})
}

// Those of a job's goroutines that wait for its place stop waiting when the job has
// ended, the intake is closed, or their context has ended.
func TestG10_WaitingForThePlaceEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, runJob, sized(1, 1)...)
		gate := make(chan struct{})
		stay := func(context.Context) (int, error) { <-gate; return 0, nil }
		errs := make(chan error, 3)
		_, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
			ctx = context.WithoutCancel(ctx)
			go func() { _, err := p.Do(ctx, stay); errs <- err }()
			synctest.Wait()
			go func() { _, err := p.Do(ctx, returns(1)); errs <- err }()
			synctest.Wait()
			return 0, nil
		})
		require.NoError(t, err)
		close(gate) // the first gives the place back to a job that has ended
		require.NoError(t, <-errs)
		require.NoError(t, <-errs, "the second went through the queue")

		gate = make(chan struct{})
		_, err = p.Do(t.Context(), func(ctx context.Context) (int, error) {
			go func() { _, err := p.Do(ctx, stay); errs <- err }()
			synctest.Wait()
			go func() { _, err := p.Do(ctx, returns(1)); errs <- err }()
			synctest.Wait()
			p.Close()
			assert.ErrorIs(t, <-errs, workerpool.ErrClosed)
			_, err := p.Do(ctx, returns(1))
			assert.ErrorIs(t, err, workerpool.ErrClosed)
			close(gate)
			return 0, <-errs
		})
		assert.NoError(t, err)
		p.Stop()
	})
}

// Stats counts a job that runs in a lent place like any other: accepted once it has
// the place, completed when Func has returned, though its result waits for a reader.
func TestG10_StatsCountsJobsInLentPlaces(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[job, int]
		gate := make(chan struct{})
		p = newPoolOf(t, runJob, sized(1, 0)...)
		defer p.Stop()
		require.NoError(t, p.Submit(t.Context(), func(ctx context.Context) (int, error) {
			return 0, p.Submit(ctx, func(context.Context) (int, error) {
				<-gate
				return 1, errOwn
			})
		}))
		synctest.Wait()
		s := p.Stats()
		assert.EqualValues(t, 2, s.Accepted)
		assert.EqualValues(t, 0, s.Completed)
		close(gate)
		synctest.Wait() // the inner job's result waits for room
		s = p.Stats()
		assert.EqualValues(t, 2, s.Accepted)
		assert.EqualValues(t, 1, s.Completed)
		assert.EqualValues(t, 1, s.Failed)
		assert.Equal(t, 1, s.Busy)
	})
}
