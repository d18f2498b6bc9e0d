package scenarios

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

func TestNamesAreUnique(t *testing.T) {
	ids, names := map[string]bool{}, map[string]bool{}
	for _, s := range Table() {
		assert.False(t, ids[s.ID()], s.ID())
		ids[s.ID()] = true
		assert.NotEmpty(t, s.Title, s.ID())
		assert.Positive(t, s.Quick, s.ID())
		for _, e := range s.Entries(contenders.All(), true) {
			assert.False(t, names[e.Name()], e.Name())
			names[e.Name()] = true
			assert.NotContains(t, e.Name(), " ")
			assert.True(t, strings.HasPrefix(e.Name(), "Benchmark"+s.Name+"/lib="+e.Lib+"/"), e.Name())
		}
	}
}

// The library takes part in every scenario, or its row would be missing without notice.
func TestTheLibraryTakesPart(t *testing.T) {
	for _, s := range Table() {
		libs := map[string]bool{}
		for _, e := range s.Entries(contenders.All(), true) {
			libs[e.Lib] = true
		}
		assert.True(t, libs[contenders.Ours], s.ID())
		if len(s.Libs) == 0 {
			assert.Greater(t, len(libs), 2, s.ID())
		}
	}
}

func TestRoundsAreSpread(t *testing.T) {
	s := Scenario{Rounds: 7}
	var list []int
	for round := 1; round <= 21; round++ {
		if s.Runs(round, 21) {
			list = append(list, round)
		}
	}
	assert.Equal(t, []int{3, 6, 9, 12, 15, 18, 21}, list)
	assert.True(t, s.Runs(1, 7), "in all, when there are no more")
	assert.True(t, (&Scenario{}).Runs(1, 100))
}

func TestWorkReturnsTheJob(t *testing.T) {
	for _, w := range []Work{Noop, CPU1us, CPU100us, Sleep10ms, Sleep100us, Mixed, Occasional5ms} {
		for _, job := range []int{0, 50, 149} {
			value, err := w.Func()(t.Context(), job)
			assert.NoError(t, err)
			assert.Equal(t, job, value)
		}
	}
}

func TestPercentile(t *testing.T) {
	sorted := make([]time.Duration, 1000)
	for i := range sorted {
		sorted[i] = time.Duration(i + 1)
	}
	assert.EqualValues(t, 500, percentile(sorted, 50))
	assert.EqualValues(t, 990, percentile(sorted, 99))
	assert.EqualValues(t, 999, percentile(sorted, 99.9))
	assert.EqualValues(t, 1000, percentile(sorted, 100))
	assert.EqualValues(t, 1, percentile(sorted[:1], 99.9))
	assert.Equal(t, "p99.9-ns", LatencyUnit(99.9))
}

// Who arrives during a stall waits, though nobody has called for him yet: to leave that out
// is coordinated omission.
func TestLatencyCountsFromTheIntendedArrival(t *testing.T) {
	const stall, interval, n = 60 * time.Millisecond, time.Millisecond, 30
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		latencies, err := arrivals(func(_ context.Context, job int) (int, error) {
			if job == 0 {
				time.Sleep(stall)
				close(over)
			}
			<-over
			return job, nil
		}, n, interval)
		require.NoError(t, err)
		for i, l := range latencies {
			assert.Equal(t, stall-time.Duration(i)*interval, l)
		}
	})
}

func TestArrivalsReportWrongResults(t *testing.T) {
	_, err := arrivals(func(context.Context, int) (int, error) { return -1, nil }, 3, time.Microsecond)
	assert.ErrorContains(t, err, "job 2: value -1")
}

func TestWatchHeap(t *testing.T) {
	const size = 64 << 20
	runtime.GC()
	peak := watchHeap(time.Millisecond)
	block := make([]byte, size)
	assert.GreaterOrEqual(t, peak(), uint64(size*9/10))
	runtime.KeepAlive(block)
}

// A contender that loses a result must not get away with it.
func TestALostResultFails(t *testing.T) {
	lost := contenders.Contender{Name: "lossy", Results: []contenders.Way[contenders.Run]{{
		Name: "way", Bounded: true,
		Run: func(_ contenders.Size, _ contenders.Func, n int) (t contenders.Tally) {
			for i := range n - 1 {
				t.Add(i, nil)
			}
			return t
		},
	}}}
	lost.Ordered, lost.Discard = lost.Results, lost.Results
	for _, s := range Table() {
		for _, e := range s.Entries([]contenders.Contender{lost}, true) {
			_, err := e.Measure()
			assert.Error(t, err, e.Name())
		}
	}
}

func TestProcsAreSetBack(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	restore := setProcs(before + 1)
	assert.Equal(t, before+1, runtime.GOMAXPROCS(0))
	restore()
	assert.Equal(t, before, runtime.GOMAXPROCS(0))
}
