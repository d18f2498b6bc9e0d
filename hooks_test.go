package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

// diary notes what hooks are told.
type diary struct {
	mu    sync.Mutex
	lines []string
	jobs  map[string][]workerpool.JobInfo // by hook
}

func (d *diary) write(hook string, j workerpool.JobInfo, more ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	line := fmt.Sprintf("%s %v", hook, j.Job)
	if j.Attempt > 0 {
		line += fmt.Sprintf(" #%d", j.Attempt)
	}
	for _, m := range more {
		line += fmt.Sprintf(" %v", m)
	}
	d.lines = append(d.lines, line)
	if d.jobs == nil {
		d.jobs = map[string][]workerpool.JobInfo{}
	}
	d.jobs[hook] = append(d.jobs[hook], j)
}

func (d *diary) rejected(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, "Rejected "+kind(err))
}

// read returns what was noted, and forgets it.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

type key string

// hooks are hooks that write into d. They tell of the value of name in the contexts.
func (d *diary) hooks(name key) workerpool.Hooks {
	return workerpool.Hooks{
		Queued: func(ctx context.Context, j workerpool.JobInfo) { d.write("Queued", j, ctx.Value(name)) },
		Started: func(ctx context.Context, j workerpool.JobInfo) context.Context {
			d.write("Started", j, ctx.Value(name))
			return context.WithValue(ctx, name, "started")
		},
		Done: func(ctx context.Context, j workerpool.JobInfo) {
			d.write("Done", j, kind(j.Err), ctx.Value(name))
		},
		Rejected: func(_ context.Context, err error) { d.rejected(err) },
	}
}

// kind is what an error is, in short.
func kind(err error) string {
	var caught *workerpool.PanicError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, workerpool.ErrFull):
		return "full"
	case errors.Is(err, workerpool.ErrClosed):
		return "closed"
	case errors.Is(err, workerpool.ErrNotRun):
		return "not-run"
	case errors.Is(err, workerpool.ErrGoexit):
		return "exited"
	case errors.As(err, &caught):
		return "panicked"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return err.Error()
}

const (
	jobFails = iota + 100
	jobPanics
	jobExits
	jobSleeps // for a minute
)

// variously does what the job says.
func variously(_ context.Context, n int) (int, error) {
	switch n {
	case jobFails:
		return 0, errOwn
	case jobPanics:
		panic("at the disco")
	case jobExits:
		runtime.Goexit()
	case jobSleeps:
		time.Sleep(time.Minute)
	}
	return n, nil
}

func TestHooks_OfOneJob(t *testing.T) {
	const name = key("name")
	outcomes := map[int]string{1: "ok", jobFails: errOwn.Error(), jobPanics: "panicked", jobExits: "exited"}
	for job, outcome := range outcomes {
		bubble(t, func(t *testing.T) {
			ctx := context.WithValue(t.Context(), name, "caller")
			var d diary
			p := newPoolOf(t, variously, sized(1, 4, workerpool.WithHooks(d.hooks(name)))...)
			defer p.Stop()

			_, err := p.Do(ctx, job)
			assert.Equal(t, outcome, kind(err))
			assert.Equal(t, []string{
				fmt.Sprintf("Queued %d caller", job),
				fmt.Sprintf("Started %d #1 caller", job),
				fmt.Sprintf("Done %d #1 %s started", job, outcome),
			}, d.read(), "of Do")

			assert.NoError(t, p.Submit(ctx, job))
			<-p.Results()
			assert.Equal(t, []string{
				fmt.Sprintf("Queued %d caller", job),
				fmt.Sprintf("Started %d #1 <nil>", job),
				fmt.Sprintf("Done %d #1 %s started", job, outcome),
			}, d.read(), "of Submit")

			assert.NoError(t, p.TrySubmit(job))
			<-p.Results()
			assert.Equal(t, []string{
				fmt.Sprintf("Queued %d <nil>", job),
				fmt.Sprintf("Started %d #1 <nil>", job),
				fmt.Sprintf("Done %d #1 %s started", job, outcome),
			}, d.read(), "of TrySubmit")
			assert.Zero(t, d.jobs["Done"][0].Finished, "without WithTiming")
			assert.Nil(t, p.Running())
			assert.Nil(t, p.Stats().Timing)
		})
	}
}

func TestHooks_OfJobsThatNeverRan(t *testing.T) {
	const name = key("name")
	bubble(t, func(t *testing.T) {
		var d diary
		p := newPoolOf(t, variously, sized(1, 2, workerpool.WithHooks(d.hooks(name)), workerpool.WithName("thumbs"))...)
		assert.NoError(t, p.TrySubmit(jobSleeps))
		synctest.Wait()
		d.read()

		assert.NoError(t, p.TrySubmit(1))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, _ = p.Do(ctx, 2) }()
		synctest.Wait()
		assert.Error(t, p.TrySubmit(3))
		go func() { _ = p.Submit(ctx, 4) }()
		synctest.Wait()
		assert.Equal(t, []string{"Queued 1 <nil>", "Queued 2 <nil>", "Rejected full", "Queued 4 <nil>"}, d.read())

		cancel()
		synctest.Wait()
		lines := d.read()
		slices.Sort(lines)
		assert.Equal(t, []string{"Done 2 not-run <nil>", "Done 4 cancelled <nil>", "Rejected cancelled"}, lines)
		assert.Error(t, p.Submit(ctx, 5))
		_, err := p.Do(ctx, 5)
		assert.Error(t, err)
		_, err = p.Map(ctx, []int{5})
		assert.Error(t, err)
		assert.Equal(t, []string{"Rejected cancelled", "Rejected not-run", "Rejected cancelled"}, d.read())

		assert.Len(t, p.Stop(), 2)
		assert.Equal(t, []string{"Done 1 not-run <nil>", "Done 103 #1 ok started"}, d.read())
		assert.Error(t, p.TrySubmit(6))
		_, err = p.Map(t.Context(), []int{6})
		assert.Error(t, err)
		var none context.Context
		_, err = p.Do(none, 6)
		assert.Error(t, err)
		assert.Equal(t, []string{"Rejected closed", "Rejected closed", "Rejected " + err.Error()}, d.read())
		for _, j := range d.jobs["Done"] {
			assert.Equal(t, "thumbs", j.Pool)
			assert.NotZero(t, j.ID)
			assert.Equal(t, j.Job == 4, j.Refused, j.Job)
		}
	})
}

func TestHooks_OfBulkCalls(t *testing.T) {
	const name = key("name")
	bubble(t, func(t *testing.T) {
		ctx := context.WithValue(t.Context(), name, "caller")
		var d diary
		p := newPoolOf(t, variously, sized(1, 4, workerpool.WithHooks(d.hooks(name)))...)
		defer p.Stop()
		results, err := p.Collect(ctx, []int{1, jobFails, jobPanics, jobExits, 2})
		assert.NoError(t, err)
		assert.Len(t, results, 5)
		var want []string
		for i, outcome := range []string{"ok", errOwn.Error(), "panicked", "exited", "ok"} {
			job := []int{1, jobFails, jobPanics, jobExits, 2}[i]
			want = append(want, fmt.Sprintf("Started %d #1 caller", job), fmt.Sprintf("Done %d #1 %s started", job, outcome))
		}
		assert.Equal(t, want, d.read())

		const n = 5000 // long chunks
		for _, call := range []func() error{
			func() error { _, err := p.Map(ctx, upTo(n)[:100]); return err },
			func() error {
				results, errf := p.Stream(ctx, count(n))
				for r := range results {
					assert.True(t, r.Err != nil || r.Job == r.Value || r.Job == jobExits)
				}
				return errf()
			},
		} {
			_ = call()
			began, ended := map[string]int{}, map[string]int{}
			for _, line := range d.read() {
				what, job, _ := strings.Cut(line, " ")
				job, _, _ = strings.Cut(job, " ")
				if what == "Started" {
					began[job]++
				} else {
					ended[job]++
				}
			}
			assert.Equal(t, began, ended)
			for job, times := range began {
				assert.Equal(t, 1, times, job)
			}
		}
	})
}

// Each observer goes about its business, whatever others do.
func TestHooks_Several(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d diary
		first, second := d.hooks("first"), d.hooks("second")
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			assert.Equal(t, "started", ctx.Value(key("first")))
			assert.Equal(t, "started", ctx.Value(key("second")))
			return n, nil
		}, sized(1, 4, workerpool.WithHooks(first), workerpool.WithHooks(workerpool.Hooks{}), workerpool.WithHooks(second))...)
		defer p.Stop()
		_, err := p.Do(context.WithValue(t.Context(), key("first"), "one"), 1)
		assert.NoError(t, err)
		assert.Equal(t, []string{
			"Queued 1 one", "Queued 1 <nil>",
			"Started 1 #1 one", "Started 1 #1 <nil>",
			"Done 1 #1 ok started", "Done 1 #1 ok started",
		}, d.read())
	})
}

// Done has the context of Started of the same Hooks, also when that of others, or Func, has
// ended the goroutine.
func TestHooks_DoneHasTheContextOfStarted(t *testing.T) {
	for _, exits := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			observer := func(name string) workerpool.Hooks {
				return workerpool.Hooks{
					Started: func(ctx context.Context, _ workerpool.JobInfo) context.Context {
						return context.WithValue(ctx, key("whose"), name)
					},
					Done: func(ctx context.Context, _ workerpool.JobInfo) { assert.Equal(t, name, ctx.Value(key("whose"))) },
				}
			}
			last := observer("last")
			if exits {
				last = workerpool.Hooks{
					Started: func(context.Context, workerpool.JobInfo) context.Context { runtime.Goexit(); return nil },
					Done:    func(ctx context.Context, _ workerpool.JobInfo) { assert.Equal(t, "second", ctx.Value(key("whose"))) },
				}
			}
			p := newPoolOf(t, variously, sized(1, 4, workerpool.WithHooks(observer("first")), workerpool.WithHooks(observer("second")), workerpool.WithHooks(last))...)
			defer p.Stop()
			for _, job := range []int{1, jobPanics, jobExits} {
				_, err := p.Do(t.Context(), job)
				if exits {
					assert.ErrorIs(t, err, workerpool.ErrGoexit)
				}
			}
			_, err := p.Collect(t.Context(), []int{1, jobPanics, jobExits})
			assert.NoError(t, err)
		})
	}
}

// So it is for hooks of which no job is told.
func TestHooks_ResizedExits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var told []int
		tells := workerpool.WithHooks(workerpool.Hooks{Resized: func(_, to int) { told = append(told, to) }})
		exits := workerpool.WithHooks(workerpool.Hooks{Resized: func(int, int) { runtime.Goexit() }})
		p := newPoolOf(t, noop, tells, exits, tells)
		defer p.Stop()
		go func() {
			_ = p.Resize(3)
			t.Error("the hook has ended this goroutine")
		}()
		synctest.Wait()
		assert.Equal(t, []int{3, 3}, told)
	})
}

// A hook that ends its goroutine takes nothing away from others: each Queued has its Done.
func TestHooks_OneExitsOthersDoNot(t *testing.T) {
	bad := map[string]workerpool.Hooks{
		"Queued":   {Queued: func(context.Context, workerpool.JobInfo) { runtime.Goexit() }},
		"Started":  {Started: func(context.Context, workerpool.JobInfo) context.Context { runtime.Goexit(); return nil }},
		"Done":     {Done: func(context.Context, workerpool.JobInfo) { runtime.Goexit() }},
		"Rejected": {Rejected: func(context.Context, error) { runtime.Goexit() }},
	}
	for what, hooks := range bad {
		for _, first := range []bool{true, false} {
			bubble(t, func(t *testing.T) {
				var queued, done, rejected atomic.Int64
				good := workerpool.Hooks{
					Queued:   func(context.Context, workerpool.JobInfo) { queued.Add(1) },
					Done:     func(context.Context, workerpool.JobInfo) { done.Add(1) },
					Rejected: func(context.Context, error) { rejected.Add(1) },
				}
				order := []workerpool.Option{workerpool.WithHooks(good), workerpool.WithHooks(hooks), workerpool.WithTiming()}
				if first {
					order[0], order[1] = order[1], order[0]
				}
				p := newPoolOf(t, variously, sized(1, 1, order...)...)
				for _, job := range []int{1, jobSleeps, 2, 3} { // the last two have to wait, and one is refused
					go func() { _, _ = p.Do(t.Context(), job) }()
					synctest.Wait()
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				go func() { _, _ = p.Do(ctx, 4) }()
				time.Sleep(2 * time.Second)
				p.Stop()
				synctest.Wait()
				assert.Equal(t, int64(5), queued.Load(), what)
				assert.Equal(t, int64(5), done.Load(), what)
				if what == "Done" || what == "Rejected" { // else no job is in the way of others
					assert.Equal(t, int64(2), rejected.Load(), what)
				}
				assert.Zero(t, p.Stats().Timing.OldestQueued, what)
			})
		}
	}
}

// A caller who takes his job back is told so, whatever a hook does.
func TestHooks_DoneOfAJobTakenBackExits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, variously, sized(1, 4, workerpool.WithHooks(workerpool.Hooks{
			Done: func(_ context.Context, j workerpool.JobInfo) { assert.False(t, j.Refused); runtime.Goexit() },
		}))...)
		defer p.Stop()
		assert.NoError(t, p.TrySubmit(jobSleeps))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Do(ctx, 1)
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
	})
}

func TestHooks_Resized(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d diary
		p := newPoolOf(t, variously, sized(2, 4, workerpool.WithHooks(workerpool.Hooks{
			Resized: func(from, to int) { d.write("Resized", workerpool.JobInfo{}, from, to) },
		}))...)
		assert.NoError(t, p.Resize(5))
		assert.NoError(t, p.Resize(5))
		assert.Error(t, p.Resize(0))
		assert.NoError(t, p.Resize(1))
		p.Stop()
		assert.Error(t, p.Resize(4))
		assert.Equal(t, []string{"Resized <nil> 2 5", "Resized <nil> 5 1"}, d.read())
	})
}

// everyWayIn brings jobs in every way, from goroutines of their own, and returns when these
// have ended: how many results will come on Results. Hooks may end the goroutines, or have
// calls refused.
func everyWayIn(t *testing.T, p *workerpool.Pool[int, int], jobs []int) int {
	var callers sync.WaitGroup
	var submitted atomic.Int64
	accepted := func(err error) {
		if err == nil {
			submitted.Add(1)
		}
	}
	for _, i := range jobs {
		callers.Go(func() { accepted(p.Submit(t.Context(), i)) })
		callers.Go(func() { accepted(p.TrySubmit(i)) })
		callers.Go(func() { _, _ = p.Do(t.Context(), i) })
		callers.Go(func() { _, _ = p.TryDo(t.Context(), i) })
	}
	callers.Go(func() {
		results, err := p.Collect(t.Context(), jobs)
		assert.NoError(t, err)
		assert.Len(t, results, len(jobs))
		for i, r := range results {
			assert.Equal(t, jobs[i], r.Job)
		}
	})
	callers.Go(func() {
		results, errf := p.StreamUnordered(t.Context(), slices.Values(jobs))
		had := 0
		for range results {
			had++
		}
		assert.NoError(t, errf())
		assert.Equal(t, len(jobs), had)
	})
	callers.Wait()
	return int(submitted.Load())
}

// G7: whatever a hook does, each accepted job has its result, and the pool its workers.
func TestG07_HooksThatDoHarm(t *testing.T) {
	harms := map[string]func(p *workerpool.Pool[int, int], ctx context.Context){
		"panics":     func(*workerpool.Pool[int, int], context.Context) { panic("of a hook") },
		"panics nil": func(*workerpool.Pool[int, int], context.Context) { panic(nil) },
		"exits":      func(*workerpool.Pool[int, int], context.Context) { runtime.Goexit() },
		"sleeps":     func(*workerpool.Pool[int, int], context.Context) { time.Sleep(time.Second) },
		"calls": func(p *workerpool.Pool[int, int], ctx context.Context) {
			if ctx == nil || ctx.Value(key("nested")) != nil {
				return
			}
			ctx = context.WithValue(ctx, key("nested"), true)
			_, err := p.Do(ctx, 1)
			assert.NoError(t, err)
			_ = p.Stats()
			_ = p.Running()
			_, err = p.Map(ctx, []int{1, 2})
			assert.NoError(t, err)
		},
	}
	kinds := map[string]func(p **workerpool.Pool[int, int], harm func(*workerpool.Pool[int, int], context.Context)) workerpool.Hooks{
		"Queued": func(p **workerpool.Pool[int, int], harm func(*workerpool.Pool[int, int], context.Context)) workerpool.Hooks {
			return workerpool.Hooks{Queued: func(ctx context.Context, _ workerpool.JobInfo) { harm(*p, ctx) }}
		},
		"Started": func(p **workerpool.Pool[int, int], harm func(*workerpool.Pool[int, int], context.Context)) workerpool.Hooks {
			return workerpool.Hooks{Started: func(ctx context.Context, _ workerpool.JobInfo) context.Context { harm(*p, ctx); return nil }}
		},
		"Done": func(p **workerpool.Pool[int, int], harm func(*workerpool.Pool[int, int], context.Context)) workerpool.Hooks {
			return workerpool.Hooks{Done: func(ctx context.Context, _ workerpool.JobInfo) { harm(*p, ctx) }}
		},
		"Rejected": func(p **workerpool.Pool[int, int], harm func(*workerpool.Pool[int, int], context.Context)) workerpool.Hooks {
			return workerpool.Hooks{Rejected: func(ctx context.Context, _ error) { harm(*p, ctx) }}
		},
		"Resized": func(p **workerpool.Pool[int, int], harm func(*workerpool.Pool[int, int], context.Context)) workerpool.Hooks {
			return workerpool.Hooks{Resized: func(int, int) { harm(*p, nil) }}
		},
	}
	for hook, hooks := range kinds {
		for what, harm := range harms {
			t.Run(hook+" "+what, func(t *testing.T) {
				captureLog(t)
				matrix(t, func(t *testing.T, workers, buffer int) {
					var p *workerpool.Pool[int, int]
					p = newPoolOf(t, variously, sized(workers, buffer, workerpool.WithHooks(hooks(&p, harm)), workerpool.WithTiming())...)
					had := make(chan int)
					go func() {
						n := 0
						for range p.Results() {
							n++
						}
						had <- n
					}()
					submitted := everyWayIn(t, p, []int{0, 1, 2, jobFails, jobPanics, jobExits, jobSleeps})
					resized := make(chan struct{})
					go func() {
						defer close(resized)
						_ = p.Resize(workers + 1)
					}()
					<-resized
					assert.NoError(t, p.Wait(t.Context()))
					synctest.Wait()
					s := p.Stats()
					assert.Zero(t, s.Busy)
					assert.Equal(t, workers+1, s.Workers)
					assert.NoError(t, p.Shutdown(t.Context()))
					s = p.Stats()
					assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
					assert.Zero(t, s.NotRun)
					assert.Equal(t, submitted, <-had)
					p.Stop()
				})
			})
		}
	}
}

// One that blocks keeps its own worker, and nobody else.
func TestG07_AHookThatBlocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		p := newPoolOf(t, variously, sized(2, 4, workerpool.WithHooks(workerpool.Hooks{
			Done: func(_ context.Context, j workerpool.JobInfo) {
				if j.Job == 1 {
					<-gate
				}
			},
		}), workerpool.WithTiming())...)
		assert.NoError(t, p.TrySubmit(1))
		synctest.Wait()
		for range 10 {
			_, err := p.Do(t.Context(), 2)
			assert.NoError(t, err)
		}
		running := p.Running()
		assert.Len(t, running, 1)
		assert.False(t, running[0].Finished.IsZero())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var late *workerpool.ShutdownError
		assert.ErrorAs(t, p.Shutdown(ctx), &late)
		assert.Equal(t, 1, late.Running)
		close(gate)
		assert.Len(t, p.Stop(), 1)
	})
}

func TestG01_TheOutcomeIsThatOfFuncThoughDoneExits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, variously, sized(1, 4, workerpool.WithHooks(workerpool.Hooks{
			Done: func(context.Context, workerpool.JobInfo) { runtime.Goexit() },
		}))...)
		defer p.Stop()
		jobs := []int{1, jobFails, jobPanics, jobExits, 2}
		outcomes := []string{"ok", errOwn.Error(), "panicked", "exited", "ok"}
		for i, job := range jobs {
			v, err := p.Do(t.Context(), job)
			assert.Equal(t, outcomes[i], kind(err))
			if err == nil {
				assert.Equal(t, job, v)
			}
		}
		results, err := p.Collect(t.Context(), jobs)
		assert.NoError(t, err)
		for i, r := range results {
			assert.Equal(t, outcomes[i], kind(r.Err))
			assert.Equal(t, jobs[i], r.Job)
			if r.Err == nil {
				assert.Equal(t, r.Job, r.Value)
			}
		}
		s := p.Stats()
		assert.Equal(t, uint64(10), s.Completed)
		assert.Equal(t, uint64(6), s.Failed)
		assert.Equal(t, uint64(2), s.Panicked)
	})
}

func TestHooks_PanicsAreLogged(t *testing.T) {
	log := captureLog(t)
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, variously, sized(1, 4, workerpool.WithName("thumbs"), workerpool.WithHooks(workerpool.Hooks{
			Started: func(context.Context, workerpool.JobInfo) context.Context { panic("of a hook") },
		}))...)
		_, err := p.Do(t.Context(), 1)
		assert.NoError(t, err)
		p.Stop()
		synctest.Wait()
	})
	assert.Contains(t, log(), "the hook Started panicked")
	assert.Contains(t, log(), "of a hook")
	assert.Contains(t, log(), "pool=thumbs")
}

func TestWithoutResults(t *testing.T) {
	log := captureLog(t)
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, variously, sized(workers, buffer, workerpool.WithoutResults())...)
		for n := range 1000 {
			assert.NoError(t, p.Submit(t.Context(), n%100), "nobody reads")
		}
		for _, n := range []int{jobFails, jobPanics, jobExits} {
			assert.NoError(t, p.Submit(t.Context(), n))
		}
		v, err := p.Do(t.Context(), 7)
		assert.NoError(t, err)
		assert.Equal(t, 7, v)
		values, err := p.Map(t.Context(), upTo(50))
		assert.NoError(t, err)
		assert.Equal(t, upTo(50), values)
		assert.NoError(t, p.Wait(t.Context()))
		s := p.Stats()
		assert.Equal(t, uint64(1054), s.Completed)
		assert.Equal(t, uint64(3), s.Failed)
		assert.Zero(t, s.Unread)

		assert.NoError(t, p.Submit(t.Context(), jobSleeps))
		synctest.Wait()
		for p.TrySubmit(1) == nil {
		}
		assert.Nil(t, p.Stop())
		_, ok := <-p.Results()
		assert.False(t, ok)
		s = p.Stats()
		assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
		assert.NotZero(t, s.Completed)
	})
	assert.Equal(t, 9, strings.Count(log(), "a job panicked"))
}

// What a hook Done has seen is not lost.
func TestWithoutResults_HooksSeePanics(t *testing.T) {
	log := captureLog(t)
	bubble(t, func(t *testing.T) {
		var d diary
		p := newPoolOf(t, variously, sized(1, 4, workerpool.WithoutResults(), workerpool.WithHooks(d.hooks("")))...)
		assert.NoError(t, p.Submit(t.Context(), jobPanics))
		assert.NoError(t, p.Shutdown(t.Context()))
		assert.Equal(t, "Done 101 #1 panicked started", d.lines[2])
	})
	assert.Empty(t, log())
}

func TestWithoutResults_IsNoOptionOfBulkFunctions(t *testing.T) {
	_, err := workerpool.Map(t.Context(), upTo(2), variously, workerpool.WithoutResults())
	assert.ErrorIs(t, err, workerpool.ErrInvalidOption)
	assert.ErrorContains(t, err, "WithoutResults: not an option of Map")
	_, errf := workerpool.Stream(t.Context(), count(2), variously, workerpool.WithoutResults())
	assert.NoError(t, errf(), "nothing happens before the range")
}
