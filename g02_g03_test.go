package workerpool_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

func TestG02_NoMoreThanWorkersAtOnce(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var g gauge
		p := newPoolOf(t, func(context.Context, int) (int, error) {
			g.enter()
			defer g.leave()
			time.Sleep(time.Second)
			return 0, nil
		}, sized(workers, buffer)...)
		start := time.Now()
		for range 3 * workers { // callers who wait for their own
			go func() {
				_, err := p.Do(t.Context(), 0)
				assert.NoError(t, err)
			}()
		}
		synctest.Wait()
		submitAll(t, p, upTo(3*workers))
		assert.Len(t, readAll(p), 3*workers)
		_, peak, _ := g.read()
		assert.Equal(t, workers, peak, "neither more nor fewer")
		assert.Equal(t, 6*time.Second, time.Since(start), "the workers were always busy")
	})
}

func TestG02_ShrinkWithAFullQueue(t *testing.T) {
	for _, buffer := range []int{0, 1, 64} {
		bubble(t, func(t *testing.T) {
			var g gauge
			gate := make(chan struct{})
			p := newPoolOf(t, gated(&g, gate), sized(8, buffer)...)
			n := fill(t, p)
			go readAll(p)
			require.NoError(t, p.Resize(3))
			synctest.Wait()
			assert.Equal(t, 8, p.Stats().Busy, "those that run, run on")
			for left := 8; left > 3; left-- {
				gate <- struct{}{}
				synctest.Wait()
				now, _, in := g.read()
				assert.Equal(t, left-1, now)
				assert.Equal(t, 8, in, "no other starts")
			}
			gate <- struct{}{}
			synctest.Wait()
			now, _, _ := g.read()
			assert.Equal(t, min(3, n-6), now, "now others do")
			close(gate)
			require.NoError(t, p.Wait(t.Context()))
			_, _, in := g.read()
			assert.Equal(t, n, in)
			p.Stop()
		})
	}
}

// Workers that have no job when the pool shrinks must not both take one afterwards.
func TestG02_ShrinkOfIdleWorkers(t *testing.T) {
	for _, buffer := range []int{0, 1, 64} {
		for _, settled := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				var g gauge
				gate := make(chan struct{})
				p := newPoolOf(t, gated(&g, gate), sized(8, buffer)...)
				if settled {
					synctest.Wait()
				}
				require.NoError(t, p.Resize(1))
				for i := range 4 {
					go func() { assert.NoError(t, p.Submit(t.Context(), i)) }()
				}
				for range 4 {
					synctest.Wait()
					now, _, _ := g.read()
					assert.Equal(t, 1, now)
					gate <- struct{}{}
					<-p.Results()
				}
				assert.Equal(t, 1, p.Stats().Workers)
				p.Stop()
			})
		}
	}
}

func TestG02_GrowStartsWaitingJobsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var g gauge
		gate := make(chan struct{})
		p := newPoolOf(t, gated(&g, gate), sized(1, 64)...)
		fill(t, p)
		for _, size := range []int{2, 8, 8, 64} {
			require.NoError(t, p.Resize(size))
			synctest.Wait()
			now, _, _ := g.read()
			assert.Equal(t, size, now)
			assert.Equal(t, size, p.Stats().Workers)
		}
		close(gate)
		p.Stop()
	})
}

// Shrinking and growing again before the running jobs have ended: those that had to
// leave may stay.
func TestG02_ShrinkTakenBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var g gauge
		gate := make(chan struct{})
		p := newPoolOf(t, gated(&g, gate), sized(8, 64)...)
		fill(t, p)
		require.NoError(t, p.Resize(2))
		require.NoError(t, p.Resize(5))
		for range 20 {
			gate <- struct{}{}
			<-p.Results()
			synctest.Wait()
		}
		now, peak, _ := g.read()
		assert.Equal(t, 5, now)
		assert.Equal(t, 8, peak)
		require.NoError(t, p.Resize(8))
		synctest.Wait()
		now, _, _ = g.read()
		assert.Equal(t, 8, now)
		close(gate)
		p.Stop()
	})
}

func TestG03_QueueAndResultsAreBounded(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		// Nobody reads: every worker ends up with a result in its hand.
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(workers, buffer)...)
		accepted := fill(t, p)
		assert.Equal(t, buffer+workers+buffer, accepted)
		s := p.Stats()
		assert.Equal(t, buffer, s.Queued)
		assert.Equal(t, buffer, s.Capacity)
		assert.Equal(t, buffer, s.Unread)
		assert.Equal(t, workers, s.Busy, "each has a result in its hand")
		assert.EqualValues(t, accepted, s.Accepted)
		assert.EqualValues(t, buffer+workers, s.Completed)
		assert.EqualValues(t, 1, s.Rejected)
		assert.Equal(t, upTo(accepted), jobsOf(p.Stop()))
	})
}

func TestG03_SubmitWaitsForAPlace(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		gate := make(chan struct{})
		p := newPoolOf(t, gated(new(gauge), gate), sized(workers, buffer)...)
		accepted := fill(t, p)
		submitted := make(chan error, 1)
		go func() { submitted <- p.Submit(t.Context(), accepted) }()
		synctest.Wait()
		assert.Empty(t, submitted)
		assert.EqualValues(t, accepted, p.Stats().Accepted, "one that waits is not accepted yet")
		gate <- struct{}{}
		if buffer == 0 {
			<-p.Results() // without a place there the worker waits for a reader
		}
		assert.NoError(t, <-submitted)
		close(gate)
		p.Stop()
	})
}

// A million jobs leave no more behind than a thousand.
func TestG03_MemoryDoesNotGrowWithTheJobs(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	p := newPoolOf(t, func(_ context.Context, n int) (*[100]int, error) { return new([100]int), nil }, sized(2, 64)...)
	defer p.Stop()
	var m runtime.MemStats
	peak := uint64(0)
	go func() {
		for n := range 300_000 {
			if p.Submit(t.Context(), n) != nil {
				return
			}
		}
		p.Close()
	}()
	seen := 0
	for range p.Results() {
		if seen++; seen%50_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	assert.Equal(t, 300_000, seen)
	assert.Less(t, peak, uint64(16<<20), "240 MB have gone through")
}

func TestG03_SubmitThatGivesUpSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { return n, nil }, sized(4, 128, workerpool.WithName("thumbs"))...)
		defer p.Stop()
		// The program that submits everything first and reads afterwards.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var err error
		n := 0
		for ; err == nil; n++ {
			err = p.Submit(ctx, n)
		}
		assert.Equal(t, 128+4+128+1, n)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.EqualError(t, err, `workerpool "thumbs": Submit: queue full (128 waiting, 4 running, 128 results unread): context deadline exceeded`)
		assert.False(t, errors.Is(err, workerpool.ErrFull))
	})
}

// The last workers to leave a pool that ends make room for those who wait until it is small
// enough, as well as those who resign: else nobody would.
func TestG05_WhoHoldsIsNotLeftBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(1, 1)...)
		synctest.Wait()
		workerpool.HoldOneMore(p)
		synctest.Wait()
		p.Close()
		for range p.Results() {
			t.Error("a result")
		}
	})
}

// The same as it comes about: a ticket of a call that is over, in the hand of a worker that is
// one too many, while the pool is closed.
func TestStress_ResizeAndCloseBesideABulkCall(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for n := range rounds(t, 20000) {
		p := newPoolOf(t, noop, sized(2+n%3, 1)...)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = p.Map(t.Context(), upTo(3))
		}()
		if n%2 == 0 {
			<-done
		}
		_ = p.Resize(1)
		p.Close()
		for range p.Results() {
			t.Error("a result")
		}
		<-done
	}
}
