package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// These tests are ideas from the test suites of other languages' pools that no test
// here had by itself. DESIGN.md lists all of those that were looked at.

// Every number of jobs before the end, and of calls after it (StructuredTaskScope's
// StressCancellation): what was accepted before has an outcome, what comes after is
// refused, and what is said of it adds up.
func TestG06_EveryNumberOfJobsAroundTheEnd(t *testing.T) {
	ends := map[string]func(p *workerpool.Pool[int, int], cancel context.CancelCauseFunc){
		"close":    func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) { p.Close() },
		"cancel":   func(_ *workerpool.Pool[int, int], cancel context.CancelCauseFunc) { cancel(errCause) },
		"shutdown": func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) { shutdownNow(p) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			for before := range 16 {
				for after := range 16 {
					synctest.Test(t, func(t *testing.T) {
						ctx, cancel := context.WithCancelCause(t.Context())
						defer cancel(nil)
						work := func(ctx context.Context, n int) (int, error) {
							select {
							case <-ctx.Done():
							case <-time.After(time.Duration(n) * time.Second):
							}
							return n, nil
						}
						p := newPoolOf(t, work, sized(3, 16, workerpool.WithContext(ctx))...)
						for n := range before {
							require.NoError(t, p.Submit(t.Context(), n))
						}
						end(p, cancel)
						for n := range after {
							require.ErrorIs(t, p.Submit(t.Context(), before+n), workerpool.ErrClosed)
						}
						rs := readAll(p)
						require.Equal(t, upTo(before), jobsOf(rs))
						s := p.Stats()
						require.EqualValues(t, before, s.Accepted)
						require.EqualValues(t, before, s.Completed+s.NotRun)
						require.EqualValues(t, after, s.Rejected)
						if name == "close" {
							require.Zero(t, s.NotRun)
						}
					})
				}
			}
		})
	}
}

// Who has read Results to its end after a cancellation may count on the workers being
// gone, not only on their having nothing more to say (folly's Stop and Join, .NET's leak
// tests). Of several thousand only those may be left that are just returning.
func TestG05_WorkersAreGoneWhenResultsEnds(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	const workers = 5000
	for range 4 {
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		p := newPoolOf(t, patient, sized(workers, 0, workerpool.WithContext(ctx))...)
		cancel()
		readAll(p)
		assert.Less(t, runtime.NumGoroutine()-before, workers/20)
	}
}

// One job, refused and submitted again until it is accepted, a thousand times over
// (testRejectedRecycledTask of JSR 166): each time that it is, it has one result.
func TestG01_OneJobAgainAndAgain(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	const times = 1000
	runs := 0
	p := newPoolOf(t, func(_ context.Context, job *int) (int, error) {
		*job++ // one worker, so one at a time
		runs++
		return *job, nil
	}, sized(1, 1)...)
	go func() {
		defer p.Close()
		job := new(int)
		for range times {
			for errors.Is(p.TrySubmit(job), workerpool.ErrFull) {
				runtime.Gosched()
			}
		}
	}()
	n := 0
	for r := range p.Results() {
		n++
		assert.Equal(t, n, r.Value)
	}
	assert.Equal(t, times, n)
	assert.Equal(t, times, runs)
	assert.EqualValues(t, times, p.Stats().Accepted)
}

// A wait that ends by time does not end before it (awaitTermination's tests of JSR 166).
func TestG04_TimeoutsAreNotEarly(t *testing.T) {
	waits := map[string]func(p *workerpool.Pool[int, int], ctx context.Context) error{
		"Submit":   func(p *workerpool.Pool[int, int], ctx context.Context) error { return p.Submit(ctx, 2) },
		"Do":       func(p *workerpool.Pool[int, int], ctx context.Context) error { _, err := p.Do(ctx, 2); return err },
		"Wait":     (*workerpool.Pool[int, int]).Wait,
		"Shutdown": (*workerpool.Pool[int, int]).Shutdown,
	}
	for name, wait := range waits {
		for _, d := range []time.Duration{-time.Second, 0, time.Nanosecond, time.Hour} {
			t.Run(fmt.Sprintf("%s within %v", name, d), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					gate := make(chan struct{})
					p := newPoolOf(t, gated(new(gauge), gate), sized(1, 1)...)
					require.NoError(t, p.Submit(t.Context(), 0))
					synctest.Wait()
					require.NoError(t, p.Submit(t.Context(), 1))
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					begun := time.Now()
					assert.ErrorIs(t, wait(p, ctx), context.DeadlineExceeded)
					assert.Equal(t, max(0, d), time.Since(begun))
					close(gate)
					p.Stop()
				})
			})
		}
	}
}
