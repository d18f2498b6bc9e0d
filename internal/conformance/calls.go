package conformance

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// What checks do with a pool, each with the limit and what holds for every call.

func (tr *trial) submit(ctx context.Context, job Job) error {
	tr.t.Helper()
	return within(tr, "Submit", func() error { return tr.pool.Submit(ctx, job) })
}

// submitAll submits jobs that have to be accepted.
func (tr *trial) submitAll(jobs ...Job) {
	tr.t.Helper()
	for _, job := range jobs {
		require.NoError(tr.t, tr.submit(tr.t.Context(), job))
	}
}

// trySubmit looks at the time where that is what TrySubmit promises.
func (tr *trial) trySubmit(job Job) error {
	tr.t.Helper()
	start := time.Now()
	err := within(tr, "TrySubmit", func() error { return tr.pool.TrySubmit(job) })
	if w := tr.traits.TryWithin; w > 0 {
		assert.Less(tr.t, time.Since(start), w+trySlack, "the time that TrySubmit took")
	}
	return err
}

// outcome is what Do returned.
type outcome struct {
	value Value
	err   error
}

func (tr *trial) do(ctx context.Context, job Job) (Value, error) {
	tr.t.Helper()
	o := result(tr, "Do", tr.goDo(ctx, job))
	return o.value, o.err
}

// goDo calls Do on a goroutine of its own.
func (tr *trial) goDo(ctx context.Context, job Job) <-chan outcome {
	return started(func() outcome {
		value, err := tr.pool.Do(ctx, job)
		return outcome{value, err}
	})
}

func (tr *trial) wait(ctx context.Context) error {
	tr.t.Helper()
	return within(tr, "Wait", func() error { return tr.pool.Wait(ctx) })
}

func (tr *trial) shutdown(ctx context.Context) error {
	tr.t.Helper()
	return within(tr, "Shutdown", func() error { return tr.pool.Shutdown(ctx) })
}

func (tr *trial) close() {
	tr.t.Helper()
	within(tr, "Close", func() any { tr.pool.Close(); return nil })
}

// stop calls Stop, and checks that a pool which stores returns nothing.
func (tr *trial) stop() []Result {
	tr.t.Helper()
	return tr.stopped(within(tr, "Stop", tr.pool.Stop))
}

func (tr *trial) stopped(rs []Result) []Result {
	tr.t.Helper()
	if tr.traits.Stores {
		assert.Nil(tr.t, rs, "what Stop returned, though all is stored")
	}
	return rs
}

// read reads n results.
func (tr *trial) read(n int) []Result {
	tr.t.Helper()
	var rs []Result
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for len(rs) < n {
		select {
		case r, open := <-tr.pool.Results():
			require.True(tr.t, open, "Results is closed after %d of %d results", len(rs), n)
			rs = append(rs, r)
		case <-timer.C:
			tr.hangs("Results")
		}
	}
	return rs
}

// readToEnd reads results until there are no more.
func (tr *trial) readToEnd() []Result {
	tr.t.Helper()
	return result(tr, "the end of Results", tr.goReadToEnd())
}

// goReadToEnd reads results, and returns them when there are no more.
func (tr *trial) goReadToEnd() <-chan []Result {
	results := tr.pool.Results()
	return started(func() (rs []Result) {
		for r := range results {
			rs = append(rs, r)
		}
		return rs
	})
}

// noResult fails the test when there is a result to read, or no more are to come.
func (tr *trial) noResult() {
	tr.t.Helper()
	select {
	case r, open := <-tr.pool.Results():
		assert.Fail(tr.t, "there is a result", "%+v, open: %v", r, open)
	default:
	}
}

// accountFor checks that each of the accepted jobs has exactly one of the results rs, which
// are all that the pool gave away until its end. Those that it stored come from the next one.
func (tr *trial) accountFor(accepted []Job, rs []Result) []Result {
	tr.t.Helper()
	if tr.traits.Stores {
		within(tr, "Stop", tr.pool.Stop)
		tr.releaseAll()
		tr.reopen()
		rs = append(rs, tr.read(len(accepted)-len(rs))...)
		tr.close()
		rs = append(rs, tr.readToEnd()...)
	}
	sortResults(rs)
	accepted = slices.Clone(accepted)
	slices.SortFunc(accepted, func(a, b Job) int { return cmp.Compare(a.N, b.N) })
	assert.Equal(tr.t, accepted, jobsOf(rs), "the jobs of all results")
	return rs
}

func sortResults(rs []Result) {
	slices.SortStableFunc(rs, func(a, b Result) int { return cmp.Compare(a.Job.N, b.Job.N) })
}

func jobsOf(rs []Result) []Job {
	jobs := []Job{}
	for _, r := range rs {
		jobs = append(jobs, r.Job)
	}
	return jobs
}

// plain returns jobs with the numbers from first to last that do what do says.
func plain(do string, first, last int) []Job {
	jobs := []Job{}
	for n := first; n <= last; n++ {
		jobs = append(jobs, Job{N: n, Do: do})
	}
	return jobs
}

// succeeded checks that a job returned the value which such jobs return.
func (tr *trial) succeeded(job Job, value Value, err error) {
	tr.t.Helper()
	if assert.NoError(tr.t, err, "of job %d", job.N) {
		assert.Equal(tr.t, valueOf(job), value)
	}
}

// allSucceeded checks that all the jobs have run, in one attempt.
func (tr *trial) allSucceeded(rs []Result) {
	tr.t.Helper()
	for _, r := range rs {
		tr.succeeded(r.Job, r.Value, r.Err)
		assert.Equal(tr.t, 1, r.Attempts, "attempts of job %d", r.Job.N)
	}
}

// refused checks the error of a call after the end of a pool. cause is nil if it was only
// closed.
func (tr *trial) refused(err, cause error) {
	tr.t.Helper()
	assert.ErrorIs(tr.t, err, workerpool.ErrClosed)
	if cause != nil {
		assert.ErrorIs(tr.t, err, cause)
		assert.ErrorIs(tr.t, err, context.Canceled)
	} else {
		assert.NotErrorIs(tr.t, err, context.Canceled)
	}
}

// endedContext is a context that has ended because of errCause.
func endedContext() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errCause)
	return ctx
}

// shortContext ends so soon that a test may wait for it.
func shortContext() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), 20*time.Millisecond, errCause)
}
