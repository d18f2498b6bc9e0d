package autotune_test

import (
	"context"
	"crypto/sha256"
	"flag"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
)

var cpuFor = flag.Duration("autotune.cpu", 0, "how long to steer jobs that keep processors busy, in real time")

// Jobs that keep a processor busy need one worker for each. It takes a machine that does
// nothing else.
func TestProcessorsInRealTime(t *testing.T) {
	if *cpuFor == 0 {
		t.Skip("takes long, and a machine of its own: see -autotune.cpu")
	}
	rounds := roundsOf(20 * time.Millisecond)
	p, err := workerpool.New(func(context.Context, int) (byte, error) { return burn(rounds), nil },
		workerpool.WithWorkers(1), workerpool.WithTiming(), workerpool.WithoutResults())
	require.NoError(t, err)
	defer p.Stop()
	tuner := start(t, p, autotune.Config{Min: 1, Max: 100})
	defer tuner.Stop()
	go func() {
		for p.Submit(t.Context(), 0) == nil {
		}
	}()
	var sum, n float64
	for began := time.Now(); time.Since(began) < *cpuFor; time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > *cpuFor/4 {
			sum += float64(tuner.State().Size)
			n++
		}
	}
	stats := p.Stats()
	t.Logf("GOMAXPROCS %d: mean size %.2f, %d jobs of %v in the mean", runtime.GOMAXPROCS(0), sum/n, stats.Completed, stats.Timing.Run.Mean())
	assert.InDelta(t, runtime.GOMAXPROCS(0), sum/n, 1)
}

// burn keeps a processor busy.
func burn(rounds int) byte {
	var block [4096]byte
	for range rounds {
		sum := sha256.Sum256(block[:])
		copy(block[:], sum[:])
	}
	return block[0]
}

// roundsOf returns how many rounds take so long, about.
func roundsOf(d time.Duration) int {
	rounds := 1
	for {
		began := time.Now()
		burn(rounds)
		if took := time.Since(began); took > d/4 {
			return int(float64(rounds) * float64(d) / float64(took))
		}
		rounds *= 2
	}
}
