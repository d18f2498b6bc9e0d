package workerpool_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// mixed does what the last digits of its job say.
func mixed(_ context.Context, n int) (int, error) {
	switch n % 1000 {
	case 7:
		panic(n)
	case 8:
		runtime.Goexit()
	case 9:
		return 0, errOwn
	case 10:
		time.Sleep(200 * time.Microsecond)
	}
	return 2 * n, nil
}

// requireMixed judges the outcome of mixed.
func requireMixed(t *testing.T, n int, r workerpool.Result[int, int]) {
	t.Helper()
	var caught *workerpool.PanicError
	ok := r.Err == nil && r.Value == 2*n
	switch n % 1000 {
	case 7:
		ok = errors.As(r.Err, &caught) && caught.Value == n
	case 8:
		ok = errors.Is(r.Err, workerpool.ErrGoexit)
	case 9:
		ok = errors.Is(r.Err, errOwn)
	}
	if !ok || r.Job != n || r.Attempts != 1 {
		t.Fatalf("%d: %+v", n, r)
	}
}

// count yields the numbers below n.
func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestG01_EveryOutcomeOfBulkCalls(t *testing.T) {
	const n = 5000
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, mixed, sized(workers, buffer)...)
		defer p.Stop()
		rs, err := p.Collect(t.Context(), upTo(n))
		require.NoError(t, err)
		require.Len(t, rs, n)
		for i, r := range rs {
			requireMixed(t, i, r)
		}
		next := 0
		results, errf := p.Stream(t.Context(), count(n))
		for r := range results {
			requireMixed(t, next, r)
			next++
		}
		require.NoError(t, errf())
		require.Equal(t, n, next)
		seen := make([]int, n)
		results, errf = p.StreamUnordered(t.Context(), count(n))
		for r := range results {
			requireMixed(t, r.Job, r)
			seen[r.Job]++
		}
		require.NoError(t, errf())
		require.Equal(t, slices.Repeat([]int{1}, n), seen)
		require.NoError(t, p.Wait(t.Context()))
		s := p.Stats()
		require.EqualValues(t, 3*n, s.Accepted)
		require.EqualValues(t, 3*n, s.Completed)
		require.EqualValues(t, 3*3*n/1000, s.Failed)
		require.EqualValues(t, 3*n/1000, s.Panicked)
	})
}

func TestG01_MapFailsFast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n == 3 {
				time.Sleep(time.Second)
				return 0, errOwn
			}
			<-ctx.Done()
			assert.Equal(t, errOwn, context.Cause(ctx))
			time.Sleep(time.Second)
			return 0, ctx.Err()
		}, sized(4, 2, workerpool.WithName("p"))...)
		defer p.Stop()
		begin := time.Now()
		values, err := p.Map(t.Context(), upTo(100))
		assert.Nil(t, values)
		assert.ErrorIs(t, err, errOwn)
		assert.EqualError(t, err, `workerpool "p": Map: job 3: `+errOwn.Error())
		assert.Equal(t, 2*time.Second, time.Since(begin), "Map waits for what runs")
		s := p.Stats()
		assert.EqualValues(t, 4, s.Completed)
		assert.EqualValues(t, 96, s.NotRun)
	})
}

func TestBulkFunctions(t *testing.T) {
	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	values, err := workerpool.Map(t.Context(), upTo(1000), double)
	require.NoError(t, err)
	for i, v := range values {
		require.Equal(t, 2*i, v)
	}
	values, err = workerpool.Map(t.Context(), nil, double)
	require.NoError(t, err)
	assert.Empty(t, values)
	var sum atomic.Int64
	require.NoError(t, workerpool.ForEach(t.Context(), upTo(1000), func(_ context.Context, n int) error {
		sum.Add(int64(n))
		return nil
	}))
	assert.EqualValues(t, 999*1000/2, sum.Load())
	err = workerpool.ForEach(t.Context(), upTo(10), func(_ context.Context, n int) error { panic("oops") }, workerpool.WithWorkers(1))
	assert.EqualError(t, err, "workerpool: ForEach: job 0: workerpool: job panicked: oops")
	rs, err := workerpool.Collect(t.Context(), upTo(2000), mixed)
	require.NoError(t, err)
	for i, r := range rs {
		requireMixed(t, i, r)
	}
	results, errf := workerpool.Stream(t.Context(), count(2000), mixed, workerpool.WithBuffer(3))
	for range 2 { // each range is a stream of its own
		next := 0
		for r := range results {
			requireMixed(t, next, r)
			next++
		}
		require.NoError(t, errf())
		require.Equal(t, 2000, next)
	}
	results, _ = workerpool.StreamUnordered(t.Context(), count(math.MaxInt), mixed)
	for range results {
		break
	}
}

func TestBulkBadInput(t *testing.T) {
	t.Parallel()
	var none context.Context
	_, err := workerpool.Map[int, int](none, upTo(3), nil, workerpool.WithWorkers(0), workerpool.WithContext(t.Context()))
	for _, text := range []string{
		"workerpool: Map: context must not be nil", "workerpool: Map: Func must not be nil",
		"workerpool: WithWorkers(0): must be at least 1", "workerpool: WithContext: not an option of Map, which has a context",
	} {
		assert.ErrorContains(t, err, text)
	}
	assert.ErrorIs(t, err, workerpool.ErrInvalidOption)
	assert.ErrorContains(t, workerpool.ForEach[int](t.Context(), nil, nil), "ForEach: Func must not be nil")
	p := newPoolOf(t, noop)
	results, errf := p.Stream(t.Context(), nil)
	for range results {
		t.Error("a result of nothing")
	}
	assert.EqualError(t, errf(), "workerpool: Stream: jobs must not be nil")
	_, err = p.Collect(none, nil)
	assert.EqualError(t, err, "workerpool: Collect: context must not be nil")
	p.Stop()
	_, err = p.Map(t.Context(), nil)
	assert.ErrorIs(t, err, workerpool.ErrClosed)
	assert.ErrorIs(t, err, workerpool.ErrStopped)
	results, errf = p.StreamUnordered(t.Context(), count(3))
	for range results {
		t.Error("a result after Stop")
	}
	assert.ErrorIs(t, errf(), workerpool.ErrClosed)
	var zero workerpool.Pool[int, int]
	_, err = zero.Map(t.Context(), upTo(3))
	assert.ErrorIs(t, err, workerpool.ErrClosed)
}

func TestG02_SlowJobsOfABulkCallRunAtOnce(t *testing.T) {
	for name, fast := range map[string]int{"slow only": 0, "after many short ones": 100_000} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
					if n >= fast {
						time.Sleep(time.Second)
					}
					return n, nil
				}, sized(10, 128)...)
				defer p.Stop()
				begin := time.Now()
				_, err := p.Map(t.Context(), upTo(fast+10))
				require.NoError(t, err)
				if took := time.Since(begin); fast == 0 {
					assert.Equal(t, time.Second, took)
				} else { // who shares a chunk with a slow job waits for that one at most
					assert.LessOrEqual(t, took, 2*time.Second+time.Millisecond)
				}
			})
		})
	}
}

// An input that was cut short never looks like one that was read to its end.

// The time of WithJobTimeout is each job's own, in a chunk too.
func TestG06_JobTimeoutInABulkCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n%100 == 99 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return n, nil
		}, sized(2, 8, workerpool.WithJobTimeout(time.Second))...)
		defer p.Stop()
		rs, err := p.Collect(t.Context(), upTo(1000))
		require.NoError(t, err)
		for i, r := range rs {
			if i%100 == 99 {
				assert.ErrorIs(t, r.Err, workerpool.ErrJobTimeout)
			} else {
				assert.NoError(t, r.Err)
			}
		}
	})
}

// A call for whose results there can be no memory panics in its caller, as make does, and
// is no business of the pool then.
func TestBulkCallThatCannotBegin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, struct{}) ([16]byte, error) { return [16]byte{}, nil }, sized(2, 2)...)
		defer p.Stop()
		jobs := make([]struct{}, math.MaxInt)
		assert.Panics(t, func() { _, _ = p.Map(t.Context(), jobs) })
		assert.Panics(t, func() { _, _ = p.Collect(t.Context(), jobs) })
		assert.NoError(t, p.Wait(t.Context()))
		assert.NoError(t, p.Shutdown(t.Context()))
	})
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A pool for one call has no more places than it needs, and a stream takes room for jobs as
// they come.
func TestG03_OneCallTakesLittle(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	type large [60_000]byte
	fn := func(context.Context, large) (int, error) { return 0, nil }
	assert.Less(t, allocated(func() {
		_, err := workerpool.Map(t.Context(), make([]large, 3), fn, workerpool.WithBuffer(1<<20))
		assert.NoError(t, err)
	}), uint64(2<<20))
	assert.Less(t, allocated(func() {
		results, errf := workerpool.Stream(t.Context(), slices.Values(make([]large, 3)), fn, workerpool.WithWorkers(2))
		for range results {
		}
		assert.NoError(t, errf())
	}), uint64(4<<20))
}
