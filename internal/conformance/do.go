package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

func doChecks() []check {
	return []check{
		{"while the job runs", checkDoEndsRunning},
		{"while the job is in the queue", checkDoEndsQueued},
		{"though the job is deaf", checkDoEndsDeaf},
		{"and so does its job, not others", checkDoTakesBackItsOwn},
		{"under which its job runs", checkDoContext},
		{"its outcome is not on Results", checkDoIsNotOnResults},
	}
}

func checkDoEndsRunning(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 1, Buffer: 4})
	ctx, cancel := context.WithCancelCause(t.Context())
	done := tr.goDo(ctx, Job{N: 1, Do: "wait"})
	tr.awaitStart(1)
	cancel(errCause)
	err := result(tr, "Do", done).err
	assert.ErrorIs(t, err, errCause)
	assert.NotErrorIs(t, err, workerpool.ErrNotRun)
	if tr.traits.DetachedDo {
		tr.release(1)
	} else {
		assert.Equal(t, errCause, tr.cause(1))
	}
	tr.goesOn()
}

// goesOn checks that the pool works as before, and that a Do that has ended leaves no
// result.
func (tr *trial) goesOn() {
	tr.t.Helper()
	job := Job{N: 999}
	tr.submitAll(job)
	tr.close()
	rs := tr.readToEnd()
	assert.Equal(tr.t, []Job{job}, jobsOf(rs))
	tr.allSucceeded(rs)
}

func checkDoEndsQueued(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 1, Buffer: 4})
	running := tr.goDo(t.Context(), Job{N: 1, Do: "wait"})
	tr.awaitStart(1)
	ctx, cancel := shortContext()
	defer cancel()
	_, err := tr.do(ctx, Job{N: 2})
	assert.ErrorIs(t, err, errCause)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	if !tr.traits.DetachedDo {
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
	}
	tr.release(1)
	o := result(tr, "Do", running)
	tr.succeeded(Job{N: 1}, o.value, o.err)
	tr.goesOn()
	if !tr.traits.DetachedDo {
		tr.never(2)
	}
}

func checkDoEndsDeaf(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 1, Buffer: 4})
	ctx, cancel := context.WithCancelCause(t.Context())
	done := tr.goDo(ctx, Job{N: 1, Do: "wait, deaf"})
	tr.awaitStart(1)
	cancel(errCause)
	assert.ErrorIs(t, result(tr, "Do", done).err, errCause)
	tr.release(1)
	tr.goesOn()
}

func checkDoTakesBackItsOwn(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := tr.goDo(ctx, Job{N: 1, Do: "wait"})
	other := tr.goDo(t.Context(), Job{N: 2, Do: "wait"})
	tr.awaitRunning(2)
	submitted := Job{N: 3, Do: "wait"}
	tr.submitAll(submitted)
	cancel(errCause)
	assert.ErrorIs(t, result(tr, "Do", mine).err, errCause)
	if tr.traits.DetachedDo {
		tr.release(1)
	}
	tr.awaitStart(3)
	tr.release(2, 3)
	o := result(tr, "Do", other)
	tr.succeeded(Job{N: 2}, o.value, o.err)
	tr.allSucceeded(tr.read(1))
	tr.goesOn()
}

func checkDoContext(t *testing.T, m Maker) {
	type key struct{}
	var seen any
	tr := try(t, m, Settings{Workers: 1, Buffer: 4},
		doing("look", func(_ *trial, ctx context.Context, job Job) (Value, error) {
			seen = ctx.Value(key{})
			return valueOf(job), ctx.Err()
		}))
	ctx := context.WithValue(t.Context(), key{}, "the caller's")
	value, err := tr.do(ctx, Job{N: 1, Do: "look"})
	tr.succeeded(Job{N: 1}, value, err)
	if !tr.traits.DetachedDo {
		assert.Equal(t, "the caller's", seen)
	}
	assert.NoError(t, tr.submit(ctx, Job{N: 2, Do: "look"}))
	tr.allSucceeded(tr.read(1))
	assert.Nil(t, seen, "the job of Submit runs under the pool's context")
}

func checkDoIsNotOnResults(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 2})
	for n := range 20 { // more than there is room for on Results
		value, err := tr.do(t.Context(), Job{N: n})
		tr.succeeded(Job{N: n}, value, err)
	}
	tr.goesOn()
}
