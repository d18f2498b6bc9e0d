package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func leakChecks() (checks []check) {
	stop := func(tr *trial) { tr.stop() }
	for _, e := range []struct {
		name string
		end  func(tr *trial)
		busy bool // is of interest only while jobs run
	}{
		{name: "Stop", end: stop},
		{name: "Stop, twice at once", end: func(tr *trial) {
			other := started(tr.pool.Stop)
			tr.stop()
			result(tr, "Stop", other)
		}},
		{name: "Close, and read", end: func(tr *trial) { tr.releaseAll(); tr.close(); tr.readToEnd() }},
		{name: "Close, and Stop", end: func(tr *trial) { tr.close(); tr.stop() }},
		{name: "Shutdown, and read", end: func(tr *trial) {
			reader := tr.goReadToEnd()
			tr.releaseAll()
			assert.NoError(tr.t, tr.shutdown(tr.t.Context()))
			result(tr, "the end of Results", reader)
		}},
		{name: "Shutdown too late, and read", end: func(tr *trial) {
			assert.Error(tr.t, tr.shutdown(endedContext()))
			tr.readToEnd()
		}, busy: true},
		{name: "Shutdown beside Stop", end: func(tr *trial) {
			shut := started(func() error { return tr.pool.Shutdown(context.Background()) })
			tr.stop()
			_ = result(tr, "Shutdown", shut) // who was first, was first
		}},
	} {
		checks = append(checks, check{e.name, func(t *testing.T, m Maker) {
			tr := try(t, m, Settings{Workers: 2, Buffer: 4})
			tr.fill()
			tr.leavesNothing(e.end)
		}})
		if e.busy {
			continue
		}
		checks = append(checks, check{e.name + ", of a pool without jobs", func(t *testing.T, m Maker) {
			try(t, m, Settings{Workers: 2, Buffer: 4}).leavesNothing(e.end)
		}})
	}
	return append(checks, check{"Stop waits for jobs that run", checkStopWaits})
}

// leavesNothing ends the pool, and looks at once what is left. A pool that stores ends
// with Stop only.
func (tr *trial) leavesNothing(end func(tr *trial)) {
	end(tr)
	if tr.traits.Stores {
		tr.stop()
	}
	tr.nothingLeft()
}

// Stop returns when the last running job has, though it pays no heed to its context.
func checkStopWaits(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := []Job{{N: 1, Do: "wait, deaf"}, {N: 2, Do: "wait"}, {N: 3}}
	tr.submitAll(jobs...)
	tr.awaitStart(1)
	tr.awaitStart(2)
	stopped := started(tr.pool.Stop)
	assert.Equal(t, workerpool.ErrStopped, tr.cause(1))
	assert.Equal(t, workerpool.ErrStopped, tr.cause(2))
	tr.await("the end of the job that heeds its context", func() bool { return tr.running <= 1 })
	assert.Empty(t, stopped, "Stop has returned though a job runs")
	tr.release(1)
	rs := tr.stopped(result(tr, "Stop", stopped))
	tr.mu.Lock()
	assert.Zero(t, tr.running)
	tr.mu.Unlock()
	tr.nothingLeft()
	tr.accountFor(jobs, rs)
}

func cancelChecks() []check {
	return []check{
		{"Stop, of running jobs and of those in the queue", checkStopCancels},
		{"Submit's context does not reach the job", checkSubmitContext},
		{"a Do in the queue of a pool that is stopped", checkDoInQueueWhenStopped},
		{"a Do that runs in a pool that is stopped", checkDoRunningWhenStopped},
		{"no job starts after Stop", checkNoStartAfterStop},
		{"the job timeout is per attempt", checkTimeoutPerAttempt},
		{"a limiter is asked before each attempt", checkLimiter},
		{"a limiter that fails", checkLimiterFails},
	}
}

func checkStopCancels(t *testing.T, m Maker) {
	for _, workers := range []int{1, 3} {
		tr := try(t, m, Settings{Workers: workers, Buffer: 4})
		jobs := tr.fill()
		rs := tr.stop()
		for n := 1; n <= workers; n++ {
			assert.Equal(t, workerpool.ErrStopped, tr.cause(n))
		}
		for n := workers + 1; n <= len(jobs); n++ {
			tr.never(n)
		}
		rs = tr.accountFor(jobs, rs)
		if tr.traits.Stores { // the next pool has run them all
			for _, r := range rs {
				tr.succeeded(r.Job, r.Value, r.Err)
			}
			continue
		}
		for _, r := range rs[:workers] {
			assert.Equal(t, workerpool.ErrStopped, r.Err, "what the job returned")
			assert.Equal(t, 1, r.Attempts)
		}
		for _, r := range rs[workers:] {
			tr.neverRan(r, workerpool.ErrStopped)
		}
	}
}

// A submitter who leaves takes nothing with him.
func checkSubmitContext(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 1, Buffer: 4})
	ctx, cancel := context.WithCancel(t.Context())
	jobs := plain("wait", 1, 2)
	for _, job := range jobs {
		require.NoError(t, tr.submit(ctx, job))
	}
	tr.awaitStart(1)
	cancel()
	tr.finish(jobs)
}

func checkDoInQueueWhenStopped(t *testing.T, m Maker) {
	tr, done := tryQueuedDo(t, m)
	stopped := started(tr.pool.Stop)
	err := result(tr, "Do", done).err // though job 1 goes on
	assert.ErrorIs(t, err, workerpool.ErrStopped)
	if !tr.traits.Stores {
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
	}
	tr.release(1)
	tr.stopped(result(tr, "Stop", stopped))
	tr.never(2, 3)
}

// tryQueuedDo makes a pool with a deaf job 1 that runs, and behind it, in the only place of the
// queue, the job 2 of a Do. Whether that has come so far nobody can see; but when it has,
// there is no place for job 3, and when it has not, that takes its place, and
// another pool is tried.
func tryQueuedDo(t *testing.T, m Maker) (*trial, <-chan outcome) {
	t.Helper()
	for delay := time.Duration(0); delay < limit; delay = 2*delay + time.Millisecond {
		tr := try(t, m, Settings{Workers: 1, Buffer: 1})
		tr.submitAll(Job{N: 1, Do: "wait, deaf"})
		tr.awaitStart(1)
		done := tr.goDo(context.Background(), Job{N: 2})
		time.Sleep(delay)
		if tr.isFull(tr.trySubmit(Job{N: 3})) {
			return tr, done
		}
		tr.releaseAll()
		tr.stop()
		_ = result(tr, "Do", done) // of no interest: it waited for a place
	}
	require.Fail(t, "no Do enters the queue")
	return nil, nil
}

func checkDoRunningWhenStopped(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 1, Buffer: 4})
	done := tr.goDo(context.Background(), Job{N: 1, Do: "wait"})
	tr.awaitStart(1)
	tr.stop()
	assert.Equal(t, workerpool.ErrStopped, tr.cause(1))
	err := result(tr, "Do", done).err
	assert.ErrorIs(t, err, workerpool.ErrStopped)
	assert.NotErrorIs(t, err, workerpool.ErrNotRun)
}

// When Stop has returned, no job has started that had not before.
func checkNoStartAfterStop(t *testing.T, m Maker) {
	for range 5 {
		tr := try(t, m, Settings{Workers: 2, Buffer: 4})
		tr.submitAll(plain("", 1, 6)...)
		rs := tr.stop()
		tr.mu.Lock()
		ran := len(tr.order)
		assert.Zero(t, tr.running)
		tr.mu.Unlock()
		if !tr.traits.Stores {
			for _, r := range rs {
				if isNotRun(r.Err) {
					tr.never(r.Job.N)
				} else {
					ran--
				}
			}
			assert.Zero(t, ran, "jobs that ran and have a result, or did not")
		}
		tr.accountFor(plain("", 1, 6), rs)
	}
}
