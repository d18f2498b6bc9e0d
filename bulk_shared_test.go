package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func TestG06_ACancelledBulkCallTakesBackOnlyItsOwnJobs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, patient, sized(2, 4)...)
		ctx, cancel := context.WithCancelCause(t.Context())
		other := make(chan error, 1)
		go func() { _, err := p.Do(t.Context(), 0); other <- err }()
		synctest.Wait()
		time.AfterFunc(time.Second, func() { cancel(errOwn) })
		rs, err := p.Collect(ctx, upTo(5))
		assert.ErrorIs(t, err, errOwn)
		assert.ErrorIs(t, err, context.Canceled)
		require.Len(t, rs, 5)
		assert.Equal(t, 1, rs[0].Attempts)
		for _, r := range rs[1:] {
			assert.ErrorIs(t, r.Err, workerpool.ErrNotRun)
			assert.ErrorIs(t, r.Err, errOwn)
			assert.Zero(t, r.Attempts)
		}
		synctest.Wait()
		assert.Equal(t, 1, p.Stats().Busy, "the other call goes on")
		p.Stop()
		assert.Error(t, <-other)
	})
}

// An input may wait for the results of what it has yielded.
func TestG08_ASmallCallBesideAHugeOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { time.Sleep(time.Millisecond); return 0, nil }, sized(2, 8)...)
		defer p.Stop()
		huge := make(chan error, 1)
		go func() { _, err := p.Map(t.Context(), upTo(1000)); huge <- err }()
		time.Sleep(10*time.Millisecond + 1)
		begin := time.Now()
		_, err := p.Do(t.Context(), 1)
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 3*time.Millisecond)
		begin = time.Now()
		_, err = p.Map(t.Context(), upTo(4))
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 8*time.Millisecond)
		assert.NoError(t, <-huge)
	})
}

func TestG10_BulkCallsInsideBulkCalls(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var p *workerpool.Pool[int, int]
		var g gauge
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			g.enter()
			defer g.leave()
			if n <= 0 {
				return 1, nil
			}
			return sumOf(ctx, p, &g, n)
		}, sized(workers, buffer)...)
		defer p.Stop()
		for range 2 { // contexts go with jobs by their number, of chunks too
			values, err := p.Map(t.Context(), []int{6, 5, 4})
			require.NoError(t, err)
			require.Equal(t, []int{36, 21, 9}, values)
			v, err := p.Do(t.Context(), 6)
			require.NoError(t, err)
			require.Equal(t, 36, v)
		}
		_, peak, _ := g.read()
		assert.LessOrEqual(t, peak, workers)
	})
}

// sumOf has p do smaller jobs in one of the ways there are, and adds up what they return.
func sumOf(ctx context.Context, p *workerpool.Pool[int, int], g *gauge, n int) (sum int, err error) {
	switch n % 3 {
	case 0:
		g.leave()
		defer g.enter()
		values, err := p.Map(ctx, []int{n - 1, n - 2, n - 3})
		for _, v := range values {
			sum += v
		}
		return sum, err
	case 1:
		g.leave()
		defer g.enter()
		rs, err := p.Collect(ctx, []int{n - 1, n - 2})
		for _, r := range rs {
			sum += r.Value
		}
		return sum, err
	}
	results, errf := p.Stream(ctx, count(n))
	g.leave()
	for r := range results {
		g.enter() // the body of the range runs in this job's place
		sum += r.Value
		g.leave()
	}
	g.enter()
	return sum, errf()
}

func TestG04_BulkCallsThatHaveBegunAreFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (string, error) { time.Sleep(time.Second); return fmt.Sprint(n), nil }, sized(2, 1)...)
		time.AfterFunc(time.Second/2, p.Close)
		values, err := p.Map(t.Context(), upTo(20))
		require.NoError(t, err)
		assert.Len(t, values, 20)
		assert.NoError(t, p.Shutdown(t.Context()))
	})
}

// Callers on one pool stay within its bound together, and each has its own results only.
func TestG02_ManyCallersOnOnePool(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var g gauge
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			g.enter()
			defer g.leave()
			if n%50 == 0 {
				time.Sleep(time.Millisecond)
			}
			return 2 * n, nil
		}, sized(workers, buffer)...)
		defer p.Stop()
		var wg sync.WaitGroup
		for c := range 4 {
			jobs := make([]int, 300)
			for i := range jobs {
				jobs[i] = 1000*c + i
			}
			wg.Go(func() {
				values, err := p.Map(t.Context(), jobs)
				assert.NoError(t, err)
				for i, v := range values {
					assert.Equal(t, 2*jobs[i], v)
				}
			})
			wg.Go(func() {
				rs, err := p.Collect(t.Context(), jobs)
				assert.NoError(t, err)
				for i, r := range rs {
					assert.Equal(t, 2*jobs[i], r.Value)
				}
			})
			wg.Go(func() {
				results, errf := p.Stream(t.Context(), slices.Values(jobs))
				i := 0
				for r := range results {
					assert.Equal(t, 2*jobs[i], r.Value)
					i++
				}
				assert.NoError(t, errf())
				assert.Equal(t, len(jobs), i)
			})
		}
		wg.Wait()
		_, peak, in := g.read()
		assert.LessOrEqual(t, peak, workers)
		assert.Equal(t, 4*3*300, in)
	})
}

func TestG08_OneWorkerRunsABulkCallInOrder(t *testing.T) {
	matrix(t, func(t *testing.T, _, buffer int) {
		last := -1
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			assert.Equal(t, last+1, n)
			last = n
			if n%700 == 0 {
				time.Sleep(time.Millisecond)
			}
			return n, nil
		}, sized(1, buffer)...)
		defer p.Stop()
		_, err := p.Map(t.Context(), upTo(3000))
		require.NoError(t, err)
		last = -1
		results, errf := p.StreamUnordered(t.Context(), count(3000))
		next := 0
		for r := range results {
			require.Equal(t, next, r.Job)
			next++
		}
		require.NoError(t, errf())
	})
}

// A pool that grows has more workers for a call that has begun, one that shrinks fewer.
func TestG02_ResizeReachesABulkCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var g gauge
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			g.enter()
			defer g.leave()
			time.Sleep(time.Second)
			return n, nil
		}, sized(2, 8)...)
		defer p.Stop()
		now := func() int { synctest.Wait(); n, _, _ := g.read(); return n }
		done := make(chan error, 1)
		go func() { _, err := p.Map(t.Context(), upTo(100)); done <- err }()
		time.Sleep(1500 * time.Millisecond)
		assert.Equal(t, 2, now())
		require.NoError(t, p.Resize(6))
		time.Sleep(time.Second)
		assert.Equal(t, 6, now())
		require.NoError(t, p.Resize(1))
		time.Sleep(time.Second)
		assert.Equal(t, 1, now())
		require.NoError(t, p.Resize(4))
		time.Sleep(time.Second)
		assert.Equal(t, 4, now())
		assert.NoError(t, <-done)
	})
}

// The context of the pool ends a bulk call too, and each of its jobs has a result.
func TestG06_ThePoolsContextEndsACollect(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, patient, sized(workers, buffer, workerpool.WithContext(ctx))...)
		time.AfterFunc(time.Second, func() { cancel(errOwn) })
		rs, err := p.Collect(t.Context(), upTo(100))
		assert.ErrorIs(t, err, errOwn)
		require.Len(t, rs, 100)
		for i, r := range rs {
			assert.Equal(t, i, r.Job)
			assert.ErrorIs(t, r.Err, errOwn)
			assert.Equal(t, i >= workers, errors.Is(r.Err, workerpool.ErrNotRun))
		}
		s := p.Stats()
		assert.EqualValues(t, 100, s.Accepted)
		assert.EqualValues(t, 100-workers, s.NotRun)
		_, err = p.Collect(t.Context(), upTo(3))
		assert.ErrorIs(t, err, workerpool.ErrClosed)
		assert.ErrorIs(t, err, errOwn)
		readAll(p)
	})
}

// From the moment when the context of a call has ended no job of it starts, in the middle
// of a chunk neither.
func TestG06_NoJobStartsAfterItsCallersContext(t *testing.T) {
	const n, at = 20_000, 10_000
	for _, bound := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			opts := sized(1, 0)
			if bound {
				opts = append(opts, workerpool.WithContext(ctx))
			}
			p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
				if n == at {
					cancel(errOwn)
				}
				return n, nil
			}, opts...)
			defer p.Stop()
			call := ctx
			if bound { // it is the pool's context then that ends
				call = context.WithoutCancel(ctx)
			}
			rs, err := p.Collect(call, upTo(n))
			assert.ErrorIs(t, err, errOwn)
			require.Len(t, rs, n)
			for i, r := range rs {
				require.Equal(t, i > at, errors.Is(r.Err, workerpool.ErrNotRun), i)
			}
		})
	}
}

// A worker too many leaves in the middle of a chunk.
func TestG02_AShrinkEndsAChunk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var g gauge
		var p *workerpool.Pool[int, int]
		var mu sync.Mutex
		var shrunk time.Time
		p = newPoolOf(t, func(_ context.Context, n int) (int, error) {
			g.enter()
			defer g.leave()
			mu.Lock()
			now, _, _ := g.read()
			assert.False(t, now > 1 && !shrunk.IsZero() && time.Since(shrunk) > time.Microsecond, "job %d", n)
			if n == 1000 {
				assert.NoError(t, p.Resize(1))
				shrunk = time.Now()
			}
			mu.Unlock()
			time.Sleep(time.Microsecond)
			return n, nil
		}, sized(2, 1)...)
		defer p.Stop()
		_, err := p.Map(t.Context(), upTo(2000))
		assert.NoError(t, err)
	})
}

// The jobs of a bulk call count in the place of their worker, so that the context of the job
// that follows them there is still that of the job which runs.
func TestG10_AJobAfterABulkCallLendsItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, runJob, sized(1, 0)...)
		defer p.Stop()
		submit := func(j job) int {
			require.NoError(t, p.Submit(t.Context(), j))
			r := <-p.Results()
			assert.NoError(t, r.Err)
			return r.Value
		}
		asks := func(ctx context.Context) (int, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return p.Do(ctx, returns(7))
		}
		assert.Equal(t, 7, submit(asks))
		_, err := p.Collect(t.Context(), []job{returns(1), returns(2), returns(3)})
		assert.NoError(t, err)
		assert.Equal(t, 7, submit(asks))
	})
}
