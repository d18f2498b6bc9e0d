package workerpool_test

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
)

// countingContext is a parent that knows how many hang on to it. The context package
// uses its AfterFunc where it would otherwise start a goroutine.
type countingContext struct {
	context.Context
	hanging atomic.Int64
}

func (c *countingContext) Value(any) any { return nil } // hides the context inside

func (c *countingContext) AfterFunc(f func()) func() bool {
	c.hanging.Add(1)
	stop := context.AfterFunc(c.Context, func() {
		c.hanging.Add(-1)
		f()
	})
	return func() bool {
		stopped := stop()
		if stopped {
			c.hanging.Add(-1)
		}
		return stopped
	}
}

// ways in which a pool ends, and after which nothing of it may be left.
var ends = map[string]func(p *workerpool.Pool[int, int], cancel func()){
	"Stop":            func(p *workerpool.Pool[int, int], _ func()) { p.Stop() },
	"Close and read":  func(p *workerpool.Pool[int, int], _ func()) { p.Close(); readAll(p) },
	"cancel and read": func(p *workerpool.Pool[int, int], cancel func()) { cancel(); readAll(p) },
	"Shutdown and Stop": func(p *workerpool.Pool[int, int], _ func()) {
		go func() { _ = p.Shutdown(context.Background()) }()
		p.Stop()
	},
	"failed Shutdown, read":   func(p *workerpool.Pool[int, int], _ func()) { shutdownNow(p); readAll(p) },
	"Close, cancel, and Stop": func(p *workerpool.Pool[int, int], cancel func()) { p.Close(); cancel(); p.Stop() },
}

func shutdownNow(p *workerpool.Pool[int, int]) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = p.Shutdown(ctx)
}

func TestG05_NothingIsLeft(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			matrix(t, func(t *testing.T, workers, buffer int) {
				inner, cancel := context.WithCancel(t.Context())
				defer cancel()
				parent := &countingContext{Context: inner}
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil },
					sized(workers, buffer, workerpool.WithContext(parent))...)
				fill(t, p)
				assert.EqualValues(t, 1, parent.hanging.Load())
				end(p, cancel)
				synctest.Wait()
				assert.Zero(t, goroutines())
				assert.Zero(t, parent.hanging.Load())
			})
		})
	}
}

// Workers of a cancelled pool wait for no reader, and a reader who comes later still
// gets every result.
func TestG05_ReaderOfACancelledPoolGetsAll(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil },
			sized(workers, buffer, workerpool.WithContext(ctx))...)
		accepted := fill(t, p)
		cancel(errCause)
		synctest.Wait()
		assert.Equal(t, 1, goroutines(), "one that offers the results")
		assert.Equal(t, accepted, p.Stats().Unread)
		assert.Equal(t, upTo(accepted), jobsOf(readAll(p)))
	})
}

// One deaf job keeps neither the other workers nor the other results back.
func TestG05_OneDeafJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			if n == 0 {
				<-gate
			}
			return n, nil
		}, sized(4, 8, workerpool.WithContext(ctx))...)
		accepted := fill(t, p)
		assert.Equal(t, 4+8+8, accepted)
		cancel(errCause)
		synctest.Wait()
		assert.Equal(t, 3, goroutines(), "the deaf one, the one that waits for it, the one that offers")
		var rs []workerpool.Result[int, int]
		for range accepted - 1 {
			rs = append(rs, <-p.Results())
		}
		synctest.Wait()
		assert.Equal(t, 1, p.Stats().Busy)
		close(gate)
		assert.Equal(t, upTo(accepted), jobsOf(append(rs, readAll(p)...)))
	})
}

// A shrink leaves nothing behind either.
func TestG05_WorkersThatLeftAreGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(64, 4)...)
		synctest.Wait()
		assert.Equal(t, 64+1, goroutines())
		require.NoError(t, p.Resize(3))
		synctest.Wait()
		assert.Equal(t, 3+1, goroutines())
		require.NoError(t, p.Resize(5))
		synctest.Wait()
		assert.Equal(t, 5+1, goroutines())
		p.Stop()
	})
}

func TestG06_RunningJobsSeeTheCause(t *testing.T) {
	type end struct {
		name  string
		end   func(p *workerpool.Pool[int, int], cancel context.CancelCauseFunc)
		cause error
	}
	for _, e := range []end{
		{"WithContext", func(_ *workerpool.Pool[int, int], cancel context.CancelCauseFunc) { cancel(errCause) }, errCause},
		{"Stop", func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) { go p.Stop() }, workerpool.ErrStopped},
		{"Shutdown", func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) {
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(errCause)
			_ = p.Shutdown(ctx)
		}, errCause},
	} {
		t.Run(e.name, func(t *testing.T) {
			matrix(t, func(t *testing.T, workers, buffer int) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				seen := make(chan error, 1000)
				p := newPoolOf(t, func(ctx context.Context, _ int) (int, error) {
					<-ctx.Done()
					assert.ErrorIs(t, ctx.Err(), context.Canceled)
					seen <- context.Cause(ctx)
					return 0, nil
				}, sized(workers, buffer, workerpool.WithContext(ctx))...)
				fill(t, p)
				dos := make(chan error, 1)
				go func() { _, err := p.Do(t.Context(), 0); dos <- err }()
				synctest.Wait()
				e.end(p, cancel)
				synctest.Wait()
				assert.Len(t, seen, workers)
				for range workers {
					assert.Equal(t, e.cause, <-seen)
				}
				// The Do waited for a place. The pool may have made one as it ended.
				err := <-dos
				if e.name != "Shutdown" { // which closes first, and cancels then
					assert.ErrorIs(t, err, e.cause)
				}
				assert.True(t, errors.Is(err, workerpool.ErrClosed) != errors.Is(err, workerpool.ErrNotRun), err)
				p.Stop()
			})
		})
	}
}

// From the moment when cancel returns no job starts, though whatever the pool does
// about it has yet to begin.
func TestG06_NoJobStartsAfterTheCancellation(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			var cancelled atomic.Bool
			p := newPoolOf(t, func(context.Context, int) (int, error) {
				assert.False(t, cancelled.Load())
				return 0, nil
			}, sized(workers, buffer, workerpool.WithContext(ctx))...)
			fill(t, p)
			cancel()
			cancelled.Store(true)
			readAll(p) // makes room for the workers that wait with a result
		}
	})
}

func TestG06_AContextErrorOfItsOwnIsJustAnError(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		own := []error{context.Canceled, context.DeadlineExceeded, workerpool.ErrStopped, workerpool.ErrNotRun, workerpool.ErrClosed}
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return 0, own[n%len(own)] },
			sized(workers, buffer, workerpool.WithJobTimeout(time.Hour))...)
		submitAll(t, p, upTo(50))
		for _, r := range readAll(p) {
			assert.Equal(t, own[r.Job%len(own)], r.Err)
			assert.Equal(t, 1, r.Attempts)
		}
	})
}

func TestG06_DoIsCancelledByItsOwnContextOnly(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		gate := make(chan struct{})
		var ran atomic.Int64
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			ran.Add(1)
			select {
			case <-gate:
				return n, nil
			case <-ctx.Done():
				return n, context.Cause(ctx)
			}
		}, sized(workers, buffer)...)
		defer p.Stop()
		var others sync.WaitGroup
		for range workers - 1 {
			others.Go(func() { _, err := p.Do(t.Context(), 1); assert.NoError(t, err) })
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		running := make(chan error)
		go func() { _, err := p.Do(ctx, 2); running <- err }()
		synctest.Wait()
		queued := make(chan error)
		go func() { _, err := p.Do(ctx, 3); queued <- err }()
		synctest.Wait()
		others.Go(func() { _, err := p.Do(t.Context(), 4); assert.NoError(t, err) })
		synctest.Wait()
		assert.EqualValues(t, workers, ran.Load())
		cancel(errCause)
		err := <-running
		assert.ErrorIs(t, err, errCause)
		assert.NotErrorIs(t, err, workerpool.ErrNotRun)
		err = <-queued
		assert.ErrorIs(t, err, errCause)
		if buffer > 0 {
			assert.ErrorIs(t, err, workerpool.ErrNotRun)
			assert.Regexp(t, "^workerpool: (Do: )?job not run( \\(.*\\))?: the cause$", err.Error(), "by the caller or by the worker, who comes first")
		}
		synctest.Wait()
		assert.EqualValues(t, workers+1, ran.Load(), "the place of the cancelled one went to the next, not to its own")
		close(gate)
		others.Wait()
		require.NoError(t, p.Wait(t.Context()))
		s := p.Stats()
		assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
	})
}

// Do returns at once when its context ends, though Func is deaf; a panic that comes
// afterwards is logged, since nobody is there to receive it.
func TestG06_DoDoesNotWaitForADeafJob(t *testing.T) {
	logged := captureLog(t)
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			<-gate
			panic("afterwards")
		}, workerpool.WithName("it"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := p.Do(ctx, 1)
		assert.Equal(t, time.Second, time.Since(start))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.NotErrorIs(t, err, workerpool.ErrNotRun)
		assert.EqualError(t, err, `workerpool "it": Do: gave up while the job was running: context deadline exceeded`)
		close(gate)
		assert.NoError(t, p.Wait(t.Context()))
		p.Stop()
	})
	assert.Contains(t, logged(), "afterwards")
	assert.Contains(t, logged(), "pool=it")
}

func TestG06_DoInTheQueueOfAPoolThatIsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, gated(new(gauge), gate), sized(1, 4, workerpool.WithContext(ctx))...)
		require.NoError(t, p.Submit(t.Context(), 0))
		synctest.Wait()
		errs := make(chan error)
		go func() { _, err := p.Do(t.Context(), 1); errs <- err }()
		synctest.Wait()
		cancel(errCause)
		err := <-errs // though the deaf job goes on
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
		assert.ErrorIs(t, err, errCause)
		close(gate)
		p.Stop()
		assert.EqualValues(t, 1, p.Stats().NotRun)
	})
}

func TestG06_DoJobsRunUnderTheirCallersContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type key struct{}
		pctx := context.WithValue(t.Context(), key{}, "pool")
		p := newPoolOf(t, func(ctx context.Context, _ int) (string, error) {
			_, hasDeadline := ctx.Deadline()
			assert.Equal(t, ctx.Value(key{}) == "caller", hasDeadline)
			return ctx.Value(key{}).(string), ctx.Err()
		}, workerpool.WithContext(pctx))
		cctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "caller"), time.Minute)
		defer cancel()
		v, err := p.Do(cctx, 1)
		assert.NoError(t, err)
		assert.Equal(t, "caller", v)
		assert.NoError(t, p.Submit(cctx, 1))
		assert.Equal(t, "pool", (<-p.Results()).Value)
		p.Stop()
	})
}

func TestG06_JobTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			start := time.Now()
			defer func() { assert.LessOrEqual(t, time.Since(start), time.Second) }()
			switch n {
			case 0: // the pool's bound
				<-ctx.Done()
				assert.Equal(t, workerpool.ErrJobTimeout, context.Cause(ctx))
				return 0, ctx.Err()
			case 1: // as net/http returns it
				<-ctx.Done()
				return 0, fmt.Errorf("get: %w", context.Cause(ctx))
			case 2: // a deadline of its own
				ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				<-ctx.Done()
				return 0, ctx.Err()
			case 3: // in time after all
				<-ctx.Done()
				return 3, nil
			case 4:
				<-ctx.Done()
				return 0, errOwn
			default: // the caller's deadline
				<-ctx.Done()
				return 0, ctx.Err()
			}
		}, sized(1, 8, workerpool.WithJobTimeout(time.Second))...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 0)
		assert.ErrorIs(t, err, workerpool.ErrJobTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, "workerpool: job timed out after 1s: context deadline exceeded")
		_, err = p.Do(t.Context(), 1)
		assert.ErrorIs(t, err, workerpool.ErrJobTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, "workerpool: job timed out after 1s: get: workerpool: job timed out")
		_, err = p.Do(t.Context(), 2)
		assert.Equal(t, context.DeadlineExceeded, err)
		v, err := p.Do(t.Context(), 3)
		assert.NoError(t, err)
		assert.Equal(t, 3, v)
		_, err = p.Do(t.Context(), 4)
		assert.Equal(t, errOwn, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, err = p.Do(ctx, 5)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.False(t, errors.Is(err, workerpool.ErrJobTimeout), "it is the caller's deadline that passed")
		assert.NoError(t, p.Wait(t.Context()))
	})
}

// What ends a job first is what its outcome says, whatever ends while it cleans up.
func TestG06_TimedOutBeforeThePoolWasStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // cleans up
			return 0, ctx.Err()
		}, sized(2, 2, workerpool.WithJobTimeout(3*time.Second))...)
		require.NoError(t, p.Submit(t.Context(), 0))
		time.Sleep(2 * time.Second)
		require.NoError(t, p.Submit(t.Context(), 1))
		time.Sleep(1500 * time.Millisecond)
		for _, r := range p.Stop() {
			switch r.Job {
			case 0:
				assert.ErrorIs(t, r.Err, workerpool.ErrJobTimeout)
			case 1:
				assert.Equal(t, context.Canceled, r.Err)
			}
		}
	})
}
