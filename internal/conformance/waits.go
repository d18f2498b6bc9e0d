package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func waitChecks() []check {
	return []check{
		{"Wait is until idle", checkWaitIsUntilIdle},
		{"Wait for a pool that never had a job", checkWaitForNothing},
		{"Shutdown waits for every accepted job", checkShutdown},
		{"Shutdown needs no reader for results that fit", checkShutdownWithoutReader},
		{"Shutdown returns at once when its context ends", checkShutdownTooLate},
		{"Results is closed when all was read", checkResultsClose},
	}
}

func checkWaitIsUntilIdle(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	for round := range 3 {
		job := Job{N: round, Do: "wait"}
		tr.submitAll(job)
		tr.awaitStart(round)
		ctx, cancel := shortContext()
		err := tr.wait(ctx)
		cancel()
		assert.ErrorIs(t, err, errCause)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var waiters []<-chan error
		for range 3 {
			waiters = append(waiters, started(func() error { return tr.pool.Wait(context.Background()) }))
		}
		for _, w := range waiters {
			assert.Empty(t, w, "Wait has returned though a job runs")
		}
		tr.release(round)
		for _, w := range waiters {
			assert.NoError(t, result(tr, "Wait", w))
		}
		tr.allSucceeded(tr.read(1))
	}
}

func checkWaitForNothing(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	assert.NoError(t, tr.wait(t.Context()))
	if tr.traits.TryWithin == 0 { // else somebody has to be asked, which takes a context
		assert.NoError(t, tr.wait(endedContext()), "there is nothing to wait for")
	}
	require.NoError(t, tr.shutdown(t.Context()))
	assert.Empty(t, tr.readToEnd())
}

func checkShutdown(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := tr.fill()
	reader := tr.goReadToEnd()
	one := started(func() error { return tr.pool.Shutdown(context.Background()) })
	two := started(func() error { return tr.pool.Shutdown(context.Background()) })
	tr.releaseAll()
	assert.NoError(t, result(tr, "Shutdown", one))
	assert.NoError(t, result(tr, "Shutdown", two))
	tr.mu.Lock()
	assert.Len(t, tr.order, len(jobs), "the jobs that had run when Shutdown returned")
	assert.Zero(t, tr.running)
	tr.mu.Unlock()
	tr.allSucceeded(tr.accountFor(jobs, result(tr, "the end of Results", reader)))
}

func checkShutdownWithoutReader(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 6})
	jobs := plain("", 1, 6)
	tr.submitAll(jobs...)
	require.NoError(t, tr.shutdown(t.Context()))
	tr.allSucceeded(tr.accountFor(jobs, tr.readToEnd()))
}

// One job is deaf, so that Shutdown would not return if it waited.
func checkShutdownTooLate(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := append([]Job{{N: 1, Do: "wait, deaf"}}, plain("wait", 2, 6)...)
	tr.submitAll(jobs...)
	tr.awaitRunning(2)
	ctx, cancel := shortContext()
	defer cancel()
	err := tr.shutdown(ctx)
	assert.ErrorIs(t, err, errCause)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	var se *workerpool.ShutdownError
	if assert.ErrorAs(t, err, &se) && !tr.traits.Stores {
		assert.Equal(t, []int{2, 4, 0}, []int{se.Running, se.NotRun, se.Unread}, "running, not run, unread")
	}
	tr.refused(tr.trySubmit(Job{N: 100}), errCause)
	assert.Equal(t, errCause, tr.cause(1))
	assert.Equal(t, errCause, tr.cause(2))
	tr.never(3, 4, 5, 6)
	reader := tr.goReadToEnd()
	tr.releaseAll()
	rs := result(tr, "the end of Results", reader)
	if !tr.traits.Stores {
		for _, r := range rs {
			switch r.Job.N {
			case 1:
				tr.succeeded(r.Job, r.Value, r.Err)
			case 2:
				assert.Equal(t, errCause, r.Err, "what the job returned")
				assert.Equal(t, 1, r.Attempts)
			default:
				tr.neverRan(r, errCause)
			}
		}
	}
	tr.accountFor(jobs, rs)
	tr.never(100)
}

// neverRan checks the outcome of a job that was in the queue.
func (tr *trial) neverRan(r Result, cause error) {
	tr.t.Helper()
	assert.ErrorIs(tr.t, r.Err, workerpool.ErrNotRun)
	assert.ErrorIs(tr.t, r.Err, cause)
	assert.ErrorIs(tr.t, r.Err, context.Canceled)
	assert.Zero(tr.t, r.Attempts)
}

func checkResultsClose(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := tr.fill()
	tr.release(1)
	tr.allSucceeded(tr.read(1))
	tr.close()
	tr.releaseAll()
	rs := tr.read(len(jobs) - 1) // it is open until the last one was read
	tr.allSucceeded(tr.accountFor(jobs[1:], append(rs, tr.readToEnd()...)))
}
