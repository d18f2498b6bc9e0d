package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func (tr *trial) isFull(err error) bool { return errors.Is(err, workerpool.ErrFull) }

// sizes runs f for small and larger pools.
func sizes(f func(t *testing.T, m Maker, workers, buffer int)) func(t *testing.T, m Maker) {
	return func(t *testing.T, m Maker) {
		for _, workers := range []int{1, 3} {
			for _, buffer := range []int{0, 1, 5} {
				t.Run(fmt.Sprintf("workers=%d,buffer=%d", workers, buffer), func(t *testing.T) { f(t, m, workers, buffer) })
			}
		}
	}
}

func boundChecks() []check {
	return []check{
		{"neither more nor fewer", sizes(checkBound)},
		{"over all callers", sizes(checkBoundOverCallers)},
	}
}

// fill submits jobs that wait until there is no place any more, and returns them.
func (tr *trial) fill() []Job {
	tr.t.Helper()
	jobs := plain("wait", 1, tr.settings.Workers+tr.settings.Buffer)
	tr.submitAll(jobs...)
	tr.awaitRunning(tr.settings.Workers)
	return jobs
}

func checkBound(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer}, yielding())
	jobs := tr.fill() // so many do run at once
	reader := tr.goReadToEnd()
	tr.releaseAll()
	for n := len(jobs) + 1; n <= 60; n++ {
		jobs = append(jobs, Job{N: n, Do: "yield"})
		tr.submitAll(jobs[n-1])
	}
	tr.close()
	tr.allSucceeded(tr.accountFor(jobs, result(tr, "the end of Results", reader)))
	assert.Equal(t, workers, tr.peak, "jobs at once")
}

// yielding adds a job that gives others the chance to start.
func yielding() func(tr *trial) {
	return doing("yield", func(_ *trial, _ context.Context, job Job) (Value, error) {
		for range 10 {
			runtime.Gosched()
		}
		return valueOf(job), nil
	})
}

func checkBoundOverCallers(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer}, yielding())
	tr.fill()
	reader := tr.goReadToEnd()
	callers := make([]<-chan outcome, 3*workers)
	for n := range callers {
		callers[n] = tr.goDo(t.Context(), Job{N: 100 + n, Do: "yield"})
	}
	tr.releaseAll()
	tr.submitAll(plain("yield", 200, 200+5*workers)...)
	for n, c := range callers {
		o := result(tr, "Do", c)
		tr.succeeded(Job{N: 100 + n}, o.value, o.err)
	}
	tr.close()
	tr.allSucceeded(result(tr, "the end of Results", reader))
	assert.Equal(t, workers, tr.peak, "jobs at once")
}

func pressureChecks() []check {
	return []check{
		{"TrySubmit says ErrFull", sizes(checkErrFull)},
		{"Submit waits for a place", sizes(checkSubmitWaits)},
		{"Submit gives up with its context", sizes(checkSubmitGivesUp)},
		{"Do gives up with its context", sizes(checkDoGivesUp)},
		{"Close ends the wait", sizes(checkCloseEndsWait)},
		{"Stop ends the wait", sizes(checkStopEndsWait)},
		{"nobody reads", sizes(checkNobodyReads)},
	}
}

// finish lets all jobs end, and checks that each of those accepted has succeeded.
func (tr *trial) finish(accepted []Job) {
	tr.t.Helper()
	tr.releaseAll()
	tr.close()
	tr.allSucceeded(tr.accountFor(accepted, tr.readToEnd()))
}

func checkErrFull(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
	jobs := tr.fill()
	for range 3 {
		assert.ErrorIs(t, tr.trySubmit(Job{N: 100}), workerpool.ErrFull)
	}
	tr.finish(jobs)
	tr.never(100)
}

func checkSubmitWaits(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
	jobs := tr.fill()
	late := Job{N: 100}
	submitted := started(func() error { return tr.pool.Submit(context.Background(), late) })
	assert.ErrorIs(t, tr.trySubmit(Job{N: 101}), workerpool.ErrFull)
	assert.Empty(t, submitted, "Submit has returned without a place")
	tr.release(1)
	tr.succeeded(jobs[0], tr.read(1)[0].Value, nil)
	require.NoError(t, result(tr, "Submit", submitted))
	tr.releaseAll()
	tr.close()
	rs := tr.readToEnd()
	rs = tr.accountFor(append(jobs[1:], late), rs)
	tr.allSucceeded(rs)
	tr.never(101)
}

func checkSubmitGivesUp(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
	jobs := tr.fill()
	ctx, cancel := shortContext()
	defer cancel()
	err := tr.submit(ctx, Job{N: 100})
	assert.ErrorIs(t, err, errCause)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	tr.finish(jobs)
	tr.never(100)
}

func checkDoGivesUp(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
	jobs := tr.fill()
	ctx, cancel := shortContext()
	defer cancel()
	_, err := tr.do(ctx, Job{N: 100})
	assert.ErrorIs(t, err, errCause)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	if !tr.traits.DetachedDo { // else its job may have been on its way
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
	}
	tr.finish(jobs)
	tr.never(100)
}

func checkCloseEndsWait(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
	jobs := tr.fill()
	submitted := started(func() error { return tr.pool.Submit(context.Background(), Job{N: 100}) })
	done := tr.goDo(context.Background(), Job{N: 101})
	assert.ErrorIs(t, tr.trySubmit(Job{N: 102}), workerpool.ErrFull)
	tr.close()
	tr.refused(result(tr, "Submit", submitted), nil)
	tr.refused(result(tr, "Do", done).err, nil)
	tr.finish(jobs)
	tr.never(100, 101, 102)
}

func checkStopEndsWait(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
	jobs := plain("wait, deaf", 1, workers+buffer)
	tr.submitAll(jobs...)
	tr.awaitRunning(workers)
	submitted := started(func() error { return tr.pool.Submit(context.Background(), Job{N: 100}) })
	assert.ErrorIs(t, tr.trySubmit(Job{N: 102}), workerpool.ErrFull)
	stopped := started(tr.pool.Stop)
	err := result(tr, "Submit", submitted)
	tr.releaseAll()
	rs := tr.stopped(result(tr, "Stop", stopped))
	if err == nil { // the end of the pool made place, and it was still in time
		jobs = append(jobs, Job{N: 100})
	} else {
		tr.refused(err, workerpool.ErrStopped)
	}
	tr.accountFor(jobs, rs)
}

// What has no reader is bounded too.
func checkNobodyReads(t *testing.T, m Maker, workers, buffer int) {
	tr := try(t, m, Settings{Workers: workers, Buffer: buffer})
	holds := workers + 2*buffer
	if tr.traits.Holds != nil {
		holds = tr.traits.Holds(tr.settings)
	} else {
		tr.submitAll(plain("", 1, holds)...)
		assert.ErrorIs(t, tr.trySubmit(Job{N: holds + 1}), workerpool.ErrFull)
		tr.accountFor(plain("", 1, holds), tr.stop())
		return
	}
	var err error
	var accepted []Job
	for err == nil && len(accepted) <= holds {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		job := Job{N: len(accepted) + 1}
		if err = tr.submit(ctx, job); err == nil {
			accepted = append(accepted, job)
		}
		cancel()
	}
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.LessOrEqual(t, len(accepted), holds)
	tr.accountFor(accepted, tr.stop())
}
