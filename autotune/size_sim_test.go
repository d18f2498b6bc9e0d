package autotune_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/autotune"
	"github.com/boundedgo/workerpool/internal/sim"
)

const (
	half   = 30 * time.Minute // of an hour
	warmUp = time.Minute
)

// tuned runs a scenario with a tuner on each of its pools.
func tuned(t *testing.T, sc *sim.Scenario, seed uint64, d time.Duration) (samples []sim.Sample) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		var err error
		samples, err = sc.Run(seed, d, 1, func(p *sim.Pool) (func(), error) {
			tuner, err := autotune.Start(t.Context(), p, autotune.Config{Min: 1, Max: 1000})
			if err != nil {
				return nil, err
			}
			return tuner.Stop, nil
		})
		require.NoError(t, err)
	})
	return samples
}

// TestSize holds the tuner to what it is for, in half an hour of each scenario: it has most of
// what the service can answer, which no fixed size has more of, with a size that is hardly ever
// above twice the knee, and is back soon after a change.
func TestSize(t *testing.T) {
	for _, sc := range sim.Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			simulation(t)
			took := half
			if brief() {
				took = 3 * time.Minute
				if len(sc.Changes()) > 0 {
					took = 12 * time.Minute // after some of them
				}
			}
			for seed := range seeds() {
				most := sc.Most(warmUp, took)
				r := sim.ReportOf(tuned(t, &sc, uint64(seed), took), warmUp, &sc)
				share := r.Goodput / most
				t.Logf("seed %d: %.1f%% of %.1f a second, %v above twice the knee, back after %v, mean size %.1f, %.2f%% turned away",
					seed, 100*share, most, r.Above, r.Back, r.MeanSize, 100*r.Rejected)
				assert.GreaterOrEqual(t, share, sc.Goodput, "goodput, as a share")
				assert.LessOrEqual(t, r.Above, sc.Above, "the longest time above twice the knee")
				assert.LessOrEqual(t, r.Back, sc.Back, "the longest time until it is back")
				if sc.Size > 0 {
					assert.InDelta(t, sc.Knee.Mean(warmUp, took), r.MeanSize, sc.Size, "the mean size")
				}
			}
		})
	}
}

// What the bars are worth: sizes that are guessed miss some, even where their goodput is all
// there is to have.
func TestGuessesMissTheBars(t *testing.T) {
	for name, guess := range map[string]struct {
		size    int
		goodput bool // is all right
	}{
		"knee with queueing":     {100, true},
		"collapse past the knee": {100, false},
		"knee at 200":            {50, false},
	} {
		t.Run(fmt.Sprint(name, " with ", guess.size), func(t *testing.T) {
			simulation(t)
			sc := sim.ScenarioNamed(name)
			bubble(t, func(t *testing.T) {
				samples, err := sc.Run(1, 2*time.Minute, guess.size, func(*sim.Pool) (func(), error) { return func() {}, nil })
				require.NoError(t, err)
				r := sim.ReportOf(samples, warmUp, sc)
				assert.Equal(t, guess.goodput, r.Goodput >= sc.Goodput*sc.Most(warmUp, 2*time.Minute))
				assert.Equal(t, float64(guess.size) > 2*sc.Knee.At(0), r.Above > sc.Above)
			})
		})
	}
}

// A size that was set before there was work for it is not kept for when there is.
func TestASizeWithoutEvidence(t *testing.T) {
	simulation(t)
	bubble(t, func(t *testing.T) {
		p := newPool(t, 500)
		defer p.Stop()
		tuner := start(t, p, autotune.Config{Min: 2, Max: 1000})
		defer tuner.Stop()
		for range 100 { // one at a time
			_, err := p.Do(t.Context(), 100*time.Millisecond)
			require.NoError(t, err)
		}
		s := tuner.State()
		assert.Equal(t, autotune.Unused, s.Reason)
		assert.Equal(t, 2, s.Size)
		assert.Equal(t, 2, p.Stats().Workers)
	})
}

// A pool that does nothing keeps the size that it was given for what is to come.
func TestAnIdlePoolKeepsItsSize(t *testing.T) {
	simulation(t)
	bubble(t, func(t *testing.T) {
		p := newPool(t, 50)
		defer p.Stop()
		tuner := start(t, p, autotune.Config{Min: 1, Max: 500})
		defer tuner.Stop()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, autotune.Began, tuner.State().Reason)
		assert.Equal(t, 50, p.Stats().Workers)
		require.NoError(t, p.Resize(60))
		time.Sleep(10 * time.Minute)
		assert.Equal(t, autotune.SetByOther, tuner.State().Reason)
		assert.Equal(t, 60, p.Stats().Workers)
	})
}

// A load that comes and goes finds the size that the last one had.
func TestTheSizeIsKeptWhileNothingHappens(t *testing.T) {
	simulation(t)
	bubble(t, func(t *testing.T) {
		sc := sim.ScenarioNamed("knee with queueing")
		service := sc.Service()
		p, err := sc.NewPool(service)
		require.NoError(t, err)
		defer p.Stop()
		tuner := start(t, p, autotune.Config{Min: 1, Max: 1000})
		defer tuner.Stop()
		work := func() {
			for began := time.Now(); time.Since(began) < time.Minute; {
				require.NoError(t, p.Submit(t.Context(), 0))
			}
		}
		work()
		size := tuner.State().Size
		assert.InDelta(t, 20, size, 5)
		time.Sleep(10 * time.Minute)
		assert.InDelta(t, size, tuner.State().Size, math.Ceil(0.3*20), "at most a probe was taken back")
		before := service.Tally().Done
		work()
		assert.Greater(t, service.Tally().Done-before, uint64(0.9*60*100))
	})
}

// A bound on calls at once is found, and stays in sight: no size is tried above it for a while.
func TestTheCeiling(t *testing.T) {
	simulation(t)
	bubble(t, func(t *testing.T) {
		ceilings := map[int]int{}
		reasons := map[autotune.Reason]int{}
		runFor(t, "20 at once, 429 with Retry-After", autotune.Config{Min: 1, Max: 1000}, func(s autotune.State) {
			ceilings[s.Ceiling]++
			reasons[s.Reason]++
		})
		assert.Greater(t, ceilings[20], 60, "of 120 seconds, after some that it has taken to find it")
		assert.Positive(t, reasons[autotune.Throttled])
	})
}

// Whoever sees to throttled attempts in another way says so: then they do not move the size.
func TestIgnoreThrottled(t *testing.T) {
	simulation(t)
	bubble(t, func(t *testing.T) {
		most := 0
		runFor(t, "20 at once, 429 without a hint", autotune.Config{Min: 1, Max: 100, IgnoreThrottled: true}, func(s autotune.State) {
			assert.NotEqual(t, autotune.Throttled, s.Reason)
			assert.Zero(t, s.Ceiling)
			most = max(most, s.Size)
		})
		assert.Greater(t, most, 40)
	})
}

// runFor runs a scenario for two minutes, and calls see with the state in each second.
func runFor(t *testing.T, scenario string, cfg autotune.Config, see func(autotune.State)) {
	t.Helper()
	sc := sim.ScenarioNamed(scenario)
	_, err := sc.Run(0, 2*time.Minute, 1, func(p *sim.Pool) (func(), error) {
		tuner := start(t, p, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		var watch sync.WaitGroup
		watch.Go(func() {
			for ctx.Err() == nil {
				time.Sleep(time.Second)
				see(tuner.State())
			}
		})
		return func() {
			cancel()
			watch.Wait()
			tuner.Stop()
		}, nil
	})
	require.NoError(t, err)
}
