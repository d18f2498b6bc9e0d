package workerpool_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// observes is a limiter that does nothing but observe.
type observes func(error)

func (observes) Wait(ctx context.Context) error { return ctx.Err() }
func (o observes) Observe(err error)            { o(err) }

// What is asked about an attempt and does not return is named in the outcome of the job, which
// has its own error too.
func TestWhatIsAskedAboutAnAttemptIsNamed(t *testing.T) {
	boom := func() { panic("boom") }
	for name, tt := range map[string]struct {
		fails  bool // the job
		policy func()
		limit  func()
		want   string
		is     error
	}{
		"policy panics":           {true, boom, nil, "workerpool: retry policy panicked: boom, after: the job's own error", nil},
		"policy exits":            {true, runtime.Goexit, nil, "workerpool: retry policy called runtime.Goexit, after: the job's own error", workerpool.ErrGoexit},
		"Observe panics":          {true, nil, boom, "workerpool: Observe of the limiter panicked: boom, after: the job's own error", nil},
		"Observe exits":           {true, nil, runtime.Goexit, "workerpool: Observe of the limiter called runtime.Goexit, after: the job's own error", workerpool.ErrGoexit},
		"Observe panics, of none": {false, nil, boom, "workerpool: Observe of the limiter panicked: boom", nil},
	} {
		for way, run := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					opts := []workerpool.Option{}
					if tt.policy != nil {
						opts = append(opts, workerpool.WithRetry(func(int, error) (time.Duration, bool) { tt.policy(); return 0, true }))
					}
					if tt.limit != nil {
						opts = append(opts, workerpool.WithLimiter(observes(func(error) { tt.limit() })))
					}
					p := newPoolOf(t, func(context.Context, int) (int, error) {
						if tt.fails {
							return 0, errOwn
						}
						return 1, nil
					}, sized(2, 8, opts...)...)
					defer p.Stop()
					rs := run(t, p, []int{7, 8})
					require.Len(t, rs, 2)
					for _, r := range rs {
						assert.EqualError(t, r.Err, tt.want)
						if tt.fails {
							assert.ErrorIs(t, r.Err, errOwn)
						}
						var caught *workerpool.PanicError
						if tt.is != nil {
							assert.ErrorIs(t, r.Err, tt.is)
						} else if assert.ErrorAs(t, r.Err, &caught) {
							assert.Equal(t, "boom", caught.Value)
						}
						assert.Equal(t, 1, r.Attempts)
					}
					require.NoError(t, p.Wait(t.Context()))
					s := p.Stats()
					assert.EqualValues(t, 2, s.Failed)
					assert.Equal(t, 2, s.Workers)
					if tt.is == nil {
						assert.EqualValues(t, 2, s.Panicked)
					}
				})
			})
		}
	}
}

// The second attempt's error is in the RetryError, with that of the policy; and the next panic is
// the job's own again.
func TestWhatIsAskedIsNamedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			if n == 0 {
				panic("of the job")
			}
			return 0, errOwn
		}, sized(1, 8, workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) {
			if attempt == 2 {
				panic("boom")
			}
			return 0, true
		}))...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		assert.EqualError(t, err, "after 2 attempts: workerpool: retry policy panicked: boom, after: the job's own error")
		assert.ErrorIs(t, err, errOwn)
		_, err = p.Do(t.Context(), 0)
		assert.EqualError(t, err, "workerpool: job panicked: of the job")
	})
}

// One that nobody receives is logged, as that of a job is.
func TestALostPanicOfAPolicyIsLogged(t *testing.T) {
	log := captureLog(t)
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return 0, errOwn },
			sized(1, 8, workerpool.WithoutResults(), workerpool.WithRetry(func(int, error) (time.Duration, bool) { panic("boom") }))...)
		defer p.Stop()
		require.NoError(t, p.Submit(t.Context(), 1))
		require.NoError(t, p.Wait(t.Context()))
		synctest.Wait()
	})
	assert.Contains(t, log(), "workerpool: a job's retry policy panicked, and nobody is there to receive that")
	assert.Contains(t, log(), "boom")
}
