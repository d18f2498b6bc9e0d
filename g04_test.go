package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// state is one of those a pool can be in, and what the calls that submit say in it.
type state struct {
	name  string
	enter func(p *workerpool.Pool[int, int], cancel context.CancelCauseFunc)
	cause error // wrapped beside ErrClosed; nil: none
}

var closedStates = []state{
	{"closed", func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) { p.Close() }, nil},
	{"closed twice", func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) { p.Close(); p.Close() }, nil},
	{"shut down", func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) { _ = p.Shutdown(context.Background()) }, nil},
	{"closed, then cancelled", func(p *workerpool.Pool[int, int], cancel context.CancelCauseFunc) {
		p.Close()
		synctest.Wait()
		cancel(errCause)
	}, nil},
	{"cancelled", func(_ *workerpool.Pool[int, int], cancel context.CancelCauseFunc) { cancel(errCause) }, errCause},
	{"cancelled, then closed", func(p *workerpool.Pool[int, int], cancel context.CancelCauseFunc) { cancel(errCause); p.Close() }, errCause},
	{"stopped", func(p *workerpool.Pool[int, int], _ context.CancelCauseFunc) { p.Stop() }, workerpool.ErrStopped},
}

// In a pool that has ended, whichever way, every call returns at once.
func TestG04_EveryCallAfterTheEnd(t *testing.T) {
	for _, s := range closedStates {
		t.Run(s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil },
					sized(2, 1, workerpool.WithContext(ctx), workerpool.WithName("it"))...)
				s.enter(p, cancel)
				closed := func(err error) {
					t.Helper()
					assert.ErrorIs(t, err, workerpool.ErrClosed)
					assert.ErrorContains(t, err, `workerpool "it": `)
					if s.cause != nil {
						assert.ErrorIs(t, err, s.cause)
						assert.ErrorIs(t, err, context.Canceled)
						assert.ErrorContains(t, err, s.cause.Error())
					} else {
						assert.NotErrorIs(t, err, context.Canceled)
					}
				}
				for range 2 { // at once, and when all has settled
					closed(p.Submit(t.Context(), 1))
					closed(p.TrySubmit(1))
					_, err := p.Do(t.Context(), 1)
					closed(err)
					_, err = p.TryDo(t.Context(), 1)
					closed(err)
					closed(p.Resize(3))
					p.Close()
					assert.NoError(t, p.Wait(t.Context()))
					err = p.Shutdown(t.Context())
					if s.cause == nil {
						assert.NoError(t, err)
					} else {
						assert.ErrorIs(t, err, s.cause)
						var se *workerpool.ShutdownError
						require.ErrorAs(t, err, &se)
						assert.Zero(t, se.Running+se.NotRun+se.Unread)
					}
					synctest.Wait()
				}
				assert.EqualValues(t, 8, p.Stats().Rejected)
				assert.Nil(t, p.Stop())
				assert.Nil(t, p.Stop())
				_, open := <-p.Results()
				assert.False(t, open)
			})
		})
	}
}

func TestG04_TheZeroPoolIsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p workerpool.Pool[int, int]
		assert.ErrorIs(t, p.Submit(t.Context(), 1), workerpool.ErrClosed)
		assert.ErrorIs(t, p.TrySubmit(1), workerpool.ErrClosed)
		_, err := p.Do(t.Context(), 1)
		assert.ErrorIs(t, err, workerpool.ErrClosed)
		_, err = p.TryDo(t.Context(), 1)
		assert.ErrorIs(t, err, workerpool.ErrClosed)
		assert.ErrorIs(t, p.Resize(1), workerpool.ErrClosed)
		p.Close()
		assert.NoError(t, p.Wait(t.Context()))
		assert.NoError(t, p.Shutdown(t.Context()))
		assert.Nil(t, p.Stop())
		_, open := <-p.Results()
		assert.False(t, open)
		assert.Equal(t, workerpool.Stats{Closed: true, Rejected: 4}, p.Stats())
	})
}

func TestG04_ContextThatHasEnded(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(workers, buffer)...)
		defer p.Stop()
		synctest.Wait() // there is a place
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		_, doErr := p.Do(ctx, 1)
		_, tryErr := p.TryDo(ctx, 1)
		submitErr := p.Submit(ctx, 1)
		for _, err := range []error{submitErr, doErr, tryErr} {
			assert.ErrorIs(t, err, errCause)
			assert.ErrorIs(t, err, context.Canceled)
		}
		assert.NotErrorIs(t, submitErr, workerpool.ErrNotRun, "no error of Submit leaves that open")
		assert.ErrorIs(t, doErr, workerpool.ErrNotRun)
		assert.ErrorIs(t, tryErr, workerpool.ErrNotRun)
		assert.NoError(t, p.Wait(ctx), "there is nothing to wait for")
		s := p.Stats()
		assert.Zero(t, s.Accepted)
		assert.EqualValues(t, 3, s.Rejected)
	})
}

func TestG04_NilContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, workerpool.WithName("it"))
		defer p.Stop()
		var none context.Context
		_, doErr := p.Do(none, 1)
		_, tryErr := p.TryDo(none, 1)
		for op, err := range map[string]error{
			"Submit": p.Submit(none, 1), "Do": doErr, "TryDo": tryErr, "Wait": p.Wait(none), "Shutdown": p.Shutdown(none),
		} {
			assert.EqualError(t, err, `workerpool "it": `+op+`: context must not be nil`)
		}
		assert.NoError(t, p.TrySubmit(1), "it is still open")
	})
}

func TestG04_TryWhenFull(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, patient, sized(workers, buffer, workerpool.WithName("thumbs"))...)
		defer p.Stop()
		fill(t, p)
		_, err := p.TryDo(t.Context(), 1)
		assert.ErrorIs(t, err, workerpool.ErrFull)
		assert.ErrorIs(t, p.TrySubmit(1), workerpool.ErrFull)
	})
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, patient, sized(8, 100, workerpool.WithName("thumbs"))...)
		defer p.Stop()
		fill(t, p)
		assert.EqualError(t, p.TrySubmit(1), `workerpool "thumbs": TrySubmit: queue full (100 waiting, 8 running, 0 results unread)`)
	})
}

// Whatever waits for a place when the intake is closed stops waiting.
func TestG04_CloseEndsTheWaitOfSubmitters(t *testing.T) {
	for _, s := range closedStates[:1] {
		matrix(t, func(t *testing.T, workers, buffer int) {
			gate := make(chan struct{})
			p := newPoolOf(t, gated(new(gauge), gate), sized(workers, buffer)...)
			accepted := fill(t, p)
			errs := make(chan error, 2)
			go func() { errs <- p.Submit(t.Context(), -1) }()
			go func() { _, err := p.Do(t.Context(), -1); errs <- err }()
			synctest.Wait()
			s.enter(p, nil)
			assert.ErrorIs(t, <-errs, workerpool.ErrClosed)
			assert.ErrorIs(t, <-errs, workerpool.ErrClosed)
			close(gate)
			assert.Equal(t, upTo(accepted), jobsOf(readAll(p)))
		})
	}
}

func TestG04_SubmitRacingCloseAndStop(t *testing.T) {
	ends := map[string]func(p *workerpool.Pool[int, int]){
		"Close":    func(p *workerpool.Pool[int, int]) { p.Close() },
		"Shutdown": func(p *workerpool.Pool[int, int]) { _ = p.Shutdown(context.Background()) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			matrix(t, func(t *testing.T, workers, buffer int) {
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(workers, buffer)...)
				accepted := raceSubmitters(p)
				go end(p)
				delivered := jobsOf(readAll(p))
				assert.Equal(t, delivered, <-accepted)
			})
		})
	}
	t.Run("Stop", func(t *testing.T) {
		matrix(t, func(t *testing.T, workers, buffer int) {
			p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(workers, buffer)...)
			accepted := raceSubmitters(p)
			returned := make(chan []workerpool.Result[int, int])
			go func() { returned <- p.Stop() }()
			rs := readAll(p)
			assert.Equal(t, jobsOf(append(rs, <-returned...)), <-accepted)
		})
	})
}

// Every call from inside a job.
func TestG04_EveryCallFromInsideAJob(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n != 0 {
				return n, nil
			}
			assert.ErrorContains(t, p.Wait(ctx), "from a job of the pool")
			v, err := p.Do(ctx, 1)
			assert.NoError(t, err)
			assert.Equal(t, 1, v)
			v, err = p.TryDo(ctx, 2)
			assert.NoError(t, err)
			assert.Equal(t, 2, v)
			assert.NoError(t, p.Submit(ctx, 3))
			if err := p.TrySubmit(4); err != nil {
				assert.ErrorIs(t, err, workerpool.ErrFull)
				assert.NoError(t, p.Submit(ctx, 4))
			}
			assert.NoError(t, p.Resize(workers+1))
			assert.Equal(t, workers+1, p.Stats().Workers)
			assert.NoError(t, p.Resize(workers))
			assert.ErrorContains(t, p.Shutdown(ctx), "from a job of the pool")
			assert.ErrorIs(t, p.Submit(ctx, 5), workerpool.ErrClosed, "Shutdown has closed the intake")
			p.Close()
			return 0, nil
		}, sized(workers, buffer)...)
		assert.NoError(t, p.Submit(t.Context(), 0))
		assert.Equal(t, []int{0, 3, 4}, jobsOf(readAll(p)))
	})
}

func TestG04_WaitIsUntilIdle(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			return 0, nil
		}, sized(workers, buffer)...)
		defer p.Stop()
		go readAll(p)
		assert.NoError(t, p.Wait(t.Context()), "before the first job")
		for round := range 3 {
			start := time.Now()
			for n := range workers {
				assert.NoError(t, p.Submit(t.Context(), n))
			}
			short, cancel := context.WithTimeoutCause(t.Context(), time.Second/2, errCause)
			err := p.Wait(short)
			cancel()
			assert.ErrorIs(t, err, errCause)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.EqualError(t, err, fmt.Sprintf("workerpool: Wait: not idle (0 waiting, %d running, 0 results unread): the cause", workers))
			waiters := make(chan error)
			for range 2 {
				go func() { waiters <- p.Wait(t.Context()) }()
			}
			assert.NoError(t, <-waiters)
			assert.NoError(t, <-waiters)
			assert.Equal(t, time.Second, time.Since(start))
			assert.EqualValues(t, (round+1)*workers, p.Stats().Completed)
			assert.Zero(t, p.Stats().Busy)
		}
	})
}

func TestG04_Shutdown(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			time.Sleep(time.Second)
			return n, nil
		}, sized(workers, buffer)...)
		accepted := fill(t, p)
		rs := make(chan []workerpool.Result[int, int], 1)
		go func() { rs <- readAll(p) }()
		assert.NoError(t, p.Shutdown(t.Context()))
		for _, r := range <-rs {
			assert.NoError(t, r.Err)
		}
		assert.EqualValues(t, accepted, p.Stats().Completed)
		assert.NoError(t, p.Shutdown(t.Context()))
	})
}

// Without a reader Shutdown is done as soon as all results are on the channel.
func TestG04_ShutdownNeedsNoReaderForResultsThatFit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(2, 8)...)
		for n := range 8 {
			require.NoError(t, p.Submit(t.Context(), n))
		}
		assert.NoError(t, p.Shutdown(t.Context()))
		assert.Equal(t, 8, p.Stats().Unread)
		assert.Equal(t, upTo(8), jobsOf(readAll(p)))
	})
}

func TestG04_ShutdownWhoseDeadlinePasses(t *testing.T) {
	// A job that is deaf to its context, and a healthy reader.
	matrix(t, func(t *testing.T, workers, buffer int) {
		gate := make(chan struct{})
		p := newPoolOf(t, gated(new(gauge), gate), sized(workers, buffer, workerpool.WithName("it"))...)
		accepted := fill(t, p)
		rs := make(chan []workerpool.Result[int, int], 1)
		go func() { rs <- readAll(p) }()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errCause)
		defer cancel()
		start := time.Now()
		err := p.Shutdown(ctx)
		assert.Equal(t, time.Minute, time.Since(start), "at once")
		assert.ErrorIs(t, err, errCause)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var se *workerpool.ShutdownError
		require.ErrorAs(t, err, &se)
		assert.Equal(t, workers, se.Running)
		assert.Equal(t, buffer, se.NotRun)
		assert.Zero(t, se.Unread)
		assert.ErrorContains(t, err, `workerpool "it": Shutdown: the cause (`)
		assert.ErrorIs(t, p.TrySubmit(1), errCause)
		synctest.Wait()
		if workers == 1 && buffer == 64 {
			assert.EqualValues(t, buffer, p.Stats().NotRun, "those in the queue don't wait for the deaf one")
			assert.Zero(t, p.Stats().Unread)
		}
		close(gate)
		got := <-rs
		assert.Equal(t, upTo(accepted), jobsOf(got))
		notRun := 0
		for _, r := range got {
			if errors.Is(r.Err, workerpool.ErrNotRun) {
				assert.ErrorIs(t, r.Err, errCause)
				notRun++
			}
		}
		assert.Equal(t, buffer, notRun)
	})
}

func TestG04_ShutdownCountsWhatNobodyRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(2, 4)...)
		accepted := fill(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.Shutdown(ctx)
		assert.EqualError(t, err, "workerpool: Shutdown: context deadline exceeded (2 running, 4 not run, 4 results unread)")
		assert.Equal(t, upTo(accepted), jobsOf(p.Stop()))
	})
}

func TestG04_ShutdownOfAPoolThatIsCancelledMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, patient, sized(1, 4, workerpool.WithContext(ctx))...)
		fill(t, p)
		time.AfterFunc(time.Second, func() { cancel(errCause) })
		err := p.Shutdown(t.Context())
		assert.ErrorIs(t, err, errCause)
		var se *workerpool.ShutdownError
		require.ErrorAs(t, err, &se)
		assert.Equal(t, 4, se.NotRun)
		assert.InDelta(t, 5, se.Unread, 1, "one is on its way to Results just now")
		synctest.Wait()
		assert.Equal(t, 5, p.Stats().Unread)
		p.Stop()
	})
}
