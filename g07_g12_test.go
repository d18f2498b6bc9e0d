package workerpool_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// After each worker has seen every bad end, all of them still work at once.
func TestG07_TheSizeStays(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		var g gauge
		gate := make(chan struct{})
		calm := gated(&g, gate)
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			switch n % 3 {
			case 0:
				runtime.Goexit()
			case 1:
				panic(n)
			}
			return calm(ctx, n)
		}, sized(workers, buffer)...)
		for n := range 20 * workers {
			if n%3 != 2 {
				_, err := p.Do(t.Context(), n)
				assert.Error(t, err)
			}
		}
		for range 2 * workers {
			go func() {
				_, err := p.Do(t.Context(), 2)
				assert.NoError(t, err)
			}()
		}
		synctest.Wait()
		now, _, _ := g.read()
		assert.Equal(t, workers, now)
		close(gate)
		assert.NoError(t, p.Wait(t.Context()))
		p.Stop()
	})
}

// A panic whose value can't even be printed.
func TestG07_PanicValueThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { panic(angry{}) })
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		assert.Contains(t, err.Error(), "PANIC=String method: angry")
		assert.Equal(t, angry{}, asPanic(t, err).Value)
	})
}

type angry struct{}

func (angry) String() string { panic("angry") }

func TestG07_ThePanicsStackIsThatOfTheJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(context.Context, int) (int, error) { return explode() })
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		stack := string(asPanic(t, err).Stack)
		assert.Regexp(t, `^goroutine \d+ .*\npanic\(`, stack)
		assert.Contains(t, stack, "workerpool_test.explode(")
	})
}

//go:noinline
func explode() (int, error) { panic("boom") }

func TestG08_OneWorkerRunsInOrder(t *testing.T) {
	for _, buffer := range []int{0, 1, 64} {
		bubble(t, func(t *testing.T) {
			var order []int
			p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
				order = append(order, n)
				time.Sleep(time.Second)
				return n, nil
			}, sized(1, buffer)...)
			go readAll(p)
			for n := range 30 {
				switch n % 3 {
				case 0:
					go func() { assert.NoError(t, p.Submit(t.Context(), n)) }()
				case 1:
					go func() { _, err := p.Do(t.Context(), n); assert.NoError(t, err) }()
				case 2:
					if p.TrySubmit(n) != nil {
						go func() { assert.NoError(t, p.Submit(t.Context(), n)) }()
					}
				}
				synctest.Wait() // it is in the queue, or waits for a place in its turn
			}
			require.NoError(t, p.Wait(t.Context()))
			assert.Equal(t, upTo(30), order)
			p.Stop()
		})
	}
}

// The race detector is the judge: nothing here is synchronized but by the pool.
func TestG09_SubmitBeforeFuncBeforeResult(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	p := newPoolOf(t, func(_ context.Context, job *[2]int) (*[2]int, error) {
		job[1] = job[0] + 1
		return job, nil
	}, sized(4, 8)...)
	defer p.Stop()
	go func() {
		defer p.Close()
		for n := range 2000 {
			job := new([2]int)
			job[0] = n
			if n%2 == 0 {
				assert.NoError(t, p.Submit(t.Context(), job))
				continue
			}
			got, err := p.Do(t.Context(), job)
			assert.NoError(t, err)
			assert.Equal(t, n+1, got[1])
		}
	}()
	for r := range p.Results() {
		assert.Equal(t, r.Job[0]+1, r.Value[1])
	}
}

// tracked is big enough not to share its memory with others.
type tracked struct{ _ [64]byte }

// track makes a value and counts it in gone when the collector has found it to be
// unreachable.
func track(gone *atomic.Int64) *tracked {
	v := new(tracked)
	runtime.AddCleanup(v, func(gone *atomic.Int64) { gone.Add(1) }, gone)
	return v
}

func eventuallyGone(t *testing.T, gone *atomic.Int64, want int64) {
	t.Helper()
	assert.Eventually(t, func() bool {
		runtime.GC()
		return gone.Load() == want
	}, 10*time.Second, time.Millisecond)
}

func TestG11_NothingIsKept(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, o := range []struct {
		name string
		run  func(ctx context.Context)
	}{
		{"return", func(context.Context) {}},
		{"panic", func(context.Context) { panic("boom") }},
		{"Goexit", func(context.Context) { runtime.Goexit() }},
	} {
		t.Run(o.name, func(t *testing.T) {
			var gone atomic.Int64
			p := newPoolOf(t, func(ctx context.Context, job *tracked) (*tracked, error) {
				o.run(ctx)
				return track(&gone), nil
			}, sized(2, 4)...)
			defer p.Stop()
			returned := 0
			const n = 20
			for range n {
				require.NoError(t, p.Submit(t.Context(), track(&gone)))
				if r := <-p.Results(); r.Err == nil {
					returned++
				}
				_, err := p.Do(t.Context(), track(&gone))
				if err == nil {
					returned++
				}
			}
			require.NoError(t, p.Wait(t.Context()))
			eventuallyGone(t, &gone, int64(2*n+returned))
		})
	}
}

// Nor while its worker waits for its place, which a goroutine that the job left behind has.
func TestG11_NothingIsKeptWhileThePlaceIsLent(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ways := map[string]func(p *workerpool.Pool[*tracked, int], job *tracked){
		"Submit": func(p *workerpool.Pool[*tracked, int], job *tracked) {
			require.NoError(t, p.Submit(t.Context(), job))
			<-p.Results()
		},
		"Do": func(p *workerpool.Pool[*tracked, int], job *tracked) {
			_, err := p.Do(t.Context(), job)
			require.NoError(t, err)
		},
	}
	for way, run := range ways {
		for name, options := range map[string][]workerpool.Option{
			"plain":   nil,
			"timeout": {workerpool.WithJobTimeout(time.Hour)},
			"retry":   {upToAttempts(2, 0)},
			"timing":  {workerpool.WithTiming()},
		} {
			t.Run(way+" "+name, func(t *testing.T) {
				var gone atomic.Int64
				gate, inside := make(chan struct{}), make(chan struct{})
				var left sync.WaitGroup
				var p *workerpool.Pool[*tracked, int]
				p = newPoolOf(t, func(ctx context.Context, job *tracked) (int, error) {
					if job == nil {
						close(inside)
						<-gate
						return 0, nil
					}
					left.Go(func() { _, _ = p.Do(ctx, nil) })
					<-inside
					return 0, nil
				}, sized(1, 4, options...)...)
				defer p.Stop()
				run(p, track(&gone))
				eventuallyGone(t, &gone, 1)
				close(gate)
				left.Wait()
			})
		}
	}
}

// What a Do that gave up left in the queue is not kept there, though its place is
// still taken; and a job's context, which anyone may keep, keeps neither job nor
// value.
func TestG11_NothingIsKeptForALeaver(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var gone atomic.Int64
	gate := make(chan struct{})
	contexts := make(chan context.Context, 100)
	p := newPoolOf(t, func(ctx context.Context, job *tracked) (*tracked, error) {
		contexts <- ctx
		if job == nil {
			<-gate
		}
		return track(&gone), nil
	}, sized(1, 4)...)
	defer p.Stop()
	_, err := p.Do(t.Context(), track(&gone))
	require.NoError(t, err)
	require.NoError(t, p.Submit(t.Context(), track(&gone)))
	<-p.Results()
	require.NoError(t, p.Submit(t.Context(), nil))
	for len(contexts) < 3 {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { _, err := p.Do(ctx, track(&gone)); done <- err }()
	for p.Stats().Queued == 0 {
		runtime.Gosched()
	}
	cancel()
	require.ErrorIs(t, <-done, workerpool.ErrNotRun)
	assert.Equal(t, 1, p.Stats().Queued)
	eventuallyGone(t, &gone, 2+2+1)
	close(gate)
	runtime.KeepAlive(contexts)
}

// bulkCalls are the bulk calls, with all there is to do with their results.
var bulkCalls = map[string]func(ctx context.Context, p *workerpool.Pool[*tracked, *tracked], jobs []*tracked){
	"Map": func(ctx context.Context, p *workerpool.Pool[*tracked, *tracked], jobs []*tracked) {
		_, _ = p.Map(ctx, jobs)
	},
	"Collect": func(ctx context.Context, p *workerpool.Pool[*tracked, *tracked], jobs []*tracked) {
		_, _ = p.Collect(ctx, jobs)
	},
	"Stream": func(ctx context.Context, p *workerpool.Pool[*tracked, *tracked], jobs []*tracked) {
		results, _ := p.Stream(ctx, slices.Values(jobs))
		for range results {
		}
	},
	"Stream that is left": func(ctx context.Context, p *workerpool.Pool[*tracked, *tracked], jobs []*tracked) {
		results, _ := p.StreamUnordered(ctx, slices.Values(jobs))
		for range results {
			break
		}
	},
}

func trackedJobs(gone *atomic.Int64, n int) []*tracked {
	jobs := make([]*tracked, n)
	for i := range jobs {
		jobs[i] = track(gone)
	}
	return jobs
}

func TestG11_NothingIsKeptOfABulkCall(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for name, call := range bulkCalls {
		t.Run(name, func(t *testing.T) {
			var gone, made atomic.Int64
			contexts := make(chan context.Context, 1000)
			p := newPoolOf(t, func(ctx context.Context, job *tracked) (*tracked, error) {
				contexts <- ctx
				made.Add(1)
				return track(&gone), nil
			}, sized(2, 4)...)
			defer p.Stop()
			call(t.Context(), p, trackedJobs(&gone, 200))
			eventuallyGone(t, &gone, 200+made.Load())
			runtime.KeepAlive(contexts) // which anyone may keep
		})
	}
}

// A call may be over before any worker has received its ticket.
func TestG11_ATicketKeepsNothing(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for name, call := range bulkCalls {
		t.Run(name, func(t *testing.T) {
			var gone atomic.Int64
			gate := make(chan struct{})
			p := newPoolOf(t, func(context.Context, *tracked) (*tracked, error) { <-gate; return nil, nil }, sized(1, 4)...)
			defer p.Stop()
			require.NoError(t, p.Submit(t.Context(), nil))
			for p.Stats().Busy == 0 {
				runtime.Gosched()
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for p.Stats().Queued == 0 {
					runtime.Gosched()
				}
				cancel()
			}()
			call(ctx, p, trackedJobs(&gone, 20))
			assert.Equal(t, 1, p.Stats().Queued, "the ticket")
			eventuallyGone(t, &gone, 20)
			close(gate)
		})
	}
}

// The package has nothing of its own that would tie one bubble to another.
func TestG12_OneBubbleAfterAnother(t *testing.T) {
	for range 3 {
		matrix(t, func(t *testing.T, workers, buffer int) {
			p := outcomePool(t, workers, buffer)
			jobs := upTo(2 * len(outcomes))
			_, err := p.Do(t.Context(), 0)
			assert.NoError(t, err)
			submitAll(t, p, jobs)
			assert.Equal(t, jobs, jobsOf(readAll(p)))
		})
	}
}

// Goroutines that wait inside the pool are durably blocked in the sense of package
// synctest: if one of them were not, time could not move on here.
func TestG12_WaitingInThePoolLetsTimePass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, patient, sized(2, 1)...)
		fill(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		errs := make(chan error)
		go func() { errs <- p.Submit(ctx, 0) }()
		go func() { _, err := p.Do(ctx, 0); errs <- err }()
		go func() { errs <- p.Wait(ctx) }()
		go func() { errs <- p.Shutdown(ctx) }()
		for range 4 {
			assert.Error(t, <-errs)
		}
		p.Stop()
	})
}
