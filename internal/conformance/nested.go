package conformance

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func nestedChecks() []check {
	return []check{
		{"Do inside Do", sizes(checkDoInsideDo)},
		{"Submit into a full queue", sizes(checkNestedSubmit)},
		{"a crawler", sizes(checkCrawler)},
		{"goroutines of one job", sizes(checkGoroutinesOfOneJob)},
		{"bad ends inside", sizes(checkNestedBadEnds)},
		{"Stop while nested", sizes(checkStopNested)},
		{"not after Stop", checkNestedAfterStop},
		{"no longer than the job runs", checkContextOfEndedJob},
	}
}

// nested checks what a call from inside a job returned. It reports whether its job
// was accepted.
func (tr *trial) nested(err error) bool {
	tr.t.Helper()
	return err == nil || !tr.traits.NestedMayRefuse && !assert.NoError(tr.t, err)
}

// deeper is a job that has another one do it but for the last of N levels.
func deeper() func(tr *trial) {
	return doing("deeper", func(tr *trial, ctx context.Context, job Job) (Value, error) {
		if job.Times == 0 {
			return valueOf(job), nil
		}
		inner := Job{N: job.N + 1, Do: "deeper", Times: job.Times - 1}
		value, err := tr.pool.Do(ctx, inner)
		if tr.nested(err) {
			tr.succeeded(inner, value, err)
		}
		return valueOf(job), nil
	})
}

func checkDoInsideDo(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer}, deeper())
	callers := make([]<-chan outcome, 2*workers)
	for n := range callers {
		callers[n] = tr.goDo(t.Context(), Job{N: 100 * n, Do: "deeper", Times: 10})
	}
	for n, c := range callers {
		o := result(tr, "Do", c)
		tr.succeeded(Job{N: 100 * n}, o.value, o.err)
	}
	require.NoError(t, tr.wait(t.Context()))
	if !tr.traits.NestedMayRefuse {
		assert.Len(t, tr.order, len(callers)*11)
	}
}

// kids notes the jobs that were accepted from inside others.
type kids struct {
	mu   sync.Mutex
	jobs []Job
}

func (k *kids) submit(tr *trial, ctx context.Context, job Job) {
	err := tr.pool.Submit(ctx, job)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.jobs = append(k.jobs, job)
		return
	}
	if tr.traits.NestedMayRefuse {
		assert.ErrorIs(tr.t, err, workerpool.ErrFull)
		return
	}
	assert.NoError(tr.t, err)
}

// Each job submits more than there are places, and nobody else could make some.
func checkNestedSubmit(t *testing.T, m Maker, workers, buffer int) {
	var k kids
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer},
		doing("submit", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			assert.NoError(tr.t, tr.pause(ctx, job))
			for n := range job.Times {
				k.submit(tr, ctx, Job{N: 1000*(job.N+1) + n})
			}
			return valueOf(job), nil
		}))
	parents := plain("submit", 0, workers-1)
	for i := range parents {
		parents[i].Times = 2 * (workers + buffer)
	}
	tr.submitAll(parents...)
	tr.awaitRunning(workers)
	reader := tr.goReadToEnd()
	tr.releaseAll()
	require.NoError(t, tr.wait(t.Context()))
	tr.close()
	tr.allSucceeded(tr.accountFor(append(k.jobs, parents...), result(tr, "the end of Results", reader)))
	if !tr.traits.NestedMayRefuse {
		assert.Len(t, k.jobs, workers*parents[0].Times)
	}
}

// Jobs that submit jobs that they find, one reader that only reads, and Wait for the end.
func checkCrawler(t *testing.T, m Maker, workers, buffer int) {
	const pages = 100
	var seen sync.Map
	var k kids
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer},
		doing("crawl", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			for _, link := range []int{2*job.N + 1, 2*job.N + 2, job.N / 2} {
				if _, dup := seen.LoadOrStore(link, true); link < pages && !dup {
					k.submit(tr, ctx, Job{N: link, Do: "crawl"})
				}
			}
			return valueOf(job), nil
		}))
	seen.Store(0, true)
	first := Job{N: 0, Do: "crawl"}
	reader := tr.goReadToEnd()
	tr.submitAll(first)
	require.NoError(t, tr.wait(t.Context()))
	tr.close()
	tr.allSucceeded(tr.accountFor(append(k.jobs, first), result(tr, "the end of Results", reader)))
	if !tr.traits.NestedMayRefuse {
		assert.Len(t, k.jobs, pages-1)
	}
}

// Several goroutines of one job call at once. Those that need its place take turns, so that
// the bound holds for the jobs inside, and for those that go on after a call.
func checkGoroutinesOfOneJob(t *testing.T, m Maker, workers, buffer int) {
	var g gauge
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer},
		doing("work", func(_ *trial, _ context.Context, job Job) (Value, error) {
			g.work()
			return valueOf(job), nil
		}),
		doing("fan out", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			g.work()
			var wg sync.WaitGroup
			for n := range job.Times {
				wg.Go(func() {
					inner := Job{N: 100*(job.N+1) + n, Do: "work"}
					value, err := tr.pool.Do(ctx, inner)
					if tr.nested(err) {
						tr.succeeded(inner, value, err)
					}
				})
			}
			wg.Wait()
			g.work()
			return valueOf(job), nil
		}))
	jobs := plain("fan out", 0, 3*workers)
	for i := range jobs {
		jobs[i].Times = 6
	}
	reader := tr.goReadToEnd()
	tr.submitAll(jobs...)
	require.NoError(t, tr.wait(t.Context())) // Close would refuse the jobs inside
	tr.close()
	tr.allSucceeded(result(tr, "the end of Results", reader))
	assert.LessOrEqual(t, g.peak, workers, "jobs that work at once")
}

// gauge knows how many work at once at most.
type gauge struct {
	mu        sync.Mutex
	now, peak int
}

// work takes long enough that others may begin meanwhile.
func (g *gauge) work() {
	g.add(1)
	defer g.add(-1)
	for range 10 {
		runtime.Gosched()
	}
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.peak = max(g.peak, g.now)
}

func checkNestedBadEnds(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer},
		doing("nest bad ends", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			for n, e := range endings() {
				inner := Job{N: 100*(job.N+1) + n, Do: e.name, Error: "own"}
				value, err := tr.pool.Do(ctx, inner)
				if !tr.traits.NestedMayRefuse || slices.Contains(tr.started(), inner.N) {
					e.check(tr, inner, value, err)
				}
			}
			return valueOf(job), nil
		}))
	jobs := plain("nest bad ends", 0, workers-1)
	tr.submitAll(jobs...)
	tr.allSucceeded(tr.read(len(jobs)))
	tr.finish(tr.fill())
}

// started returns the jobs that have started.
func (tr *trial) started() []int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.order)
}

func checkStopNested(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer},
		doing("nest", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			inner := Job{N: job.N + 100, Do: "wait"}
			_, err := tr.pool.Do(ctx, inner)
			if slices.Contains(tr.started(), inner.N) {
				assert.ErrorIs(tr.t, err, workerpool.ErrStopped)
			} else if assert.True(tr.t, tr.traits.NestedMayRefuse, fmt.Sprintf("a nested job that did not start: %v", err)) {
				return Value{}, tr.pause(ctx, job)
			}
			return Value{}, err
		}))
	jobs := plain("nest", 1, workers)
	tr.submitAll(jobs...)
	for n := 1; n <= workers; n++ {
		tr.await("the nested jobs", func() bool { return tr.starts[n] > 0 && (tr.traits.NestedMayRefuse || tr.starts[n+100] > 0) })
	}
	rs := tr.stop()
	if tr.traits.Stores { // the next pool would run what they submit, too
		return
	}
	for _, r := range tr.accountFor(jobs, rs) {
		assert.ErrorIs(t, r.Err, workerpool.ErrStopped)
	}
}

// A job that goes on after Stop submits nothing more.
func checkNestedAfterStop(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4},
		doing("go on", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			err := tr.pause(ctx, job)
			if err == nil {
				return valueOf(job), nil // in the next pool
			}
			ctx = context.WithoutCancel(ctx)
			tr.refused(tr.pool.Submit(ctx, Job{N: 100}), workerpool.ErrStopped)
			tr.refused(tr.pool.TrySubmit(Job{N: 101}), workerpool.ErrStopped)
			_, doErr := tr.pool.Do(ctx, Job{N: 102})
			tr.refused(doErr, workerpool.ErrStopped)
			return Value{}, err
		}))
	jobs := plain("go on", 1, 2)
	tr.submitAll(jobs...)
	tr.awaitRunning(2)
	tr.accountFor(jobs, tr.stop())
	tr.never(100, 101, 102)
}

// The context of a job that has ended is one like any other. The pool is full, so that who had
// a place lent would run, and who has none gives up.
func checkContextOfEndedJob(t *testing.T, m Maker) {
	leaked := make(chan context.Context, 1)
	tr := try(t, m, Settings{Workers: 1, Buffer: 1},
		doing("leak", func(_ *trial, ctx context.Context, job Job) (Value, error) {
			leaked <- context.WithoutCancel(ctx)
			return valueOf(job), nil
		}))
	tr.submitAll(Job{N: 100, Do: "leak"})
	tr.allSucceeded(tr.read(1))
	old, _ := receive(leaked)
	if err := tr.wait(old); !tr.traits.NestedMayRefuse {
		assert.NoError(t, err, "it does not wait for itself")
	}
	jobs := tr.fill()
	ctx, cancel := context.WithTimeout(old, 20*time.Millisecond)
	defer cancel()
	_, err := tr.do(ctx, Job{N: 101})
	assert.Error(t, err)
	assert.Error(t, tr.submit(ctx, Job{N: 102}))
	tr.finish(jobs)
	tr.never(101, 102)
	assert.Equal(t, 1, tr.peak, "jobs at once")
}
