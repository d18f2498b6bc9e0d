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
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// Tests of what only a certain order of events shows, found by breaking the pool on
// purpose and seeing which break no other test noticed.

func TestG02_AWorkerTooManyTakesNoJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := newPoolOf(t, gated(new(gauge), gate), sized(2, 8)...)
		for n := range 6 {
			require.NoError(t, p.Submit(t.Context(), n))
			synctest.Wait()
		}
		require.NoError(t, p.Resize(1))
		gate <- struct{}{}
		synctest.Wait()
		assert.Equal(t, 4, p.Stats().Queued)
		assert.Equal(t, 1+1, goroutines())
		close(gate)
		p.Stop()
	})
}

// Nor does one whose job panicked or exited.
func TestG02_AWorkerTooManyTakesNoJobAfterABadEnd(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic(1) }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				bubble(t, func(t *testing.T) {
					bad, gate := make(chan struct{}), make(chan struct{})
					p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
						if n == 0 {
							<-bad
							end()
						}
						<-gate
						return n, nil
					}, sized(2, 4)...)
					for n := range 2 {
						require.NoError(t, p.Submit(t.Context(), n))
					}
					synctest.Wait()
					require.NoError(t, p.Submit(t.Context(), 2))
					require.NoError(t, p.Resize(1))
					close(bad)
					synctest.Wait()
					assert.Equal(t, 1, p.Stats().Queued)
					assert.Equal(t, 1+1, goroutines())
					close(gate)
					p.Stop()
				})
			}
		})
	}
}

func TestG10_SubmitAndDoTakeTurnsOnOneWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, runJob, sized(1, 1)...)
		for range 200 {
			require.NoError(t, p.Submit(t.Context(), func(ctx context.Context) (int, error) { return p.Do(ctx, returns(3)) }))
			r := <-p.Results()
			assert.NoError(t, r.Err)
			assert.Equal(t, 3, r.Value)
			_, err := p.Do(t.Context(), returns(0))
			require.NoError(t, err)
		}
		p.Stop()
	})
}

func TestG05_TimeoutContextEndsWithItsJob(t *testing.T) {
	for name, end := range map[string]func(){"return": func() {}, "panic": func() { panic(1) }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var kept context.Context
				p := newPoolOf(t, func(ctx context.Context, _ int) (int, error) { kept = ctx; end(); return 0, nil },
					sized(1, 1, workerpool.WithJobTimeout(time.Hour))...)
				require.NoError(t, p.Submit(t.Context(), 0))
				<-p.Results()
				assert.ErrorIs(t, kept.Err(), context.Canceled)
				p.Stop()
			})
		})
	}
}

func TestG05_IdleWorkersLeaveThoughOneJobIsDeaf(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		p := newPoolOf(t, gated(new(gauge), gate), sized(4, 8, workerpool.WithContext(ctx))...)
		require.NoError(t, p.Submit(t.Context(), 0))
		synctest.Wait()
		cancel()
		synctest.Wait()
		assert.Equal(t, 3, goroutines(), "the deaf one, the one that waits for it, sweep")
		close(gate)
		assert.Len(t, readAll(p), 1)
	})
}

func TestG06_NoJobStartsWhileStopCancels(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range 20 {
		ready := make(chan struct{})
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n != 0 {
				t.Error("started after the cancellation")
				return n, nil
			}
			slowToCancel(ctx)
			close(ready)
			<-ctx.Done()
			return n, nil
		}, sized(1, 8)...)
		for n := range 8 {
			require.NoError(t, p.Submit(t.Context(), n))
		}
		<-ready
		assert.Len(t, p.Stop(), 8)
	}
}

func TestG06_AHeldJobIsRefused(t *testing.T) {
	held := false
	for range 200 {
		if held {
			break
		}
		bubble(t, func(t *testing.T) {
			var g gauge
			gate := make(chan struct{})
			ctx, cancel := context.WithCancelCause(t.Context())
			p := newPoolOf(t, gated(&g, gate), sized(2, 4, workerpool.WithContext(ctx))...)
			_ = p.Submit(t.Context(), 0)
			synctest.Wait()
			_ = p.Submit(t.Context(), 1)
			_ = p.Resize(1)
			synctest.Wait()
			now, _, _ := g.read()
			held = now == 1 && p.Stats().Queued == 0
			if held {
				assert.Equal(t, 1, p.Stats().Busy)
			}
			cancel(errCause)
			synctest.Wait()
			if held {
				assert.EqualValues(t, 1, p.Stats().NotRun)
				assert.Equal(t, 3, goroutines())
			}
			close(gate)
			assert.Len(t, readAll(p), 2)
		})
	}
	assert.True(t, held)
}

func TestG10_AWaiterForThePlaceOfAnEndedJobGetsNoOther(t *testing.T) {
	for range 20 {
		bubble(t, func(t *testing.T) {
			var g gauge
			gate1, gate2 := make(chan struct{}), make(chan struct{})
			p := newPoolOf(t, runJob, sized(1, 4)...)
			stay := func(gate chan struct{}) job {
				return func(context.Context) (int, error) { g.enter(); defer g.leave(); <-gate; return 0, nil }
			}
			var wg sync.WaitGroup
			_, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
				ctx = context.WithoutCancel(ctx)
				wg.Go(func() { _, _ = p.Do(ctx, stay(gate1)) })
				synctest.Wait()
				wg.Go(func() { _, _ = p.Do(ctx, stay(gate2)) })
				synctest.Wait()
				return 0, nil
			})
			require.NoError(t, err)
			wg.Go(func() { _, _ = p.Do(t.Context(), stay(gate2)) })
			synctest.Wait()
			close(gate1)
			synctest.Wait()
			now, _, _ := g.read()
			assert.Equal(t, 1, now)
			close(gate2)
			wg.Wait()
			p.Stop()
			_, peak, _ := g.read()
			assert.Equal(t, 1, peak)
		})
	}
}

func TestG06_ARunningDoSeesTheCauseOfThePool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		var seen error
		p := newPoolOf(t, func(ctx context.Context, _ int) (int, error) {
			select {
			case <-ctx.Done():
				seen = context.Cause(ctx)
			case <-time.After(time.Hour):
			}
			return 0, nil
		}, sized(1, 1, workerpool.WithContext(ctx))...)
		go func() { _, err := p.Do(context.WithoutCancel(t.Context()), 0); assert.NoError(t, err) }()
		synctest.Wait()
		cancel(errCause)
		p.Stop()
		assert.Equal(t, errCause, seen)
	})
}

func TestG05_DoLeavesNothingInItsCallersContext(t *testing.T) {
	for range 50 {
		bubble(t, func(t *testing.T) {
			gate := make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			p := newPoolOf(t, gated(new(gauge), gate), sized(1, 3, workerpool.WithContext(ctx))...)
			inner, cancelInner := context.WithCancel(t.Context())
			defer cancelInner()
			caller := &countingContext{Context: inner}
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = p.Do(caller, 0) })
			synctest.Wait()
			for range 3 {
				wg.Go(func() { _, err := p.Do(caller, 1); assert.ErrorIs(t, err, workerpool.ErrNotRun) })
			}
			synctest.Wait()
			assert.EqualValues(t, 4, caller.hanging.Load())
			_, err := p.TryDo(caller, 2)
			assert.ErrorIs(t, err, workerpool.ErrFull)
			assert.EqualValues(t, 4, caller.hanging.Load())
			cancel()
			synctest.Wait()
			assert.Zero(t, caller.hanging.Load())
			close(gate)
			wg.Wait()
			assert.Zero(t, caller.hanging.Load())
			p.Stop()
		})
	}
}

func TestG05_RefusedTryDoLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, patient, sized(1, 0)...)
		fill(t, p)
		caller := &countingContext{Context: t.Context()}
		_, err := p.TryDo(caller, 2)
		assert.ErrorIs(t, err, workerpool.ErrFull)
		assert.Zero(t, caller.hanging.Load())
		p.Stop()
	})
}

func TestG11_NothingThatWasReadIsKeptByACancelledPool(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var gone atomic.Int64
	gate := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	p := newPoolOf(t, func(_ context.Context, j *tracked) (int, error) { <-gate; return 0, nil },
		sized(1, 8, workerpool.WithContext(ctx))...)
	require.NoError(t, p.Submit(t.Context(), nil))
	for p.Stats().Busy == 0 {
		runtime.Gosched()
	}
	for range 8 {
		require.NoError(t, p.Submit(t.Context(), track(&gone)))
	}
	cancel()
	for range 8 {
		<-p.Results()
	}
	eventuallyGone(t, &gone, 8)
	close(gate)
	p.Stop()
}

func TestG10_WaitingForThePlaceIsNotAccepted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, runJob, sized(1, 1)...)
		_, _ = p.Do(t.Context(), func(ctx context.Context) (int, error) {
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					_, _ = p.Do(ctx, func(context.Context) (int, error) { time.Sleep(time.Second); return 0, nil })
				})
			}
			synctest.Wait()
			assert.EqualValues(t, 2, p.Stats().Accepted)
			wg.Wait()
			return 0, nil
		})
		p.Stop()
	})
}

func TestG01_CompletedBeforeDelivered(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, echo, sized(workers, buffer, workerpool.WithJobTimeout(time.Hour))...)
		fill(t, p)
		assert.EqualValues(t, buffer+workers, p.Stats().Completed)
		p.Stop()
	})
}

func TestG04_WaitWaitsForTheDelivery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, echo, sized(1, 0)...)
		require.NoError(t, p.Submit(t.Context(), 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, p.Wait(ctx), context.DeadlineExceeded)
		<-p.Results()
		assert.NoError(t, p.Wait(t.Context()))
		p.Stop()
	})
}

func TestG10_AfterDoThePlaceIsBack(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	p := newPoolOf(t, runJob, sized(2, 1)...)
	defer p.Stop()
	_, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
		for range 30000 {
			if _, err := p.Do(ctx, returns(0)); err != nil {
				return 0, err
			}
			if _, err := p.TryDo(ctx, returns(0)); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	assert.NoError(t, err)
}

func TestG04_SubmitWhileStopCancels(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range 20 {
		ready := make(chan struct{})
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n == 0 {
				slowToCancel(ctx)
				close(ready)
				<-ctx.Done()
			}
			return n, nil
		}, sized(1, 0)...)
		require.NoError(t, p.Submit(t.Context(), 0))
		<-ready
		var wg sync.WaitGroup
		accepted := int64(1)
		wg.Go(func() {
			for p.Submit(t.Context(), 1) == nil {
				accepted++
			}
		})
		n := len(p.Stop())
		wg.Wait()
		assert.EqualValues(t, accepted, n)
	}
}

func TestG04_ResizeAgainstIdleWorkersAndClose(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for n := range rounds(t, 1000) {
		p := newPoolOf(t, echo, sized(8, 8)...)
		if n%2 == 0 {
			runtime.Gosched()
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for range 20 {
					_ = p.Stats()
				}
			})
		}
		require.NoError(t, p.Resize(7))
		require.NoError(t, p.Resize(1))
		wg.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := p.Do(ctx, 1)
		require.NoError(t, err, "a worker is left")
		cancel()
		wg.Go(func() { _ = p.Resize(3); _ = p.Resize(5) })
		wg.Go(p.Close)
		assert.Empty(t, readAll(p))
		wg.Wait()
		p.Stop()
	}
}

func TestG11_ALentJobsContextKeepsNoValue(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var gone atomic.Int64
	var kept context.Context
	var p *workerpool.Pool[int, *tracked]
	p = newPoolOf(t, func(ctx context.Context, n int) (*tracked, error) {
		if n == 0 {
			_, err := p.Do(ctx, 1)
			return nil, err
		}
		kept = ctx
		return track(&gone), nil
	}, sized(1, 4)...)
	defer p.Stop()
	_, err := p.Do(t.Context(), 0)
	require.NoError(t, err)
	eventuallyGone(t, &gone, 1)
	runtime.KeepAlive(kept)
}

func TestG05_DoThatReturnedLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, echo, sized(1, 1)...)
		caller := &countingContext{Context: t.Context()}
		_, err := p.Do(caller, 1)
		assert.NoError(t, err)
		assert.Zero(t, caller.hanging.Load())
		p.Stop()
	})
}
