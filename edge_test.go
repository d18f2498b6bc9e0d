package workerpool_test

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
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

// slowToCancel hangs so many contexts on ctx that cancelling it takes a while: it has
// ended then, but what is to follow from it has yet to begin.
func slowToCancel(ctx context.Context) {
	var cancels []context.CancelFunc // which nobody calls: they end with ctx
	for range 5000 {
		_, cancel := context.WithCancel(ctx)
		cancels = append(cancels, cancel)
	}
	runtime.KeepAlive(cancels)
}

// Workers may see the end of the context and leave before the pool itself has.
func TestG04_WorkersThatAreFasterThanTheEnd(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range 20 {
		ready := make(chan struct{})
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			slowToCancel(ctx)
			close(ready)
			<-ctx.Done()
			return n, nil
		}, sized(1, 2)...)
		require.NoError(t, p.Submit(t.Context(), 0))
		<-ready
		require.NoError(t, p.Resize(1)) // makes the worker look around when it is done
		assert.Len(t, p.Stop(), 1)
		assert.ErrorIs(t, p.Submit(t.Context(), 1), workerpool.ErrClosed)
		assert.NoError(t, p.Wait(t.Context()))
	}
}

// foreignContext is one of somebody's own, with an error that can't be compared.
type foreignContext struct {
	context.Context
	done chan struct{}
	mu   sync.Mutex
	err  error
}

type listError []string

func (l listError) Error() string { return strings.Join(l, ",") }

func (f *foreignContext) Done() <-chan struct{} { return f.done }

func (f *foreignContext) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *foreignContext) end() {
	f.mu.Lock()
	f.err = listError{"a", "b"}
	f.mu.Unlock()
	close(f.done)
}

func TestG04_ContextOfAForeignType(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pctx := &foreignContext{Context: t.Context(), done: make(chan struct{})}
		p := newPoolOf(t, patient, sized(1, 4, workerpool.WithContext(pctx))...)
		fill(t, p)
		cctx := &foreignContext{Context: t.Context(), done: make(chan struct{})}
		errs := make(chan error)
		go func() { errs <- p.Submit(cctx, 1) }()
		synctest.Wait()
		cctx.end()
		assert.ErrorContains(t, <-errs, "a,b")
		_, err := p.Do(cctx, 1)
		assert.ErrorContains(t, err, "a,b")
		pctx.end()
		for _, r := range readAll(p) {
			assert.ErrorContains(t, r.Err, "a,b")
		}
	})
}

// A goroutine of a job waits for its place when the pool is cancelled: its job must
// not start any more.
func TestG06_NoNestedJobStartsAfterTheCancellation(t *testing.T) {
	for range 40 {
		bubble(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var cancelled atomic.Bool
			gate := make(chan struct{})
			p := newPoolOf(t, runJob, sized(1, 0, workerpool.WithContext(ctx))...)
			inner := func(context.Context) (int, error) {
				assert.False(t, cancelled.Load())
				return 0, nil
			}
			go func() {
				_ = p.Submit(t.Context(), func(ctx context.Context) (int, error) {
					var wg sync.WaitGroup
					ctx = context.WithoutCancel(ctx)
					wg.Go(func() { _, _ = p.Do(ctx, func(context.Context) (int, error) { <-gate; return 0, nil }) })
					time.Sleep(time.Second)
					wg.Go(func() { _ = p.Submit(ctx, inner) })
					wg.Go(func() { _, _ = p.Do(ctx, inner) })
					wg.Wait()
					return 0, nil
				})
			}()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			cancel()
			cancelled.Store(true)
			close(gate)
			readAll(p)
		})
	}
}

func TestG07_APassedOnPanicCountsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, runJob, sized(1, 4)...)
		_, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
			return p.Do(ctx, func(context.Context) (int, error) { panic("x") })
		})
		assert.Equal(t, "x", asPanic(t, err).Value)
		p.Stop()
		assert.EqualValues(t, 1, p.Stats().Panicked)
		assert.EqualValues(t, 2, p.Stats().Failed)
	})
}

type oddHandler struct{ slog.Handler }

func (oddHandler) Enabled(context.Context, slog.Level) bool { return true }

func (oddHandler) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "panic" && strings.Contains(a.Value.String(), "exit") {
			runtime.Goexit()
		}
		return true
	})
	panic("odd")
}

func TestG07_LogHandlerThatPanicsOrExits(t *testing.T) {
	setLog(t, oddHandler{})
	for _, value := range []string{"exit", "panic"} {
		bubble(t, func(t *testing.T) {
			gate := make(chan struct{})
			p := newPoolOf(t, func(context.Context, int) (int, error) { <-gate; panic(value) }, sized(1, 1)...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := p.Do(ctx, 1)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			close(gate)
			assert.NoError(t, p.Wait(t.Context()))
			assert.Empty(t, p.Stop())
		})
	}
}

func TestG01_PanicInADeferredCallOfGoexit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			switch n {
			case 0:
				defer panic("while exiting")
				runtime.Goexit()
			case 1:
				runtime.Goexit()
			case 2:
				return p.Do(ctx, 0)
			}
			return n, nil
		}, sized(1, 4)...)
		_, err := p.Do(t.Context(), 0)
		var panicked *workerpool.PanicError
		require.ErrorAs(t, err, &panicked, "a panic is never lost")
		assert.Equal(t, "while exiting", panicked.Value)
		assert.Contains(t, string(panicked.Stack), "edge_test.go")
		_, err = p.Do(t.Context(), 1)
		assert.Equal(t, workerpool.ErrGoexit, err, "the next one has no part of it")
		assert.EqualValues(t, 1, p.Stats().Panicked)
		_, err = p.Do(t.Context(), 2)
		require.ErrorAs(t, err, &panicked, "in a lent place too")
		assert.Equal(t, "while exiting", panicked.Value)
		v, err := p.Do(t.Context(), 7)
		assert.NoError(t, err)
		assert.Equal(t, 7, v)
		assert.Empty(t, p.Stop())
	})
}

// A time-out that a job inherits from the pool of the job that calls is not its own.
func TestG06_TimeoutOfAnotherPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newPoolOf(t, runJob, sized(1, 4, workerpool.WithJobTimeout(time.Second))...)
		b := newPoolOf(t, runJob, sized(1, 4, workerpool.WithJobTimeout(time.Hour))...)
		defer a.Stop()
		defer b.Stop()
		for _, inner := range []*workerpool.Pool[job, int]{a, b} {
			_, err := a.Do(t.Context(), func(ctx context.Context) (int, error) {
				time.Sleep(time.Second / 2)
				returned := make(chan error, 1)
				_, err := inner.Do(ctx, func(ctx context.Context) (int, error) {
					<-ctx.Done()
					returned <- ctx.Err()
					return 0, ctx.Err()
				})
				assert.NotContains(t, err.Error(), "timed out after")
				assert.Equal(t, context.DeadlineExceeded, <-returned)
				return 0, errOwn
			})
			assert.Equal(t, errOwn, err)
		}
	})
}

// A job that cleans up after its own time was up may outlast the time of the job around it.
func TestG06_TimeoutBeforeThatOfAnotherPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		outer := newPoolOf(t, runJob, sized(1, 4, workerpool.WithJobTimeout(2*time.Second))...)
		defer outer.Stop()
		_, err := outer.Do(t.Context(), func(ctx context.Context) (int, error) {
			inner := newPoolOf(t, runJob, sized(1, 4, workerpool.WithContext(ctx), workerpool.WithJobTimeout(time.Second))...)
			assert.NoError(t, inner.TrySubmit(func(ctx context.Context) (int, error) {
				<-ctx.Done()
				time.Sleep(2 * time.Second)
				return 0, ctx.Err()
			}))
			r := <-inner.Results()
			assert.ErrorIs(t, r.Err, workerpool.ErrJobTimeout)
			inner.Stop()
			return 0, nil
		})
		assert.NoError(t, err)
	})
}

// The workers of a pool that is bound to no context wait for room on Results and for
// nothing else, until a late Shutdown cancels it.
func TestG05_ALateShutdownFreesTheWorkers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(3, 1)...)
		defer p.Stop()
		submitAll(t, p, upTo(5))
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		assert.Error(t, p.Shutdown(ended))
		synctest.Wait()
		assert.Zero(t, p.Stats().Busy, "nobody reads, and yet")
		assert.NoError(t, p.Wait(ended))
	})
}

func TestG04_ShutdownErrorCountsTheQueueOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := newPoolOf(t, gated(new(gauge), gate), sized(1, 8)...)
		go func() { _, _ = p.Do(t.Context(), 0) }()
		synctest.Wait()
		left, leave := context.WithCancel(t.Context())
		for range 5 {
			go func() { _, _ = p.Do(left, 1) }()
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		gate <- struct{}{}
		synctest.Wait()
		assert.EqualValues(t, 5, p.Stats().NotRun)
		go func() { _, _ = p.Do(t.Context(), 0) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var se *workerpool.ShutdownError
		require.ErrorAs(t, p.Shutdown(ctx), &se)
		assert.Equal(t, 1, se.Running)
		assert.Zero(t, se.NotRun, "they were not cut off by this")
		close(gate)
		p.Stop()
	})
}

func TestG11_AContextKeepsNoJob(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	t.Run("of a nested job", func(t *testing.T) {
		var gone atomic.Int64
		var kept context.Context
		var p *workerpool.Pool[*tracked, int]
		p = newPoolOf(t, func(ctx context.Context, job *tracked) (int, error) {
			if job == nil {
				return p.Do(ctx, track(&gone))
			}
			kept = ctx
			return 0, nil
		}, sized(1, 4)...)
		defer p.Stop()
		_, err := p.Do(t.Context(), nil)
		require.NoError(t, err)
		eventuallyGone(t, &gone, 1)
		runtime.KeepAlive(kept)
	})
	t.Run("of a worker that has left", func(t *testing.T) {
		var gone atomic.Int64
		gate := make(chan struct{})
		contexts := make(chan context.Context, 2)
		p := newPoolOf(t, func(ctx context.Context, _ *tracked) (int, error) {
			contexts <- ctx
			<-gate
			return 0, nil
		}, sized(2, 4)...)
		defer p.Stop()
		require.NoError(t, p.Submit(t.Context(), track(&gone)))
		require.NoError(t, p.Submit(t.Context(), track(&gone)))
		a, b := <-contexts, <-contexts
		require.NoError(t, p.Resize(1))
		close(gate)
		<-p.Results()
		<-p.Results()
		eventuallyGone(t, &gone, 2)
		runtime.KeepAlive(a)
		runtime.KeepAlive(b)
	})
	t.Run("of a job whose place is lent", func(t *testing.T) {
		var gone atomic.Int64
		gate, inside := make(chan struct{}), make(chan struct{})
		var p *workerpool.Pool[*tracked, int]
		p = newPoolOf(t, func(ctx context.Context, job *tracked) (int, error) {
			if job == nil {
				close(inside)
				<-gate
				return 0, nil
			}
			go func() { _, _ = p.Do(context.WithoutCancel(ctx), nil) }()
			<-inside
			return 0, nil
		}, sized(1, 4)...)
		defer p.Stop()
		defer close(gate)
		require.NoError(t, p.Submit(t.Context(), track(&gone)))
		<-p.Results()
		eventuallyGone(t, &gone, 1)
	})
}

// Someone who begins to wait must not be told of a balance that was before.
func TestStress_WaitNeverReturnsEarly(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range rounds(t, 3000) {
		var ran atomic.Bool
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			if n == 1 {
				for range 20 {
					runtime.Gosched()
				}
				ran.Store(true)
			}
			return 0, nil
		}, sized(2, 4)...)
		for range 20 {
			ran.Store(false)
			require.NoError(t, p.Submit(t.Context(), 0))
			<-p.Results()
			require.NoError(t, p.Submit(t.Context(), 1))
			require.NoError(t, p.Wait(t.Context()))
			require.True(t, ran.Load())
			<-p.Results()
		}
		p.Stop()
	}
}

func TestStress_AcceptedIsNeverMoreThanSubmitted(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range rounds(t, 100) {
		p := newPoolOf(t, patient, sized(1, 0)...)
		ctx, cancel := context.WithCancel(t.Context())
		var submitters, reader sync.WaitGroup
		for n := range 64 {
			submitters.Go(func() { _ = p.Submit(ctx, n) })
		}
		stop := make(chan struct{})
		reader.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					assert.LessOrEqual(t, p.Stats().Accepted, uint64(64))
					runtime.Gosched()
				}
			}
		})
		for range 50 {
			runtime.Gosched()
		}
		cancel()
		submitters.Wait()
		close(stop)
		reader.Wait()
		p.Stop()
	}
}
