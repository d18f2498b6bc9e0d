package contenders

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var sizes = []Size{{Workers: 1, Buffer: 128}, {Workers: 4, Buffer: 128}}

func itself(_ context.Context, job int) (int, error) { return job, nil }

var errOdd = errors.New("not this job")

func fails(_ context.Context, job int) (int, error) {
	if job == 7 {
		return 0, errOdd
	}
	return job, nil
}

// eachWay runs f for all ways that choose finds, and looks for goroutines left behind.
func eachWay[F any](t *testing.T, choose func(Contender) []Way[F], f func(t *testing.T, run F)) {
	t.Helper()
	before := goleak.IgnoreCurrent() // ants starts some when it is imported
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	for _, c := range All() {
		for _, w := range choose(c) {
			t.Run(c.Name+"/"+w.Name, func(t *testing.T) { f(t, w.Run) })
		}
	}
}

func results(c Contender) []Way[Run]  { return c.Results }
func ordered(c Contender) []Way[Run]  { return c.Ordered }
func discard(c Contender) []Way[Run]  { return c.Discard }
func mapped(c Contender) []Way[Map]   { return c.Slices }
func burst(c Contender) []Way[Burst]  { return c.Bursts }
func called(c Contender) []Way[Calls] { return c.Calls }

func TestEveryResultIsHandedOver(t *testing.T) {
	for _, choose := range []func(Contender) []Way[Run]{results, ordered} {
		eachWay(t, choose, func(t *testing.T, run Run) {
			for _, size := range sizes {
				for _, n := range []int{0, 1, 500} {
					tally := run(size, itself, n)
					assert.NoError(t, tally.Check(1, n, false))
				}
			}
		})
	}
}

func TestOrderedResultsAreInOrder(t *testing.T) {
	eachWay(t, ordered, func(t *testing.T, run Run) {
		tally := run(sizes[1], func(ctx context.Context, job int) (int, error) {
			if job%16 == 0 {
				runtime.Gosched()
			}
			return itself(ctx, job)
		}, 2000)
		assert.NoError(t, tally.Check(1, 2000, true))
	})
}

func TestAFailedJobShows(t *testing.T) {
	eachWay(t, results, func(t *testing.T, run Run) {
		tally := run(sizes[1], fails, 100)
		assert.Error(t, tally.Check(1, 100, false))
	})
	eachWay(t, mapped, func(t *testing.T, run Map) {
		_, err := run(sizes[1], fails, []int{5, 6, 7, 8})
		assert.ErrorIs(t, err, errOdd)
	})
	eachWay(t, called, func(t *testing.T, run Calls) {
		call, end := run(sizes[1], fails)
		defer end()
		_, err := call(t.Context(), 7)
		require.ErrorIs(t, err, errOdd)
		value, err := call(t.Context(), 8)
		assert.NoError(t, err)
		assert.Equal(t, 8, value)
	})
}

func TestDiscardDoesAllJobs(t *testing.T) {
	eachWay(t, discard, func(t *testing.T, run Run) {
		var done [300]atomic.Int32
		run(sizes[1], func(_ context.Context, job int) (int, error) {
			done[job].Add(1)
			return job, nil
		}, len(done))
		for i := range done {
			assert.EqualValues(t, 1, done[i].Load())
		}
	})
}

func TestSlices(t *testing.T) {
	double := func(_ context.Context, job int) (int, error) { return 2 * job, nil }
	jobs := make([]int, 5000)
	want := make([]int, len(jobs))
	for i := range jobs {
		jobs[i], want[i] = i, 2*i
	}
	eachWay(t, mapped, func(t *testing.T, run Map) {
		for _, size := range sizes {
			values, err := run(size, double, jobs)
			require.NoError(t, err)
			assert.Equal(t, want, values)
		}
	})
}

func TestBursts(t *testing.T) {
	eachWay(t, burst, func(t *testing.T, run Burst) {
		for _, size := range sizes {
			tally := run(size, itself, 3, 100)
			assert.NoError(t, tally.Check(3, 100, false))
		}
	})
}

// Nobody may run more jobs at once than the others.
func TestNobodyHasMoreWorkers(t *testing.T) {
	eachWay(t, results, func(t *testing.T, run Run) {
		var now, most atomic.Int64
		tally := run(Size{Workers: 3, Buffer: 16}, func(_ context.Context, job int) (int, error) {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			for range 20 {
				runtime.Gosched()
			}
			now.Add(-1)
			return job, nil
		}, 300)
		require.NoError(t, tally.Check(1, 300, false))
		assert.LessOrEqual(t, most.Load(), int64(3))
	})
}

func TestContendersAreTold(t *testing.T) {
	names := map[string]bool{}
	for _, c := range All() {
		assert.False(t, names[c.Name], c.Name)
		names[c.Name] = true
		assert.NotEmpty(t, c.About, c.Name)
	}
	for _, name := range []string{Ours, Baseline, "batches", Chunks, Sequential, "pond", "ants", "conc", "gammazero", "errgroup", "goroutines"} {
		assert.True(t, names[name], name)
	}
}

func TestTallyCheck(t *testing.T) {
	of := func(values ...int) (tally Tally) {
		for _, v := range values {
			tally.Add(v, nil)
		}
		return tally
	}
	for name, c := range map[string]struct {
		tally   Tally
		ordered bool
		want    string
	}{
		"right":        {of(0, 1, 2), true, ""},
		"other order":  {of(2, 0, 1), false, ""},
		"not in order": {of(2, 0, 1), true, "order"},
		"lost":         {of(0, 2), false, "2 results"},
		"twice":        {of(0, 1, 1), false, "sum 2"},
		"failed":       {Tally{Count: 3, Sum: 3, Failed: 1}, false, "1 of 3 jobs have failed"},
	} {
		err := c.tally.Check(1, 3, c.ordered)
		if c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.want, name)
		}
	}
}

// Without its tag nothing else compiles the adapter of the earlier revision.
func TestPreviousCompiles(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "vet", "-tags=previous", ".").CombinedOutput()
	assert.NoError(t, err, string(out))
}
