package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// state is one of those a pool can be in. Job 1 was accepted in all of them, and runs until
// it is released, and job 2 is in the queue behind it.
type state struct {
	name     string
	enter    func(tr *trial)
	open     bool  // takes jobs
	alive    bool  // runs those it has
	cause    error // of its cancellation, or nil
	returned bool  // what was left was returned by Stop
}

func states() []state {
	return []state{
		{name: "an open pool", enter: func(*trial) {}, open: true, alive: true},
		{name: "a closed pool", enter: func(tr *trial) { tr.close() }, alive: true},
		{name: "a pool that was shut down", enter: func(tr *trial) {
			tr.releaseAll()
			require.NoError(tr.t, tr.shutdown(tr.t.Context()))
		}},
		{name: "a pool that was shut down too late", enter: func(tr *trial) {
			require.ErrorIs(tr.t, tr.shutdown(endedContext()), errCause)
		}, cause: errCause},
		{name: "a stopped pool", enter: func(tr *trial) {
			tr.accountable(tr.stop())
		}, cause: workerpool.ErrStopped, returned: true},
	}
}

// verb is a call, and what it does in each state.
type verb struct {
	name string
	do   func(tr *trial, s state)
}

func verbs() []verb {
	return []verb{
		{"Submit", tableSubmit},
		{"TrySubmit", tableTrySubmit},
		{"Do", tableDo},
		{"Results", tableResults},
		{"Close", tableClose},
		{"Wait", tableWait},
		{"Shutdown", tableShutdown},
		{"Stop", tableStop},
		{"a nil context", tableNilContext},
		{"a context that has ended", tableEndedContext},
	}
}

func tableChecks() (checks []check) {
	for _, v := range verbs() {
		for _, s := range states() {
			checks = append(checks, check{v.name + " on " + s.name, func(t *testing.T, m Maker) {
				tr := try(t, m, Settings{Workers: 1, Buffer: 4})
				tr.submitAll(tableJobs()...)
				tr.awaitStart(1)
				s.enter(tr)
				v.do(tr, s)
			}})
		}
	}
	return checks
}

func tableJobs() []Job { return []Job{{N: 1, Do: "wait"}, {N: 2}} }

// accountable checks that these are the results of job 1, which was interrupted, and of job 2,
// which never ran; in a pool that stores there are fewer.
func (tr *trial) accountable(rs []Result) {
	tr.t.Helper()
	if tr.traits.Stores {
		assert.LessOrEqual(tr.t, len(rs), 1)
		return
	}
	sortResults(rs)
	require.Equal(tr.t, tableJobs(), jobsOf(rs))
	assert.Equal(tr.t, []int{1, 0}, []int{rs[0].Attempts, rs[1].Attempts})
	assert.NotErrorIs(tr.t, rs[0].Err, workerpool.ErrNotRun)
	assert.ErrorIs(tr.t, rs[1].Err, workerpool.ErrNotRun)
	tr.never(2)
}

// tableRest reads what is left, and checks that nothing but these jobs had a result.
func (tr *trial) tableRest(s state, more ...Job) {
	tr.t.Helper()
	tr.releaseAll()
	tr.close()
	rs := tr.readToEnd()
	switch {
	case s.returned:
		assert.Empty(tr.t, rs, "what Stop has returned")
	case s.cause != nil:
		tr.accountable(rs)
		tr.accountFor(tableJobs(), rs)
	default:
		tr.allSucceeded(tr.accountFor(append(tableJobs(), more...), rs))
	}
}

func tableSubmit(tr *trial, s state) {
	err := tr.submit(tr.t.Context(), Job{N: 3})
	tr.tableSubmitted(s, err)
}

func tableTrySubmit(tr *trial, s state) {
	tr.tableSubmitted(s, tr.trySubmit(Job{N: 3}))
}

func (tr *trial) tableSubmitted(s state, err error) {
	tr.t.Helper()
	if s.open {
		require.NoError(tr.t, err)
		tr.tableRest(s, Job{N: 3})
		return
	}
	tr.refused(err, s.cause)
	tr.tableRest(s)
	tr.never(3)
}

func tableDo(tr *trial, s state) {
	done := tr.goDo(tr.t.Context(), Job{N: 3})
	if s.open {
		tr.release(1)
		o := result(tr, "Do", done)
		tr.succeeded(Job{N: 3}, o.value, o.err)
		tr.tableRest(s)
		return
	}
	tr.refused(result(tr, "Do", done).err, s.cause)
	tr.tableRest(s)
	tr.never(3)
}

func tableResults(tr *trial, s state) {
	if s.alive {
		tr.noResult()
		tr.release(1)
		tr.allSucceeded(tr.read(2))
	}
	if s.open {
		tr.noResult() // it is not closed either
		tr.close()
	}
	rs := tr.readToEnd()
	switch {
	case s.alive || s.returned:
		assert.Empty(tr.t, rs)
	case s.cause != nil:
		tr.accountable(rs)
	default:
		tr.allSucceeded(tr.accountFor(tableJobs(), rs))
	}
	assert.Empty(tr.t, tr.readToEnd(), "it stays closed")
}

func tableClose(tr *trial, s state) {
	tr.close()
	tr.close()
	tr.refused(tr.submit(tr.t.Context(), Job{N: 3}), s.cause)
	tr.tableRest(s)
	tr.never(3)
}

func tableWait(tr *trial, s state) {
	if s.alive {
		err := tr.wait(endedContext())
		assert.ErrorIs(tr.t, err, errCause)
		assert.ErrorIs(tr.t, err, context.Canceled)
		waiting := started(func() error { return tr.pool.Wait(context.Background()) })
		tr.release(1)
		assert.NoError(tr.t, result(tr, "Wait", waiting))
		tr.await("the end of both jobs", func() bool { return tr.running == 0 && len(tr.order) == 2 })
	}
	for range 2 {
		err := tr.wait(tr.t.Context())
		if err != nil && s.cause != nil && tr.traits.Stores { // jobs are left, for the next pool
			assert.ErrorIs(tr.t, err, s.cause)
			continue
		}
		assert.NoError(tr.t, err, "nothing is unfinished")
	}
	if s.open {
		assert.NoError(tr.t, tr.submit(tr.t.Context(), Job{N: 3}), "Wait closes nothing")
		tr.tableRest(s, Job{N: 3})
		return
	}
	tr.tableRest(s)
}

func tableShutdown(tr *trial, s state) {
	shut := started(func() error { return tr.pool.Shutdown(context.Background()) })
	if s.alive {
		assert.Empty(tr.t, shut, "Shutdown has returned though a job runs")
		tr.release(1)
	}
	for _, err := range []error{result(tr, "Shutdown", shut), tr.shutdown(tr.t.Context())} {
		if s.cause == nil {
			assert.NoError(tr.t, err)
			continue
		}
		var se *workerpool.ShutdownError
		assert.ErrorAs(tr.t, err, &se)
		assert.ErrorIs(tr.t, err, s.cause)
	}
	tr.refused(tr.submit(tr.t.Context(), Job{N: 3}), s.cause)
	tr.tableRest(s)
	tr.never(3)
}

func tableStop(tr *trial, s state) {
	rs := tr.stop()
	switch {
	case s.returned:
		assert.Nil(tr.t, rs)
	case s.cause != nil || s.alive:
		tr.accountable(rs)
		tr.accountFor(tableJobs(), rs)
	default:
		tr.allSucceeded(tr.accountFor(tableJobs(), rs))
	}
	assert.Nil(tr.t, tr.stop(), "the second time")
	assert.Empty(tr.t, tr.readToEnd(), "what Stop has returned")
}

// A nil context is an error everywhere, and changes nothing.
func tableNilContext(tr *trial, s state) {
	var none context.Context
	_, err := tr.do(none, Job{N: 3})
	assert.Error(tr.t, err, "Do")
	assert.Error(tr.t, tr.submit(none, Job{N: 3}), "Submit")
	assert.Error(tr.t, tr.wait(none), "Wait")
	assert.Error(tr.t, tr.shutdown(none), "Shutdown")
	if s.open {
		assert.NoError(tr.t, tr.trySubmit(Job{N: 4}), "it is still open")
		tr.tableRest(s, Job{N: 4})
	} else {
		tr.tableRest(s)
	}
	tr.never(3)
}

// Whoever submits with a context that has ended is told its cause, or that the pool is closed,
// even if there is a place.
func tableEndedContext(tr *trial, s state) {
	ctx := endedContext()
	submitErr := tr.submit(ctx, Job{N: 3})
	_, doErr := tr.do(ctx, Job{N: 3})
	for _, err := range []error{submitErr, doErr} {
		if s.open {
			assert.ErrorIs(tr.t, err, errCause)
			assert.ErrorIs(tr.t, err, context.Canceled)
			continue
		}
		assert.Error(tr.t, err)
	}
	if s.open {
		assert.ErrorIs(tr.t, doErr, workerpool.ErrNotRun)
		assert.NotErrorIs(tr.t, submitErr, workerpool.ErrNotRun)
	}
	tr.tableRest(s)
	tr.never(3)
}
