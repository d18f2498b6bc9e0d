package plots

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
	"github.com/boundedgo/workerpool/internal/sim"
)

const (
	half   = 30 * time.Minute // of an hour
	warmUp = time.Minute
)

// tune steers a pool until it is stopped.
func tune(t *testing.T) func(*sim.Pool) (func(), error) {
	return func(p *sim.Pool) (func(), error) {
		tuner, err := autotune.Start(t.Context(), p, autotune.Config{Min: 1, Max: 1000})
		if err != nil {
			return nil, err
		}
		return tuner.Stop, nil
	}
}

func tuned(t *testing.T, sc *sim.Scenario, seed uint64) (samples []sim.Sample) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		samples, err = sc.Run(seed, half, 1, tune(t))
		require.NoError(t, err)
	})
	return samples
}

// fixed runs a scenario with pools of a size together. What never changes is seen soon.
func fixed(t *testing.T, sc *sim.Scenario, size int) (r sim.Report) {
	took := half
	if len(sc.Changes()) == 0 {
		took = 5 * time.Minute
	}
	synctest.Test(t, func(t *testing.T) {
		samples, err := sc.Run(0, took, max(1, size/sc.Pools), func(*sim.Pool) (func(), error) { return func() {}, nil })
		require.NoError(t, err)
		r = sim.ReportOf(samples, warmUp, sc)
	})
	return r
}

// way is how a storm is weathered.
type way struct {
	name    string
	storm   func(*sim.Storm)
	limiter func(burst float64) workerpool.Limiter
	tuner   bool
	long    bool // half an hour, of which the last twenty minutes count
}

var ways = []way{
	{name: "naive", storm: func(s *sim.Storm) { s.RetryAfter = 0 }},
	{name: "gate only"},
	{name: "told", limiter: func(burst float64) workerpool.Limiter { return sim.NewTold(stormRate, burst) }},
	{name: "learning", limiter: func(float64) workerpool.Limiter { return autotune.NewLimiter() }},
	{name: "learning, 30 min", limiter: func(float64) workerpool.Limiter { return autotune.NewLimiter() }, long: true},
	{name: "tuner and gate", tuner: true},
}

const (
	stormJobs = 10_000
	stormRate = 100
)

func (w way) weather(t *testing.T, burst float64, seed uint64, jitter time.Duration) (used float64, result *sim.Weathered) {
	s := sim.Storm{
		Jobs: stormJobs, Workers: 64, Quota: sim.Always(stormRate), Burst: burst, Seed: seed,
		RetryAfter: time.Second, Jitter: jitter,
	}
	if w.long {
		s.Jobs = stormRate * 1800
	}
	if w.storm != nil {
		w.storm(&s)
	}
	synctest.Test(t, func(t *testing.T) {
		opts := []workerpool.Option{workerpool.WithTiming()}
		if w.limiter != nil {
			opts = append(opts, workerpool.WithLimiter(w.limiter(burst)))
		}
		if w.tuner {
			s.Started = tune(t)
		}
		var err error
		result, err = s.Run(t.Context(), opts...)
		require.NoError(t, err)
	})
	if w.long {
		return late(result), result
	}
	return s.Used(result), result
}

// late returns the share of the quota that was used in the last twenty of thirty minutes.
func late(w *sim.Weathered) float64 {
	var done uint64
	n := 0
	for _, s := range w.Samples {
		if s.At > 10*time.Minute && s.At <= half && s.At < w.Took-time.Second {
			done += s.Done
			n++
		}
	}
	return float64(done) / float64(n*stormRate)
}
