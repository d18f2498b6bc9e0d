package modeltest

import (
	"context"
	"errors"
	"time"

	"github.com/boundedgo/workerpool"
)

// watching is who looks at a pool.
type watching int

const (
	watchTiming watching = 1 << iota
	watchHooks
	watchAlone // nobody reads Results: outcomes reach hooks only
)

var watchings = []watching{0, 0, 0, watchTiming, watchHooks, watchTiming | watchHooks, watchHooks | watchAlone}

func (w watching) options(hooks workerpool.Hooks) (opts []workerpool.Option) {
	if w&watchTiming != 0 {
		opts = append(opts, workerpool.WithTiming())
	}
	if w&watchHooks != 0 {
		opts = append(opts, workerpool.WithHooks(hooks))
	}
	if w&watchAlone != 0 {
		opts = append(opts, workerpool.WithoutResults())
	}
	return opts
}

// told is how often hooks were told of a job.
type told struct {
	queued, started, retrying, done int
	seenID                          uint64
}

func (w *world) hooks() workerpool.Hooks {
	return workerpool.Hooks{Queued: w.hookQueued, Started: w.hookStarted, Retrying: w.hookRetrying, Done: w.hookDone}
}

func (w *world) hookQueued(ctx context.Context, i workerpool.JobInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := i.Job.(*job)
	j.queued++
	j.seenID = i.ID
	w.must(j.queued == 1 && j.started == 0 && j.done == 0 && i.Attempt == 0, "Queued: %s", j.fateString())
	w.must(j.call.bulk == nil, "Queued of a bulk call's: %s", j.fateString())
	w.must(j.call.op == callTrySubmit || ctx == j.call.ctx, "the context of Queued is not the submitter's: %s", j.fateString())
}

func (w *world) hookStarted(ctx context.Context, i workerpool.JobInfo) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := i.Job.(*job)
	j.started++
	w.must(j.started == i.Attempt && j.retrying == j.started-1 && j.done == 0 && j.attempts() == i.Attempt-1, "Started: %s", j.fateString())
	w.must(j.call.bulk != nil || j.queued == 1 && j.seenID == i.ID, "Started and not Queued: %s", j.fateString())
	return ctx
}

func (w *world) hookRetrying(_ context.Context, i workerpool.JobInfo, _ time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := i.Job.(*job)
	j.retrying++
	w.must(j.retrying == i.Attempt && j.attempts() == i.Attempt && j.done == 0 && errors.Is(i.Err, errFlop), "Retrying: %s", j.fateString())
}

func (w *world) hookDone(_ context.Context, i workerpool.JobInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := i.Job.(*job)
	j.done++
	w.must(j.done == 1 && j.received == 0 && i.Attempt == j.attempts() && j.began == j.ended, "Done: %s", j.fateString())
	w.must(j.began == 0 || (i.Err == nil) == (j.outcome == endReturn), "Done says %v: %s", i.Err, j.fateString())
	if w.watch&watchAlone == 0 || !j.call.op.forResults() {
		return
	}
	switch { // this is how the outcome is received
	case i.Err == nil:
		w.judge(j, j.id, nil)
	case j.attempts() > 0 || errors.Is(i.Err, workerpool.ErrNotRun):
		w.judge(j, 0, i.Err)
	}
}

// checkRunning compares what the pool says of jobs that run with the model.
func (w *world) checkRunning(jobs []workerpool.JobInfo) {
	if w.watch&watchTiming == 0 {
		w.must(jobs == nil, "Running without WithTiming")
		return
	}
	running := 0
	for _, j := range w.jobs {
		if j.running() {
			running++
		}
	}
	w.must(len(jobs) == running, "Running has %d of %d jobs", len(jobs), running)
	for _, i := range jobs {
		w.must(i.Job.(*job).running(), "Running has: %s", i.Job.(*job).fateString())
	}
}

// checkTold is for when all is over.
func (w *world) checkTold(s workerpool.Stats) {
	if w.watch&watchHooks != 0 {
		for _, j := range w.jobs {
			w.must(j.started == j.attempts(), "at the end, Started %d times: %s", j.started, j.fateString())
			if j.call.bulk != nil {
				w.must(j.done == min(1, j.attempts()) && j.queued == 0, "at the end, Done %d times: %s", j.done, j.fateString())
			} else {
				w.must(j.done == j.queued && (j.queued == 1 || !j.accepted), "at the end, Queued %d times, Done %d: %s", j.queued, j.done, j.fateString())
			}
		}
	}
	if t := s.Timing; t != nil {
		w.must(t.OldestQueued == 0 && t.LongestRunning == 0, "at the end: %+v", t)
		w.must(t.Run.Count() == s.Completed-s.Failed && t.Failed.Count() == s.Failed+s.Retries, "at the end: %d and %d of %+v", t.Run.Count(), t.Failed.Count(), s)
	}
}
