package autotune_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
)

// newPool returns a pool whose jobs take as long as they say.
func newPool(t *testing.T, workers int, opts ...workerpool.Option) *workerpool.Pool[time.Duration, int] {
	t.Helper()
	p, err := workerpool.New(func(_ context.Context, d time.Duration) (int, error) {
		time.Sleep(d)
		return 0, nil
	}, append([]workerpool.Option{workerpool.WithWorkers(workers), workerpool.WithTiming()}, opts...)...)
	require.NoError(t, err)
	return p
}

func start(t *testing.T, p autotune.Pool, cfg autotune.Config) *autotune.Tuner {
	t.Helper()
	tuner, err := autotune.Start(t.Context(), p, cfg)
	require.NoError(t, err)
	return tuner
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 1)
		defer p.Stop()
		for want, cfg := range map[string]autotune.Config{
			"autotune: Config.Min: 0: must be at least 1":                                                      {Max: 1},
			"autotune: Config.Max: 2: must be at least Min, 3":                                                 {Min: 3, Max: 2},
			"autotune: Config.Max: 1048577: must be at most 1048576":                                           {Min: 1, Max: 1<<20 + 1},
			"autotune: Config.Interval: 1s: must be from 10ms to 250ms":                                        {Min: 1, Max: 1, Interval: time.Second},
			"autotune: Config.Interval: 1ns: must be from 10ms to 250ms":                                       {Min: 1, Max: 1, Interval: 1},
			"autotune: Config.Min: -1: must be at least 1\nautotune: Config.Max: -2: must be at least Min, -1": {Min: -1, Max: -2},
		} {
			tuner, err := autotune.Start(t.Context(), p, cfg)
			assert.EqualError(t, err, want)
			assert.Nil(t, tuner)
		}
		tuner, err := autotune.Start(nil, nil, autotune.Config{Min: 1, Max: 1}) //nolint:staticcheck // what is tested
		assert.EqualError(t, err, "autotune: Start: the context must not be nil\nautotune: Start: the pool must not be nil")
		assert.Nil(t, tuner)
		tuner, err = autotune.Start(t.Context(), (*workerpool.Pool[int, int])(nil), autotune.Config{Min: 1, Max: 1})
		assert.EqualError(t, err, "autotune: Start: the pool must not be nil")
		assert.Nil(t, tuner)

		untimed, err := workerpool.New(func(context.Context, int) (int, error) { return 0, nil })
		require.NoError(t, err)
		defer untimed.Stop()
		_, err = autotune.Start(t.Context(), untimed, autotune.Config{Min: 1, Max: 1})
		assert.ErrorContains(t, err, "WithTiming")
	})
}

// A tuner ends by each of its ends, of itself, and leaves nothing: the bubble would see that.
func TestEnds(t *testing.T) {
	cfg := autotune.Config{Min: 1, Max: 8}
	for name, end := range map[string]func(p *workerpool.Pool[time.Duration, int], tuner *autotune.Tuner, cancel func()){
		"Stop": func(_ *workerpool.Pool[time.Duration, int], tuner *autotune.Tuner, _ func()) {
			var stops sync.WaitGroup
			for range 3 {
				stops.Go(tuner.Stop)
			}
			stops.Wait()
			tuner.Stop()
		},
		"context":      func(_ *workerpool.Pool[time.Duration, int], _ *autotune.Tuner, cancel func()) { cancel() },
		"pool closed":  func(p *workerpool.Pool[time.Duration, int], _ *autotune.Tuner, _ func()) { p.Close() },
		"pool stopped": func(p *workerpool.Pool[time.Duration, int], _ *autotune.Tuner, _ func()) { p.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPool(t, 4)
				defer p.Stop()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				tuner, err := autotune.Start(ctx, p, cfg)
				require.NoError(t, err)
				synctest.Wait()
				assert.False(t, tuner.State().Ended)
				end(p, tuner, cancel)
				time.Sleep(time.Second)
				assert.True(t, tuner.State().Ended)
				assert.Equal(t, 4, p.Stats().Workers, "the size stays")
				tuner.Stop()
			})
		})
	}
}

func TestStartOnAClosedPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 4)
		p.Stop()
		for _, most := range []int{2, 8} {
			tuner, err := autotune.Start(t.Context(), p, autotune.Config{Min: 1, Max: most})
			assert.Nil(t, tuner)
			require.ErrorIs(t, err, workerpool.ErrClosed)
			assert.ErrorContains(t, err, "autotune: Start: workerpool: Resize")
		}
	})
}

// When Start has returned the size is within the bounds, and State says so.
func TestStartMovesTheSizeAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 4)
		defer p.Stop()
		for _, step := range []struct{ least, most, want int }{{1, 8, 4}, {6, 8, 6}, {1, 3, 3}} {
			tuner := start(t, p, autotune.Config{Min: step.least, Max: step.most})
			assert.Equal(t, step.want, p.Stats().Workers)
			assert.Equal(t, step.want, tuner.State().Size)
			tuner.Stop()
		}
	})
}

// What is done to the pool after Start, and before the tuner has had a look, is not undone.
func TestResizeRightAfterStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 4)
		defer p.Stop()
		for _, step := range []struct{ least, set, want int }{{1, 20, 20}, {30, 40, 40}, {41, 50, 50}, {45, 2, 45}} {
			tuner := start(t, p, autotune.Config{Min: step.least, Max: 60})
			require.NoError(t, p.Resize(step.set))
			time.Sleep(500 * time.Millisecond)
			assert.Equal(t, step.want, p.Stats().Workers)
			assert.Equal(t, step.want, tuner.State().Size)
			tuner.Stop()
		}
	})
}

// A context that has ended is the end before anything is done.
func TestStartWithAnEndedContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 4)
		defer p.Stop()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		tuner, err := autotune.Start(ctx, p, autotune.Config{Min: 10, Max: 50})
		require.NoError(t, err)
		assert.True(t, tuner.State().Ended)
		assert.Equal(t, 4, tuner.State().Size)
		tuner.Stop()
		assert.Equal(t, 4, p.Stats().Workers)
	})
}

// The size is moved into the bounds at once, and one that somebody else has set is where the
// tuner goes on from.
func TestBounds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 1)
		defer p.Stop()
		began := time.Now()
		tuner := start(t, p, autotune.Config{Min: 3, Max: 8})
		defer tuner.Stop()
		synctest.Wait()
		assert.Equal(t, 3, p.Stats().Workers)
		assert.Equal(t, autotune.State{Size: 3, From: 1, Moved: began, Reason: autotune.Began}, tuner.State())

		for _, step := range []struct{ set, want int }{{6, 6}, {20, 8}, {1, 3}} {
			require.NoError(t, p.Resize(step.set))
			time.Sleep(time.Second)
			assert.Equal(t, autotune.SetByOther, tuner.State().Reason)
			assert.Equal(t, step.want, tuner.State().Size)
			assert.Equal(t, step.set, tuner.State().From)
			assert.Contains(t, tuner.State().String(), fmt.Sprintf(" %d ", step.set))
			assert.Equal(t, step.want, p.Stats().Workers)
		}
	})
}

// With work enough, and jobs that do not mind each other, it grows up to Max.
func TestGrowsToTheMost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 1, workerpool.WithoutResults())
		defer p.Stop()
		tuner := start(t, p, autotune.Config{Min: 1, Max: 37, Interval: 50 * time.Millisecond})
		defer tuner.Stop()
		for began := time.Now(); time.Since(began) < 30*time.Second; {
			require.NoError(t, p.Submit(t.Context(), 100*time.Millisecond))
			require.LessOrEqual(t, p.Stats().Workers, 37)
		}
		s := tuner.State()
		assert.Greater(t, s.Size, 30)
		assert.InDelta(t, 0, s.Elasticity, 0.1)
		assert.Zero(t, s.Ceiling)
	})
}

// A bulk call whose jobs every worker has is one that more workers are for.
func TestGrowsForABulkCall(t *testing.T) {
	jobs := make([]time.Duration, 5000)
	for i := range jobs {
		jobs[i] = 100 * time.Millisecond
	}
	for name, call := range map[string]func(ctx context.Context, p *workerpool.Pool[time.Duration, int]) error{
		"Map": func(ctx context.Context, p *workerpool.Pool[time.Duration, int]) error {
			_, err := p.Map(ctx, jobs)
			return err
		},
		"Collect": func(ctx context.Context, p *workerpool.Pool[time.Duration, int]) error {
			_, err := p.Collect(ctx, jobs)
			return err
		},
		"Stream": func(ctx context.Context, p *workerpool.Pool[time.Duration, int]) error {
			results, errf := p.Stream(ctx, slices.Values(jobs))
			for r := range results {
				if r.Err != nil {
					return r.Err
				}
			}
			return errf()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPool(t, 2)
				defer p.Stop()
				tuner := start(t, p, autotune.Config{Min: 1, Max: 37})
				defer tuner.Stop()
				require.NoError(t, call(t.Context(), p))
				assert.Greater(t, tuner.State().Size, 30)
				assert.Zero(t, p.Stats().Short)
			})
		})
	}
}

// However many short jobs there have been, jobs that take long are no outage.
func TestLongJobsAfterManyShortOnes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 2, workerpool.WithoutResults())
		defer p.Stop()
		tuner := start(t, p, autotune.Config{Min: 1, Max: 50})
		defer tuner.Stop()
		for range 20_000 { // one at a time, so that the size stays
			_, err := p.Do(t.Context(), 10*time.Millisecond)
			require.NoError(t, err)
		}
		require.Equal(t, 2, tuner.State().Size)
		for began := time.Now(); time.Since(began) < 2*time.Minute; {
			require.NoError(t, p.Submit(t.Context(), 3*time.Second))
		}
		assert.Greater(t, tuner.State().Size, 10)
	})
}

// The sum of all times ends at some 292 years, and the search goes on.
func TestAfterALongTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 4, workerpool.WithoutResults())
		defer p.Stop()
		for range 4 {
			require.NoError(t, p.Submit(t.Context(), 90*365*24*time.Hour))
		}
		require.NoError(t, p.Wait(t.Context()))
		require.Equal(t, time.Duration(math.MaxInt64), p.Stats().Timing.Run.Sum())
		tuner := start(t, p, autotune.Config{Min: 1, Max: 37})
		defer tuner.Stop()
		for began := time.Now(); time.Since(began) < 30*time.Second; {
			require.NoError(t, p.Submit(t.Context(), 100*time.Millisecond))
		}
		assert.Greater(t, tuner.State().Size, 30)
		assert.InDelta(t, 0, tuner.State().Elasticity, 0.1)
	})
}

// Nobody reads the results, so more workers would only wait with theirs.
func TestDoesNotGrowForAReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, 4, workerpool.WithBuffer(4))
		tuner := start(t, p, autotune.Config{Min: 1, Max: 100})
		defer tuner.Stop()
		go func() {
			for p.Submit(t.Context(), 10*time.Millisecond) == nil {
			}
		}()
		for range 100 { // ten a second, of four hundred
			time.Sleep(100 * time.Millisecond)
			<-p.Results()
		}
		assert.Equal(t, 4, tuner.State().Size)
		p.Stop()
	})
}

func TestStateAsJSON(t *testing.T) {
	text, err := json.Marshal(autotune.State{Size: 2, From: 1, Reason: autotune.Grows})
	require.NoError(t, err)
	assert.Contains(t, string(text), `"reason":"more workers did not make jobs slower"`)
}
