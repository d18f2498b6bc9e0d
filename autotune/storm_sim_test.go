package autotune_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
	"github.com/boundedgo/workerpool/internal/sim"
)

// weather runs a storm in a bubble. The limiter is made there.
func weather(t *testing.T, s sim.Storm, limiter func() workerpool.Limiter) (used, rejected float64, w *sim.Weathered) {
	t.Helper()
	bubble(t, func(t *testing.T) {
		var opts []workerpool.Option
		if limiter != nil {
			opts = append(opts, workerpool.WithLimiter(limiter()))
		}
		var err error
		w, err = s.Run(t.Context(), opts...)
		require.NoError(t, err)
	})
	used, rejected = s.Used(w), w.Rejected()
	t.Logf("seed %d: %.1f%% of the quota used, %.2f%% rejected, in %v", s.Seed, 100*used, 100*rejected, w.Took)
	return used, rejected, w
}

func stormOf(burst float64, seed int) sim.Storm {
	return sim.Storm{
		Jobs: 10_000, Workers: 64, Quota: sim.Always(100), Burst: burst,
		Seed: uint64(seed), RetryAfter: time.Second,
	}
}

func learning() workerpool.Limiter { return autotune.NewLimiter() }

// TestStorm holds limiters to what they are for: 10,000 jobs at once, and an API that lets a
// hundred calls a second in.
func TestStorm(t *testing.T) {
	for burst, least := range map[float64]float64{100: 0.92, 10: 0.75, 1: 0.75} {
		t.Run(fmt.Sprintf("bucket of %v", burst), func(t *testing.T) {
			for seed := range seeds() {
				s := stormOf(burst, seed)
				t.Run("told", func(t *testing.T) {
					simulation(t)
					used, rejected, _ := weather(t, s, func() workerpool.Limiter { return sim.NewTold(100, burst) })
					assert.GreaterOrEqual(t, used, 0.95)
					assert.LessOrEqual(t, rejected, 0.001)
				})
				t.Run("learning", func(t *testing.T) {
					simulation(t)
					used, rejected, _ := weather(t, s, learning)
					assert.GreaterOrEqual(t, used, least)
					assert.Less(t, rejected, 0.02)
				})
				if brief() && burst != 10 {
					continue
				}
				t.Run("gate only", func(t *testing.T) { // to compare with
					simulation(t)
					_, rejected, _ := weather(t, s, nil)
					assert.Greater(t, rejected, 0.02)
				})
				t.Run("naive", func(t *testing.T) {
					simulation(t)
					s := s
					s.RetryAfter = 0
					_, rejected, _ := weather(t, s, nil)
					assert.Greater(t, rejected, 0.2)
				})
			}
		})
	}
}

// In the long run nearly all of the quota is used.
func TestLearnedRateInTheLongRun(t *testing.T) {
	for _, burst := range []float64{100, 10, 1} {
		t.Run(fmt.Sprintf("bucket of %v", burst), func(t *testing.T) {
			simulation(t)
			if brief() && burst != 10 {
				t.Skip("takes long: see -autotune.seeds")
			}
			for seed := range seeds() {
				s := stormOf(burst, seed)
				s.Jobs = 170_000
				_, rejected, w := weather(t, s, learning)
				var done uint64
				seconds := 0
				for _, sample := range w.Samples {
					if sample.At > 10*time.Minute && sample.At <= half && sample.At < w.Took-time.Second {
						done += sample.Done
						seconds++
					}
				}
				used := float64(done) / float64(100*seconds)
				t.Logf("%.1f%% used after ten minutes", 100*used)
				assert.GreaterOrEqual(t, used, 0.93)
				assert.Less(t, rejected, 0.002)
			}
		})
	}
}

// A quota that becomes less, and then more, is found again.
func TestQuotaChanges(t *testing.T) {
	simulation(t)
	for _, burst := range []float64{50, 1} {
		s := stormOf(burst, 0)
		s.Jobs = 60_000
		s.Quota = sim.Every(5*time.Minute, 100, 50, 200)
		used, rejected, _ := weather(t, s, learning)
		assert.GreaterOrEqual(t, used, 0.70)
		assert.Less(t, rejected, 0.01)
	}
}

// Calls that come less evenly than they were sent are turned away by a bucket of one, and
// less so by a larger one.
func TestQuotaBehindJitter(t *testing.T) {
	simulation(t)
	for burst, least := range map[float64]float64{10: 0.75, 1: 0.05} {
		s := stormOf(burst, 0)
		s.Jobs = 10_000
		s.Jitter = 20 * time.Millisecond
		used, rejected, _ := weather(t, s, learning)
		assert.GreaterOrEqual(t, used, least)
		assert.Less(t, rejected, 0.05)
	}
}
