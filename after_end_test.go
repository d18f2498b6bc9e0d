package workerpool_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// Tests of callers who go on after the end of a pool, as the handlers of a server do
// until somebody takes it out of service: they must not keep the pool from ending, nor those
// waiting who wait for it to be idle. And of what Shutdown says of a pool that was cancelled.

// hammer makes n goroutines call again and again, until stop is called.
func hammer(n int, call func()) (stop func()) {
	var done atomic.Bool
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			for !done.Load() {
				call()
			}
		})
	}
	return func() { done.Store(true); callers.Wait() }
}

// within fails the test when f takes longer than anything should.
func within(t *testing.T, f func(), what string) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error(what + " hangs")
	}
}

var calls = map[string]func(p *workerpool.Pool[int, int]) error{
	"Submit":    func(p *workerpool.Pool[int, int]) error { return p.Submit(context.Background(), 1) },
	"TrySubmit": func(p *workerpool.Pool[int, int]) error { return p.TrySubmit(1) },
	"Do":        func(p *workerpool.Pool[int, int]) error { _, err := p.Do(context.Background(), 1); return err },
	"TryDo":     func(p *workerpool.Pool[int, int]) error { _, err := p.TryDo(context.Background(), 1); return err },
}

func TestStress_CallersThatGoOnAfterTheEnd(t *testing.T) {
	ends := map[string]func(p *workerpool.Pool[int, int], cancel func()){
		"Close":    func(p *workerpool.Pool[int, int], _ func()) { p.Close(); readAll(p) },
		"cancel":   func(p *workerpool.Pool[int, int], cancel func()) { cancel(); readAll(p) },
		"Stop":     func(p *workerpool.Pool[int, int], _ func()) { p.Stop() },
		"Shutdown": func(p *workerpool.Pool[int, int], _ func()) { _ = p.Shutdown(context.Background()) },
		"Wait":     func(p *workerpool.Pool[int, int], _ func()) { p.Close(); _ = p.Wait(context.Background()) },
	}
	for name, call := range calls {
		for endName, end := range ends {
			t.Run(name+" against "+endName, func(t *testing.T) {
				t.Cleanup(func() { goleak.VerifyNone(t) })
				gate := make(chan struct{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				p := newPoolOf(t, gated(new(gauge), gate), sized(1, 4, workerpool.WithContext(ctx))...)
				require.NoError(t, p.Submit(t.Context(), 0))
				require.NoError(t, p.Submit(t.Context(), 1))
				over := make(chan struct{})
				go func() { within(t, func() { end(p, cancel) }, endName); close(over) }()
				for p.Resize(1) == nil { // not closed yet
					runtime.Gosched()
				}
				stop := hammer(10, func() {
					if err := call(p); !errors.Is(err, workerpool.ErrClosed) {
						t.Error(err)
					}
				})
				for before := p.Stats().Rejected; p.Stats().Rejected < before+1000; {
					runtime.Gosched()
				}
				close(gate)
				<-over
				stop()
				p.Stop()
			})
		}
	}
}

// Of a pool that has ended nobody is told that it is not idle.
func TestStress_AnEndedPoolIsIdle(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := newPoolOf(t, echo, sized(1, 1)...)
	_ = stopped.Submit(t.Context(), 1)
	<-stopped.Results()
	stopped.Close()
	assert.Empty(t, readAll(stopped))
	for name, p := range map[string]*workerpool.Pool[int, int]{"ended": stopped, "zero": new(workerpool.Pool[int, int])} {
		t.Run(name, func(t *testing.T) {
			for _, call := range calls {
				stop := hammer(4, func() { assert.ErrorIs(t, call(p), workerpool.ErrClosed) })
				for range rounds(t, 5000) {
					require.NoError(t, p.Wait(ended))
					require.NoError(t, p.Shutdown(ended))
				}
				stop()
			}
		})
	}
}

// Several who ask at once whether a pool is idle do not mislead each other.
func TestStress_AnIdlePoolIsIdleForEverybody(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	p := newPoolOf(t, echo, sized(1, 1)...)
	defer p.Stop()
	require.NoError(t, p.Wait(t.Context()))
	ask := func() { assert.NoError(t, p.Wait(ended)) }
	defer hammer(2, ask)()
	for range rounds(t, 50000) {
		ask()
	}
}

// Once one call was told that the pool is closed, no later one is accepted, though
// Stop is still about to close the intake.
func TestStress_ClosedIsClosedForEveryCall(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for name, call := range calls {
		for first, other := range calls {
			for range rounds(t, 4) {
				ready := make(chan struct{})
				p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
					if n == 0 {
						slowToCancel(ctx)
						close(ready)
						<-ctx.Done()
					}
					return n, nil
				}, sized(2, 16)...)
				require.NoError(t, p.Submit(t.Context(), 0))
				<-ready
				var stopping sync.WaitGroup
				stopping.Go(func() { p.Stop() })
				for !errors.Is(other(p), workerpool.ErrClosed) {
					runtime.Gosched()
				}
				assert.ErrorIs(t, call(p), workerpool.ErrClosed, name+" after "+first)
				stopping.Wait()
			}
		}
	}
}

// Nor is anybody told that a pool is idle which was so before he asked. The lock that
// those who ask share is kept busy, so that what they have seen is old.
func TestStress_WaitIsNotToldOfBefore(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	gate := make(chan struct{})
	p := newPoolOf(t, gated(new(gauge), gate), sized(256, 4)...)
	defer p.Stop()
	defer close(gate)
	defer hammer(2, func() { p.Stats(); runtime.Gosched() })()
	defer hammer(4, func() { _ = p.Wait(ended); runtime.Gosched() })()
	for range rounds(t, 300) {
		require.NoError(t, p.Submit(t.Context(), 1))
		ctx, cancel := context.WithCancel(t.Context())
		waiting := make(chan error, 1)
		go func() { waiting <- p.Wait(ctx) }()
		for range 10 {
			runtime.Gosched()
		}
		cancel()
		require.ErrorIs(t, <-waiting, context.Canceled)
		gate <- struct{}{}
		<-p.Results()
		require.NoError(t, p.Wait(t.Context()))
	}
}

// Nobody has a job in a pool that never had one, though its workers leave while Shutdown
// counts those who do.
func TestStress_ShutdownOfAPoolWithoutJobs(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range rounds(t, 1000) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPoolOf(t, noop, sized(256, 4, workerpool.WithContext(ctx))...)
		cancel()
		for range 100 {
			var e *workerpool.ShutdownError
			require.ErrorAs(t, p.Shutdown(t.Context()), &e)
			require.Zero(t, e.Running, "%v", e)
		}
		p.Stop()
	}
}

// Every job of a Do that the cancellation keeps from running is one in ShutdownError.
func TestStress_ShutdownCountsTheJobsOfDo(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for n := range rounds(t, 20000) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPoolOf(t, noop, sized(2, 16, workerpool.WithContext(ctx))...)
		var notRun atomic.Int64
		var callers sync.WaitGroup
		for range 16 {
			callers.Go(func() {
				if _, err := p.Do(context.Background(), 1); errors.Is(err, workerpool.ErrNotRun) {
					notRun.Add(1)
				}
			})
		}
		for range n % 24 {
			runtime.Gosched()
		}
		cancel()
		callers.Wait()
		var e *workerpool.ShutdownError
		if err := p.Shutdown(context.Background()); errors.As(err, &e) {
			require.EqualValues(t, notRun.Load(), e.NotRun, "%v", err)
			require.Zero(t, e.Running, "%v", err)
		}
		require.EqualValues(t, notRun.Load(), p.Stats().NotRun)
		p.Stop()
	}
}

// Whoever is refused for lack of a place does not stand in the way of those who wait for
// the pool to be idle, which a pool of one worker is after each job.
func TestStress_WaitBesideRefusedCalls(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for name, call := range map[string]func(*workerpool.Pool[int, int]){
		"TrySubmit": func(p *workerpool.Pool[int, int]) { _ = p.TrySubmit(1) },
		"TryDo":     func(p *workerpool.Pool[int, int]) { _, _ = p.TryDo(context.Background(), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPoolOf(t, func(context.Context, int) (int, error) { time.Sleep(time.Millisecond); return 0, nil }, sized(1, 0)...)
			defer p.Stop()
			go readAll(p)
			defer hammer(10, func() { call(p) })()
			within(t, func() { require.NoError(t, p.Wait(context.Background())) }, "Wait")
		})
	}
}

// After a cancellation nobody needs a reader for Shutdown to return.
func TestStress_ShutdownAfterCancelNeedsNoReader(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, buffer := range []int{0, 1, 4} {
		for n := range rounds(t, 5000) {
			ctx, cancel := context.WithCancel(t.Context())
			p := newPoolOf(t, noop, sized(4, buffer, workerpool.WithContext(ctx))...)
			for range 4 {
				_ = p.TrySubmit(1)
			}
			for range n % 8 {
				runtime.Gosched()
			}
			cancel()
			within(t, func() { _ = p.Shutdown(context.Background()) }, "Shutdown")
			p.Stop()
		}
	}
}
