package workerpool_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// onlyOnce is a limiter that lets the first attempt start, and no other before gate is closed;
// or its context ends, unless it is deaf.
type onlyOnce struct {
	deaf bool
	gate chan struct{}
	seen bool // there is one job
}

func (l *onlyOnce) Wait(ctx context.Context) error {
	if !l.seen {
		l.seen = true
		return nil
	}
	if l.deaf {
		<-l.gate
		return nil
	}
	select {
	case <-l.gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wherever a job waits for its next attempt when the caller of Do leaves, he learns how the
// last one ended, and there is no other.
func TestDoKnowsTheLastErrorWhenItsCallerLeaves(t *testing.T) {
	for name, tt := range map[string]struct {
		buffer        int
		wait          time.Duration
		busy          int // jobs that come meanwhile, of an hour each
		limited, deaf bool
	}{
		"in the backlog":            {buffer: 8, wait: time.Hour},
		"in the queue":              {buffer: 8, wait: time.Second, busy: 1},
		"for a place in the queue":  {buffer: 1, wait: time.Second, busy: 2},
		"for the limiter":           {buffer: 8, wait: time.Second, limited: true},
		"for a deaf limiter":        {buffer: 8, wait: time.Second, limited: true, deaf: true},
		"in place":                  {buffer: 0, wait: time.Hour},
		"in place, for the limiter": {buffer: 0, wait: 0, limited: true},
		"in place, for a deaf one":  {buffer: 0, wait: 0, limited: true, deaf: true},
	} {
		for _, observed := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", observed"}[observed], func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					opts := []workerpool.Option{upToAttempts(3, tt.wait)}
					limiter := &onlyOnce{deaf: tt.deaf, gate: make(chan struct{})}
					if tt.limited {
						opts = append(opts, workerpool.WithLimiter(limiter))
					}
					var done []int
					if observed {
						opts = append(opts, workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{
							Done: func(_ context.Context, j workerpool.JobInfo) {
								if j.Job == any(-1) {
									done = append(done, j.Attempt)
								}
							},
						}))
					}
					calls := 0
					p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
						if n >= 0 {
							time.Sleep(time.Hour)
							return n, nil
						}
						calls++
						return 0, errOwn
					}, sized(1, tt.buffer, opts...)...)
					defer p.Stop()
					ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errCause)
					defer cancel()
					left := make(chan error, 1)
					began := time.Now()
					go func() {
						_, err := p.Do(ctx, -1)
						left <- err
					}()
					synctest.Wait()
					for n := range tt.busy {
						require.NoError(t, p.Submit(t.Context(), n))
					}
					err := <-left
					assert.Equal(t, time.Minute, time.Since(began))
					failed, ok := err.(*workerpool.RetryError) //nolint:errorlint // the error itself
					require.True(t, ok, "%v", err)
					assert.Equal(t, 1, failed.Attempts)
					assert.Equal(t, errOwn, failed.Err)
					assert.ErrorIs(t, failed.Stopped, context.DeadlineExceeded)
					assert.ErrorIs(t, failed.Stopped, errCause)
					assert.ErrorContains(t, failed.Stopped, ": the cause") // whoever saw it first, he or the worker

					close(limiter.gate)
					p.Close()
					assert.Len(t, readAll(p), tt.busy)
					assert.Equal(t, 1, calls)
					s := p.Stats()
					assert.EqualValues(t, 1+tt.busy, s.Completed)
					assert.EqualValues(t, 1, s.Failed)
					assert.Zero(t, s.Retrying)
					assert.Zero(t, s.Held)
					if observed {
						assert.Equal(t, []int{1}, done)
					}
				})
			})
		}
	}
}

// A context that is not of package context ends a moment before those that are derived from it
// do. Whoever has left because of it has left for good.
func TestNoAttemptAfterItsCallerHasLeft(t *testing.T) {
	for _, buffer := range []int{0, 8} {
		bubble(t, func(t *testing.T) {
			calls := 0
			p := newPoolOf(t, func(context.Context, int) (int, error) {
				calls++
				return 0, errOwn
			}, sized(1, buffer, upToAttempts(9, time.Minute))...)
			defer p.Stop()
			ctx := &slowEnd{Context: t.Context(), early: make(chan struct{}), late: make(chan struct{})}
			time.AfterFunc(time.Second, func() { close(ctx.early) })
			time.AfterFunc(time.Hour, func() { close(ctx.late) })
			_, err := p.Do(ctx, 1)
			var failed *workerpool.RetryError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, 1, failed.Attempts)
			require.NoError(t, p.Wait(t.Context()))
			assert.Equal(t, 1, calls)
			assert.EqualValues(t, 1, p.Stats().Failed)
			time.Sleep(time.Hour)
		})
	}
}

// slowEnd ends later for contexts that are derived from it.
type slowEnd struct {
	context.Context
	early, late chan struct{}
}

func (c *slowEnd) Done() <-chan struct{} {
	pc, _, _, _ := runtime.Caller(1)
	if strings.HasPrefix(runtime.FuncForPC(pc).Name(), "context.") {
		return c.late
	}
	return c.early
}

func (c *slowEnd) Err() error {
	select {
	case <-c.early:
		return context.Canceled
	default:
		return nil
	}
}

// Of those who have left before, nobody waits for the outcome: they are not what Shutdown cuts
// off.
func TestShutdownErrorCountsNoJobWhoseCallerHasLeft(t *testing.T) {
	for _, workers := range []int{1, 2} { // the second waits for a limiter that does not heed contexts
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				gate := make(chan struct{})
				limiter := &onlyOnce{deaf: true, gate: gate}
				p := newPoolOf(t, gated(new(gauge), gate), sized(workers, 8, workerpool.WithLimiter(limiter))...)
				notRun := func(ctx context.Context) int {
					ctx, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					var se *workerpool.ShutdownError
					require.ErrorAs(t, p.Shutdown(ctx), &se)
					assert.Equal(t, 1, se.Running)
					return se.NotRun
				}
				require.NoError(t, p.Submit(t.Context(), 0))
				synctest.Wait()
				left, leave := context.WithCancel(t.Context())
				for range 3 {
					go func() { _, _ = p.Do(left, 1) }()
				}
				synctest.Wait()
				leave()
				synctest.Wait()
				go func() { _, _ = p.Do(t.Context(), 2) }()
				require.NoError(t, p.Submit(t.Context(), 3))
				synctest.Wait()
				assert.Equal(t, 2, notRun(t.Context()), "one of Do, and one of Submit")
				synctest.Wait()
				assert.Equal(t, 2, notRun(t.Context()), "those that were refused since")
				close(gate)
				assert.Len(t, p.Stop(), 2)
				assert.EqualValues(t, 5, p.Stats().NotRun)
			})
		})
	}
}
