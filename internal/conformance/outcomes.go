package conformance

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// ending is a way in which a job can end in its first attempt.
type ending struct {
	name  string // of the action too
	check func(tr *trial, job Job, value Value, err error)
}

// endings are all of them but for time-outs, and end in which order, or in which
// numbers, does not matter to any.
func endings() []ending {
	panicked := func(text string) func(*trial, Job, Value, error) {
		return func(tr *trial, _ Job, _ Value, err error) { tr.panicked(err, text) }
	}
	exited := func(tr *trial, _ Job, _ Value, err error) { assert.ErrorIs(tr.t, err, workerpool.ErrGoexit) }
	return []ending{
		{"", func(tr *trial, job Job, value Value, err error) { tr.succeeded(job, value, err) }},
		{"fail", func(tr *trial, job Job, value Value, err error) {
			tr.sameError(errOwn, err)
			if !tr.traits.ErrorsAsText {
				assert.Equal(tr.t, Value{job.N, "beside"}, value)
			}
		}},
		{"panic with an error", func(tr *trial, _ Job, _ Value, err error) {
			tr.panicked(err, errOwn.Error())
			if !tr.traits.ErrorsAsText {
				assert.ErrorIs(tr.t, err, errOwn, "the value itself")
			}
		}},
		{"panic with a string", panicked("boom")},
		{"panic with nil", panicked(new(runtime.PanicNilError).Error())},
		{"panic in the runtime", func(tr *trial, job Job, _ Value, err error) {
			tr.panicked(err, fmt.Sprintf("runtime error: index out of range [%d] with length 0", job.N))
		}},
		{"call Goexit", exited},
		{"call Goexit in a panic", exited},
		{"panic in a Goexit", panicked("boom")},
		{"recover", func(tr *trial, _ Job, _ Value, err error) {
			assert.EqualError(tr.t, err, "recovered boom: "+errOwn.Error())
		}},
	}
}

// sameError checks that a job's own error came through unchanged, or its text and kind.
func (tr *trial) sameError(want, err error) {
	tr.t.Helper()
	if !tr.traits.ErrorsAsText {
		assert.Equal(tr.t, want, err)
		return
	}
	assert.ErrorIs(tr.t, err, want)
	assert.EqualError(tr.t, err, want.Error())
}

// panicked checks that err is that of a panic with a value of this text, and has the stack of
// the job.
func (tr *trial) panicked(err error, text string) {
	tr.t.Helper()
	var pe *workerpool.PanicError
	require.ErrorAs(tr.t, err, &pe)
	assert.EqualError(tr.t, pe, "workerpool: job panicked: "+text)
	assert.Equal(tr.t, text, fmt.Sprint(pe.Value))
	assert.Contains(tr.t, string(pe.Stack), "conformance.(*trial).handle(", "the stack of the job")
}

func outcomeChecks() (checks []check) {
	for _, e := range endings() {
		name := e.name
		if name == "" {
			name = "return"
		}
		checks = append(checks, check{name, func(t *testing.T, m Maker) {
			tr := try(t, m, Settings{Workers: 2, Buffer: 4})
			tr.endsOnce(Job{N: 1, Do: e.name, Error: "own"}, e.check)
		}})
	}
	return append(checks, check{"time out", checkTimeout}, check{"return late, in time after all", checkLateReturn},
		check{"fail with an error of package context", checkContextErrors}, check{"all of them at once", checkAllEndings})
}

// endsOnce checks the outcome of a job, by Submit and by Do, and that each has one.
func (tr *trial) endsOnce(job Job, check func(tr *trial, job Job, value Value, err error)) {
	tr.t.Helper()
	tr.submitAll(job)
	r := tr.read(1)[0]
	assert.Equal(tr.t, job, r.Job)
	assert.Equal(tr.t, 1, r.Attempts)
	check(tr, job, r.Value, r.Err)
	job.N = 2
	value, err := tr.do(tr.t.Context(), job)
	check(tr, job, value, err)
	require.NoError(tr.t, tr.wait(tr.t.Context()))
	tr.close()
	assert.Empty(tr.t, tr.readToEnd(), "a second result, or that of Do")
	tr.mu.Lock()
	defer tr.mu.Unlock()
	assert.Equal(tr.t, map[int]int{1: 1, 2: 1}, tr.starts, "calls of the handler")
}

func checkTimeout(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4, JobTimeout: 10 * time.Millisecond})
	tr.endsOnce(Job{N: 1, Do: "time out"}, func(tr *trial, _ Job, _ Value, err error) {
		assert.ErrorIs(tr.t, err, workerpool.ErrJobTimeout)
		assert.ErrorIs(tr.t, err, context.DeadlineExceeded)
	})
}

// A job whose time is up has the outcome that it returns.
func checkLateReturn(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4, JobTimeout: 10 * time.Millisecond},
		doing("late", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			<-ctx.Done()
			assert.Equal(tr.t, workerpool.ErrJobTimeout, context.Cause(ctx))
			return valueOf(job), nil
		}))
	tr.endsOnce(Job{N: 1, Do: "late"}, func(tr *trial, job Job, value Value, err error) { tr.succeeded(job, value, err) })
}

// An error of package context that a job returns of its own says nothing of the pool.
func checkContextErrors(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4, JobTimeout: time.Hour})
	for n, name := range []string{"canceled", "deadline"} {
		tr.submitAll(Job{N: n, Do: "fail", Error: name})
		r := tr.read(1)[0]
		tr.sameError(tr.settings.Errors[name], r.Err)
		assert.NotErrorIs(t, r.Err, workerpool.ErrJobTimeout)
		assert.Equal(t, 1, r.Attempts)
	}
	tr.submitAll(Job{N: 2})
	tr.allSucceeded(tr.read(1))
}

func checkAllEndings(t *testing.T, m Maker) {
	for _, workers := range []int{1, 4} {
		for _, buffer := range []int{0, 8} {
			t.Run(fmt.Sprintf("workers=%d,buffer=%d", workers, buffer), func(t *testing.T) {
				tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
				all := endings()
				jobs := make([]Job, 5*len(all))
				for n := range jobs {
					jobs[n] = Job{N: n, Do: all[n%len(all)].name, Error: "own"}
				}
				results := tr.goReadToEnd()
				tr.submitAll(jobs...)
				tr.close()
				rs := result(tr, "the end of Results", results)
				rs = tr.accountFor(jobs, rs)
				for _, r := range rs {
					all[r.Job.N%len(all)].check(tr, r.Job, r.Value, r.Err)
					assert.Equal(t, 1, r.Attempts)
				}
			})
		}
	}
}
