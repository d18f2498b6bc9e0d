package workerpool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

// A job of a bulk call that is ready is not left to workers that won't come for it.

func TestG08_ALongJobDoesNotHideAnIdleWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			if n == 0 {
				time.Sleep(time.Hour)
			}
			return n, nil
		}, sized(2, 4)...)
		defer p.Stop()
		results, errf := p.StreamUnordered(t.Context(), func(yield func(int) bool) {
			yield(0)
			for n := 1; n < 4 && yield(n); n++ { // which are short, so chunks get longer
				time.Sleep(time.Second)
			}
			time.Sleep(2 * time.Hour)
		})
		for r := range results {
			if r.Job > 0 {
				assert.Less(t, time.Since(begin), time.Minute, r.Job)
			}
		}
		assert.NoError(t, errf())
	})
}

func TestG08_WhoLeavesForOthersIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(_ context.Context, n int) (int, error) {
			switch n {
			case 0:
				time.Sleep(time.Hour)
			case 1:
				time.Sleep(100 * time.Microsecond)
			case 2:
				assert.NoError(t, p.TrySubmit(100))
			case 3, 4:
				assert.Less(t, time.Since(begin), time.Minute, n)
			}
			return n, nil
		}, sized(2, 4)...)
		defer p.Stop()
		_, err := p.Map(t.Context(), upTo(5))
		assert.NoError(t, err)
	})
}

// A ticket that found no place before its job was gone does not count as a helper.
func TestG08_ATicketThatIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			if n == 1000 {
				time.Sleep(10 * time.Hour)
			}
			time.Sleep(time.Millisecond)
			return n, nil
		}, sized(2, 0)...)
		defer p.Stop()
		synctest.Wait()
		assert.NoError(t, p.TrySubmit(1000))
		had := make(chan struct{}, 3)
		results, errf := p.Stream(t.Context(), func(yield func(int) bool) {
			_ = yield(0) && yield(1)
			<-had
			<-had
			time.Sleep(time.Second)
			yield(2)
			time.Sleep(5 * time.Hour)
		})
		for r := range results {
			had <- struct{}{}
			assert.Less(t, time.Since(begin), time.Minute, r.Job)
		}
		assert.NoError(t, errf())
	})
}

// A job whose stream pauses lends its place again for each job that comes, though there is
// a ticket in the queue that nobody will receive.
func TestG10_AStreamInAJobWhoseInputPauses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n >= 0 {
				time.Sleep(time.Millisecond)
				return n, nil
			}
			begin := time.Now()
			results, errf := p.Stream(ctx, func(yield func(int) bool) {
				for i := 0; yield(i) && i < 9; i++ {
					time.Sleep(time.Second)
				}
			})
			for r := range results {
				assert.Less(t, time.Since(begin), time.Duration(r.Job+1)*time.Second, r.Job)
			}
			return 0, errf()
		}, sized(1, 4)...)
		defer p.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := p.Do(ctx, -1)
		assert.NoError(t, err)
	})
}

// New workers come to a call whose helpers are all in long jobs.
func TestG02_AGrownPoolHelpsACallAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var g gauge
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			g.enter()
			defer g.leave()
			time.Sleep(time.Hour)
			return n, nil
		}, sized(1, 8)...)
		defer p.Stop()
		done := make(chan error, 1)
		go func() { _, err := p.Map(t.Context(), upTo(8)); done <- err }()
		time.Sleep(time.Minute)
		assert.NoError(t, p.Resize(4))
		synctest.Wait()
		now, _, _ := g.read()
		assert.Equal(t, 4, now)
		assert.NoError(t, <-done)
	})
}

// A worker whose place is lent to what a job has left behind keeps no jobs meanwhile.
func TestG08_AWorkerWhosePlaceIsLentKeepsNoJobs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			switch n {
			case 0:
				go func() { _, _ = p.Do(ctx, 100) }()
				time.Sleep(time.Millisecond)
			case 1:
				time.Sleep(2 * time.Millisecond)
			case 100:
				time.Sleep(time.Hour)
			default:
				assert.Less(t, time.Since(begin), time.Minute, n)
			}
			return n, nil
		}, sized(2, 4)...)
		defer p.Stop()
		_, err := p.Map(t.Context(), upTo(4))
		assert.NoError(t, err)
	})
}

// A chunk is watched until it is through, though another one was late before it could be.
func TestG08_EveryLongChunkIsWatched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			switch {
			case n == -1:
				time.Sleep(70 * time.Microsecond)
			case n >= 1023:
				time.Sleep(time.Millisecond)
			}
			return n, nil
		}, sized(8, 64)...)
		defer p.Stop()
		for range 7 {
			assert.NoError(t, p.TrySubmit(-1))
		}
		begin := time.Now()
		_, err := p.Map(t.Context(), upTo(1023+2*1024))
		assert.NoError(t, err)
		assert.Less(t, time.Since(begin), 300*time.Millisecond, "2048 ms of work for 8 workers")
	})
}

// So it is when no more will come, and the first look at it was too early.
func TestG08_AChunkIsWatchedAfterTheInputHasEnded(t *testing.T) {
	const quick, sleeps = 3000, 2000 // the first comes late enough to be in a chunk of several
	bubble(t, func(t *testing.T) {
		var begin time.Time // of the long jobs
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			switch {
			case n >= quick:
				time.Sleep(time.Millisecond)
			case n == sleeps: // the timer is set while it does
				time.Sleep(5 * time.Microsecond)
			case n < 2: // while both workers do, the quick jobs come
				time.Sleep(10 * time.Microsecond)
			}
			return n, nil
		}, sized(2, 256)...)
		defer p.Stop()
		results, errf := p.Stream(t.Context(), func(yield func(int) bool) {
			for n := range quick {
				yield(n)
			}
			time.Sleep(85 * time.Microsecond)
			for range 2 { // while they run, the long jobs come
				assert.NoError(t, p.TrySubmit(0))
			}
			time.Sleep(time.Microsecond)
			begin = time.Now()
			for n := range 64 {
				yield(quick + n)
			}
			time.Sleep(10 * time.Microsecond) // one worker has all of them
		})
		for range results { // in order, and in full: G1 tests that
		}
		assert.NoError(t, errf())
		assert.Less(t, time.Since(begin), 40*time.Millisecond, "64 ms of work for 2 workers")
	})
}

// On real threads nobody misses the moment when the place has to be lent again.
func TestStress_AStreamInAJobOnOneWorker(t *testing.T) {
	for range rounds(t, 500) {
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n >= 0 {
				return n, nil
			}
			results, errf := p.Stream(ctx, count(200))
			sum := 0
			for range results {
				sum++
			}
			return sum, errf()
		}, sized(1, 4)...)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		had, err := p.Do(ctx, -1)
		cancel()
		p.Stop()
		if err != nil || had != 200 {
			t.Fatalf("%d results: %v", had, err)
		}
	}
}

// mapTakes returns what Map takes for jobs of no time, and after them jobs of a second.
func mapTakes(t *testing.T, short, long, workers int) time.Duration {
	begin := time.Now()
	_, err := workerpool.Map(t.Context(), upTo(short+long), func(_ context.Context, n int) (int, error) {
		if n >= short {
			time.Sleep(time.Second)
		}
		return n, nil
	}, workerpool.WithWorkers(workers))
	assert.NoError(t, err)
	return time.Since(begin)
}

// Who finds nothing to do takes from the others what has yet to begin of their chunks.
func TestG08_AnIdleWorkerTakesFromTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		assert.Less(t, mapTakes(t, 1023, 400, 4), (400/4+3)*time.Second)
	})
}

// Nor does it wait when there seemed to be too little to do for one more worker: that may be
// so when the first one is through with many short jobs before there is a ticket for another.
func TestG08_ALongChunkOfFewHelpersIsShared(t *testing.T) {
	for range 500 {
		bubble(t, func(t *testing.T) {
			assert.Less(t, mapTakes(t, 255, 128, 16), (128/16+3)*time.Second)
		})
	}
}

// The last jobs are shared out one by one, as far as all workers have some: if they are long,
// after many that were short, none waits for another beside an idle worker.
func TestG08_LongJobsAtTheEndAreForAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		assert.Less(t, mapTakes(t, 20_000, 8, 4), 2500*time.Millisecond, "two for each worker")
	})
}

// Towards the end chunks get shorter, so that all workers are through at the same time.
func TestG08_TheLastJobSharesNoChunk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const jobs = 10_000
		var chunks [jobs]context.Context // jobs of a chunk have one for all
		_, err := workerpool.Map(t.Context(), upTo(jobs), func(ctx context.Context, n int) (int, error) {
			chunks[n] = ctx
			return n, nil
		}, workerpool.WithWorkers(2))
		assert.NoError(t, err)
		assert.NotSame(t, chunks[jobs-2], chunks[jobs-1])
		distinct := make(map[context.Context]bool)
		for _, ctx := range chunks {
			distinct[ctx] = true
		}
		assert.Less(t, len(distinct), jobs/50)
	})
}
