package workerpool_test

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

var _ workerpool.Inspector = (*workerpool.Pool[int, string])(nil)

// asleep is a Func that takes as many seconds as its job says, and fails below 0.
func asleep(_ context.Context, n int) (int, error) {
	if n < 0 {
		time.Sleep(time.Duration(-n) * time.Second)
		return 0, errOwn
	}
	time.Sleep(time.Duration(n) * time.Second)
	return n, nil
}

func TestTiming_OfJobs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		var d diary
		p := newPoolOf(t, asleep, sized(1, 1, workerpool.WithTiming(), workerpool.WithName("naps"), workerpool.WithHooks(d.hooks("")))...)
		defer p.Stop()
		go func() {
			for range p.Results() {
			}
		}()
		assert.Equal(t, &workerpool.Timing{}, p.Stats().Timing)
		for _, n := range []int{10, 20, -30} { // the last has to wait for a place
			go func() { _ = p.Submit(t.Context(), n) }()
			synctest.Wait()
			time.Sleep(time.Second)
		}
		time.Sleep(4 * time.Second) // 7 s after the begin
		synctest.Wait()
		timing := p.Stats().Timing
		assert.Equal(t, 6*time.Second, timing.OldestQueued)
		assert.Equal(t, 7*time.Second, timing.LongestRunning)
		assert.Zero(t, timing.Run.Count())
		running := p.Running()
		require.Len(t, running, 1)
		assert.NotZero(t, running[0].Goroutine)
		running[0].Goroutine = 0
		assert.Equal(t, workerpool.JobInfo{Pool: "naps", ID: 1, Job: 10, Attempt: 1, Queued: begin, Started: begin}, running[0])

		time.Sleep(8 * time.Second) // 15 s
		synctest.Wait()
		timing = p.Stats().Timing
		assert.Equal(t, 13*time.Second, timing.OldestQueued, "its wait for a place counts")
		assert.Equal(t, 5*time.Second, timing.LongestRunning)
		assert.Equal(t, 10*time.Second, timing.Run.Sum())

		assert.NoError(t, p.Wait(t.Context()))
		timing = p.Stats().Timing
		assert.Zero(t, timing.OldestQueued)
		assert.Zero(t, timing.LongestRunning)
		assert.Equal(t, uint64(3), timing.Wait.Count())
		assert.Equal(t, (0+9+28)*time.Second, timing.Wait.Sum())
		assert.Equal(t, uint64(2), timing.Run.Count())
		assert.Equal(t, 30*time.Second, timing.Run.Sum())
		assert.InEpsilon(t, 500, timing.Run.SumSquares(), 1e-9)
		assert.Equal(t, uint64(1), timing.Failed.Count())
		assert.Equal(t, 30*time.Second, timing.Failed.Sum())
		last := d.jobs["Done"][2]
		assert.Equal(t, begin.Add(2*time.Second), last.Queued)
		assert.Equal(t, begin.Add(30*time.Second), last.Started)
		assert.Equal(t, begin.Add(60*time.Second), last.Finished)
		assert.Nil(t, p.Running())
	})
}

// However a job leaves the queue, it waits no more.
func TestTiming_NothingWaitsAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, asleep, sized(1, 3, workerpool.WithTiming())...)
		assert.NoError(t, p.TrySubmit(60))
		synctest.Wait()
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = p.Do(ctx, 1) }()
		synctest.Wait()
		time.Sleep(time.Second)
		assert.NoError(t, p.TrySubmit(2))
		assert.NoError(t, p.TrySubmit(3))
		go func() { _ = p.Submit(ctx, 4) }()
		synctest.Wait()
		assert.Equal(t, time.Since(begin), p.Stats().Timing.OldestQueued)
		assert.Equal(t, 1, p.Stats().Waiting)
		cancel()
		synctest.Wait()
		assert.Zero(t, p.Stats().Waiting)
		assert.Zero(t, p.Stats().Timing.OldestQueued, "the two are a second younger")
		time.Sleep(time.Second)
		assert.Equal(t, time.Second, p.Stats().Timing.OldestQueued)
		p.Stop()
		assert.Zero(t, p.Stats().Timing.OldestQueued)
		assert.Equal(t, uint64(1), p.Stats().Timing.Wait.Count(), "of those that began")
	})
}

// What Stats has returned does not change any more.
func TestTiming_IsAValue(t *testing.T) {
	p := newPoolOf(t, asleep, sized(1, 3, workerpool.WithTiming())...)
	defer p.Stop()
	run := func() workerpool.Timing {
		_, err := p.Do(t.Context(), 0)
		assert.NoError(t, err)
		return *p.Stats().Timing
	}
	in := func(h workerpool.Histogram) (n uint64) {
		for b := range h.Buckets() {
			n += b.Count
		}
		return n
	}
	first := run()
	for range 20 {
		run()
	}
	assert.Equal(t, uint64(1), in(first.Wait))
	assert.Equal(t, uint64(1), in(first.Run))
}

// A job waits from when it was brought, also while the hook Queued takes its time.
func TestTiming_ASlowHook(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, asleep, sized(1, 3, workerpool.WithTiming(), workerpool.WithHooks(workerpool.Hooks{
			Queued: func(context.Context, workerpool.JobInfo) { time.Sleep(10 * time.Second) },
		}))...)
		defer p.Stop()
		go func() { _, _ = p.Do(t.Context(), 1) }()
		time.Sleep(5 * time.Second)
		assert.Equal(t, 5*time.Second, p.Stats().Timing.OldestQueued)
		time.Sleep(time.Minute)
	})
}

func TestTiming_OfBulkCalls(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, asleep, sized(workers, buffer, workerpool.WithTiming())...)
		defer p.Stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := p.Collect(t.Context(), []int{-3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
			assert.NoError(t, err)
		}()
		time.Sleep(time.Second / 2)
		assert.Len(t, p.Running(), workers)
		<-done
		timing := p.Stats().Timing
		assert.Zero(t, timing.Wait.Count())
		assert.Equal(t, 10*time.Second, timing.Run.Sum())
		assert.Equal(t, uint64(10), timing.Run.Count())
		assert.Equal(t, 3*time.Second, timing.Failed.Sum())
		assert.Empty(t, p.Running())
	})
}

// A job that waits for another in its place runs too.
func TestTiming_Nested(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n == 0 {
				return asleep(ctx, 1)
			}
			return p.Do(ctx, n-1)
		}, sized(1, 0, workerpool.WithTiming())...)
		defer p.Stop()
		go func() { _, _ = p.Do(t.Context(), 2) }()
		synctest.Wait()
		jobs := []any{}
		for _, j := range p.Running() {
			jobs = append(jobs, j.Job)
		}
		assert.Equal(t, []any{2, 1, 0}, jobs)
		assert.NoError(t, p.Wait(t.Context()))
		assert.Equal(t, uint64(3), p.Stats().Timing.Run.Count())
	})
}

// The number of a job's goroutine finds its stack.
func TestTiming_Goroutine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, asleep, sized(2, 2, workerpool.WithTiming())...)
		defer p.Stop()
		for range 2 {
			_, err := p.Do(t.Context(), 0)
			assert.NoError(t, err)
		}
		assert.NoError(t, p.TrySubmit(1))
		synctest.Wait()
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		running := p.Running()
		require.Len(t, running, 1)
		head := "goroutine " + strconv.FormatUint(running[0].Goroutine, 10) + " "
		i := slices.IndexFunc(strings.Split(string(stacks), "\n\n"), func(stack string) bool { return strings.HasPrefix(stack, head) })
		require.GreaterOrEqual(t, i, 0)
		assert.Contains(t, strings.Split(string(stacks), "\n\n")[i], "workerpool_test.asleep")
	})
}

func TestG11_AnObservedPoolKeepsNothing(t *testing.T) {
	kept := func(opts ...workerpool.Option) {
		p := newPoolOf(t, func(_ context.Context, j *[1 << 10]int) (*[1 << 10]int, error) {
			if j[0] == 1 {
				panic("now")
			}
			return j, nil
		}, sized(2, 4, opts...)...)
		defer p.Stop()
		collected := make(chan struct{}, 4)
		bring := func(first int, by func(*[1 << 10]int)) {
			j := new([1 << 10]int)
			j[0] = first
			runtime.AddCleanup(j, func(int) { collected <- struct{}{} }, 0)
			by(j)
		}
		for first := range 2 {
			bring(first, func(j *[1 << 10]int) { _, _ = p.Do(t.Context(), j) })
			bring(first, func(j *[1 << 10]int) {
				assert.NoError(t, p.Submit(t.Context(), j))
				<-p.Results()
			})
		}
		for range 4 {
			for gone := false; !gone; {
				runtime.GC()
				select {
				case <-collected:
					gone = true
				case <-time.After(time.Millisecond):
				}
			}
		}
	}
	kept(workerpool.WithTiming())
	kept(workerpool.WithHooks(workerpool.Hooks{Done: func(context.Context, workerpool.JobInfo) {}}))
}
