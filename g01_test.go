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

	"github.com/boundedgo/workerpool"
)

// outcomes are the ways in which a job can end; the n-th is that of job n.
var outcomes = []struct {
	name  string
	run   workerpool.Func[int, string]
	check func(t *testing.T, value string, err error)
}{
	{"returns", func(context.Context, int) (string, error) { return "value", nil }, func(t *testing.T, value string, err error) {
		assert.NoError(t, err)
		assert.Equal(t, "value", value)
	}},
	{"fails", func(context.Context, int) (string, error) { return "beside", errOwn }, func(t *testing.T, value string, err error) {
		assert.Equal(t, errOwn, err)
		assert.Equal(t, "beside", value)
	}},
	{"panics with an error", func(context.Context, int) (string, error) { panic(errOwn) }, func(t *testing.T, _ string, err error) {
		assert.ErrorIs(t, err, errOwn)
		assert.Equal(t, errOwn, asPanic(t, err).Value)
	}},
	{"panics with a string", func(context.Context, int) (string, error) { panic("boom") }, func(t *testing.T, _ string, err error) {
		assert.Equal(t, "boom", asPanic(t, err).Value)
		assert.EqualError(t, err, "workerpool: job panicked: boom")
	}},
	{"panics with nil", func(context.Context, int) (string, error) { panic(nil) }, func(t *testing.T, _ string, err error) {
		assert.IsType(t, new(runtime.PanicNilError), asPanic(t, err).Value)
	}},
	{"panics in the runtime", func(_ context.Context, n int) (string, error) { return fmt.Sprint([]int{}[n]), nil }, func(t *testing.T, _ string, err error) {
		var re runtime.Error
		assert.ErrorAs(t, err, &re)
	}},
	{"calls Goexit", func(context.Context, int) (string, error) { runtime.Goexit(); return "", nil }, func(t *testing.T, _ string, err error) {
		assert.ErrorIs(t, err, workerpool.ErrGoexit)
	}},
	{"calls Goexit in a deferred call of a panic", func(context.Context, int) (string, error) {
		defer runtime.Goexit()
		panic("lost")
	}, func(t *testing.T, _ string, err error) {
		assert.ErrorIs(t, err, workerpool.ErrGoexit)
	}},
	{"recovers its own panic", func(context.Context, int) (_ string, err error) {
		defer func() { err = fmt.Errorf("recovered: %v", recover()) }()
		panic("own")
	}, func(t *testing.T, _ string, err error) {
		assert.EqualError(t, err, "recovered: own")
	}},
	{"times out", func(ctx context.Context, _ int) (string, error) { <-ctx.Done(); return "", ctx.Err() }, func(t *testing.T, _ string, err error) {
		assert.ErrorIs(t, err, workerpool.ErrJobTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	}},
}

func asPanic(t *testing.T, err error) *workerpool.PanicError {
	t.Helper()
	var pe *workerpool.PanicError
	require.ErrorAs(t, err, &pe)
	return pe
}

func outcomePool(t *testing.T, workers, buffer int) *workerpool.Pool[int, string] {
	return newPoolOf(t, func(ctx context.Context, n int) (string, error) {
		return outcomes[n%len(outcomes)].run(ctx, n)
	}, sized(workers, buffer, workerpool.WithJobTimeout(time.Second))...)
}

func TestG01_EveryOutcomeIsOneResult(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := outcomePool(t, workers, buffer)
		jobs := upTo(4 * len(outcomes))
		submitAll(t, p, jobs)
		rs := readAll(p)
		assert.Equal(t, jobs, jobsOf(rs))
		for _, r := range rs {
			outcomes[r.Job%len(outcomes)].check(t, r.Value, r.Err)
			assert.Equal(t, 1, r.Attempts)
		}
		s := p.Stats()
		assert.EqualValues(t, len(jobs), s.Accepted)
		assert.EqualValues(t, len(jobs), s.Completed)
		assert.EqualValues(t, 4*9, s.Failed)
		assert.EqualValues(t, 4*4, s.Panicked)
		assert.Zero(t, s.NotRun)
	})
}

func TestG01_EveryOutcomeOfDo(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := outcomePool(t, workers, buffer)
		defer p.Stop()
		for n, o := range outcomes {
			value, err := p.Do(t.Context(), n)
			o.check(t, value, err)
		}
	})
}

// With GODEBUG=panicnil=1 recover returns nil for panic(nil), as it does when there
// is no panic but a Goexit.
func TestG01_PanicNilOfOldIsNoGoexit(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { panic(nil) })
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		assert.Nil(t, asPanic(t, err).Value)
		assert.NoError(t, asPanic(t, err).Unwrap())
	})
}

func TestG01_CancelledJobsHaveOneResultToo(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, patient, sized(workers, buffer, workerpool.WithContext(ctx))...)
		accepted := fill(t, p)
		assert.Equal(t, workers+buffer, accepted)
		cancel(errCause)
		rs := readAll(p)
		assert.Equal(t, upTo(accepted), jobsOf(rs))
		ran := 0
		for _, r := range rs {
			assert.ErrorIs(t, r.Err, errCause)
			if r.Attempts > 0 {
				ran++
				assert.Equal(t, errCause, r.Err, "what Func returned")
			} else {
				assert.ErrorIs(t, r.Err, workerpool.ErrNotRun)
				assert.ErrorIs(t, r.Err, context.Canceled)
			}
		}
		assert.Equal(t, workers, ran)
	})
}

// fill submits the jobs 0, 1, … until the pool takes no more, and returns how many
// it took.
func fill[R any](t *testing.T, p *workerpool.Pool[int, R]) int {
	t.Helper()
	for n := 0; ; n++ {
		synctest.Wait() // so that workers have taken what they can
		err := p.TrySubmit(n)
		if errors.Is(err, workerpool.ErrFull) {
			return n
		}
		require.NoError(t, err)
	}
}

func TestG01_ReadAndStoppedIsAccepted(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		for read := range 12 {
			p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
				if n%3 == 0 {
					return patient(ctx, n)
				}
				return n, nil
			}, sized(workers, buffer)...)
			accepted := fill(t, p)
			var rs []workerpool.Result[int, int]
			for range min(read, accepted) {
				select {
				case r := <-p.Results():
					rs = append(rs, r)
				default: // no more until somebody cancels
				}
			}
			rs = append(rs, p.Stop()...)
			assert.Equal(t, upTo(accepted), jobsOf(rs))
			assert.Nil(t, p.Stop())
		}
	})
}

// The jobs of a cancelled pool end, are taken, are refused and are read all at the
// same moment.
func TestG01_CancelAtTheMomentAJobEnds(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCause)
		defer cancel()
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			return 0, nil
		}, sized(workers, buffer, workerpool.WithContext(ctx))...)
		accepted := fill(t, p)
		rs := readAll(p)
		assert.Equal(t, upTo(accepted), jobsOf(rs))
		notRun := 0
		for _, r := range rs {
			if errors.Is(r.Err, workerpool.ErrNotRun) {
				notRun++
			} else {
				assert.NoError(t, r.Err)
			}
		}
		// A job that ended just before the end may have made way for another.
		assert.LessOrEqual(t, notRun, buffer)
		assert.GreaterOrEqual(t, notRun, max(0, buffer-workers))
		assert.EqualValues(t, notRun, p.Stats().NotRun)
	})
}

func TestG01_TwoInStop(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, patient, sized(workers, buffer)...)
		accepted := fill(t, p)
		parts := make(chan []workerpool.Result[int, int], 2)
		for range 2 {
			go func() { parts <- p.Stop() }()
		}
		assert.Equal(t, upTo(accepted), jobsOf(append(<-parts, <-parts...)))
	})
}
