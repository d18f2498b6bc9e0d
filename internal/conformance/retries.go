package conformance

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

// policy is a retry policy that notes what it is asked.
type policy struct {
	wait time.Duration
	most int // attempts

	mu    sync.Mutex
	asked []int
}

func (p *policy) next(attempt int, _ error) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, attempt)
	return p.wait, attempt < p.most
}

func (p *policy) wasAsked() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func retryChecks() []check {
	return []check{
		{"until it succeeds", checkRetried},
		{"until the policy has enough", checkRetriedInVain},
		{"no more after Permanent", checkPermanent},
		{"no more after a panic or Goexit", checkNoRetryOfPanics},
		{"the policy is right about the wait", checkRetryWait},
		{"one that waits for its next attempt holds no worker", checkRetryHoldsNoWorker},
		{"Close lets it have them", checkCloseWhileRetrying},
		{"Do has them too", checkDoIsRetried},
		{"RetryAfter pauses the pool", checkRetryAfter},
		{"RetryAfter without a policy is an error", checkRetryAfterWithoutPolicy},
		{"Stop between two attempts", checkStopBetweenAttempts},
	}
}

func checkRetried(t *testing.T, m Maker) {
	p := policy{most: 10}
	tr := try(t, m, Settings{Workers: 2, Buffer: 4, Retry: p.next})
	job := Job{N: 1, Do: "fail a few times", Error: "own", Times: 3}
	tr.submitAll(job)
	r := tr.read(1)[0]
	assert.Equal(t, job, r.Job)
	tr.succeeded(job, r.Value, r.Err)
	assert.Equal(t, 4, r.Attempts)
	assert.Equal(t, 4, tr.attempt(job), "calls of the handler")
	assert.Equal(t, []int{1, 2, 3}, p.wasAsked())
	tr.close()
	assert.Empty(t, tr.readToEnd(), "one result for all attempts")
}

func checkRetriedInVain(t *testing.T, m Maker) {
	p := policy{most: 3}
	tr := try(t, m, Settings{Workers: 2, Buffer: 4, Retry: p.next})
	job := Job{N: 1, Do: "fail", Error: "own"}
	tr.submitAll(job)
	r := tr.read(1)[0]
	assert.ErrorIs(t, r.Err, errOwn)
	assert.Equal(t, 3, r.Attempts)
	assert.Equal(t, 3, tr.attempt(job), "calls of the handler")
	assert.Equal(t, []int{1, 2, 3}, p.wasAsked())
	if !tr.traits.ErrorsAsText {
		var re *workerpool.RetryError
		if assert.ErrorAs(t, r.Err, &re) {
			assert.Equal(t, 3, re.Attempts)
		}
	}
	tr.close()
	assert.Empty(t, tr.readToEnd(), "one result for all attempts")
}

func checkPermanent(t *testing.T, m Maker) {
	p := policy{most: 10}
	tr := try(t, m, Settings{Workers: 2, Buffer: 4, Retry: p.next})
	tr.endsOnce(Job{N: 1, Do: "fail for good", Error: "own"}, func(tr *trial, _ Job, _ Value, err error) {
		assert.ErrorIs(tr.t, err, errOwn)
		assert.EqualError(tr.t, err, "no use: "+errOwn.Error())
	})
	assert.Empty(t, p.wasAsked())
}

func checkNoRetryOfPanics(t *testing.T, m Maker) {
	for _, e := range endings() {
		if e.name == "" || e.name == "fail" || e.name == "recover" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			p := policy{most: 10}
			tr := try(t, m, Settings{Workers: 2, Buffer: 4, Retry: p.next})
			tr.endsOnce(Job{N: 1, Do: e.name, Error: "own"}, e.check)
			assert.Empty(t, p.wasAsked())
		})
	}
}

// timed is an action that notes when it was called, and fails the first time as fail says.
func timed(times *[]time.Time, fail func() error) func(tr *trial) {
	return doing("timed", func(tr *trial, _ context.Context, job Job) (Value, error) {
		first := tr.attempt(job) == 1 && job.Times > 0
		tr.mu.Lock()
		*times = append(*times, time.Now())
		tr.mu.Unlock()
		if first {
			return Value{}, fail()
		}
		return valueOf(job), nil
	})
}

func checkRetryWait(t *testing.T, m Maker) {
	const wait = 30 * time.Millisecond
	p := policy{most: 10, wait: wait}
	var times []time.Time
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Retry: p.next}, timed(&times, func() error { return errOwn }))
	tr.submitAll(Job{N: 1, Do: "timed", Times: 1})
	r := tr.read(1)[0]
	tr.succeeded(r.Job, r.Value, r.Err)
	assert.Equal(t, 2, r.Attempts)
	assert.GreaterOrEqual(t, times[1].Sub(times[0]), wait)
}

// The second attempt of the first job waits for longer than the test does.
func checkRetryHoldsNoWorker(t *testing.T, m Maker) {
	p := policy{most: 10, wait: time.Hour}
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Retry: p.next})
	tr.submitAll(Job{N: 1, Do: "fail", Error: "own"}, Job{N: 2})
	tr.allSucceeded(tr.read(1))
}

// The second attempt comes after Close, since the first ends then.
func checkCloseWhileRetrying(t *testing.T, m Maker) {
	p := policy{most: 10}
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Retry: p.next},
		doing("wait, and fail at first", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			if tr.attempt(job) == 1 {
				return Value{}, errors.Join(tr.pause(ctx, job), errOwn)
			}
			return valueOf(job), nil
		}))
	job := Job{N: 1, Do: "wait, and fail at first"}
	tr.submitAll(job)
	tr.awaitStart(1)
	tr.close()
	tr.release(1)
	rs := tr.readToEnd()
	rs = tr.accountFor([]Job{job}, rs)
	tr.succeeded(job, rs[0].Value, rs[0].Err)
	assert.Equal(t, 2, rs[0].Attempts)
}

func checkDoIsRetried(t *testing.T, m Maker) {
	p := policy{most: 4}
	tr := try(t, m, Settings{Workers: 2, Buffer: 4, Retry: p.next})
	job := Job{N: 1, Do: "fail a few times", Error: "own", Times: 3}
	value, err := tr.do(t.Context(), job)
	tr.succeeded(job, value, err)
	_, err = tr.do(t.Context(), Job{N: 2, Do: "fail", Error: "own"})
	assert.ErrorIs(t, err, errOwn)
	assert.Equal(t, []int{1, 2, 3, 1, 2, 3, 4}, p.wasAsked())
}

func checkRetryAfter(t *testing.T, m Maker) {
	const pause = 30 * time.Millisecond
	p := policy{most: 10}
	var times []time.Time
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Retry: p.next},
		timed(&times, func() error { return workerpool.RetryAfter(errOwn, pause) }))
	jobs := []Job{{N: 1, Do: "timed", Times: 1}, {N: 2, Do: "timed"}, {N: 3, Do: "timed"}}
	tr.submitAll(jobs...)
	tr.close()
	rs := tr.readToEnd()
	rs = tr.accountFor(jobs, rs)
	for i, r := range rs {
		tr.succeeded(r.Job, r.Value, r.Err)
		assert.Equal(t, []int{2, 1, 1}[i], r.Attempts)
	}
	for _, later := range times[1:] {
		assert.GreaterOrEqual(t, later.Sub(times[0]), pause, "nothing starts meanwhile")
	}
}

func checkRetryAfterWithoutPolicy(t *testing.T, m Maker) {
	const pause = 30 * time.Millisecond
	var times []time.Time
	tr := try(t, m, Settings{Workers: 1, Buffer: 4},
		timed(&times, func() error { return workerpool.RetryAfter(errOwn, pause) }))
	tr.submitAll(Job{N: 1, Do: "timed", Times: 1}, Job{N: 2, Do: "timed"})
	rs := tr.read(2)
	sortResults(rs)
	assert.ErrorIs(t, rs[0].Err, errOwn)
	assert.Equal(t, 1, rs[0].Attempts)
	tr.allSucceeded(rs[1:])
	assert.GreaterOrEqual(t, times[1].Sub(times[0]), pause, "it pauses all the same")
}

// The pool is stopped when the other job runs, and so between the two attempts.
func checkStopBetweenAttempts(t *testing.T, m Maker) {
	p := policy{most: 10, wait: time.Hour}
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Retry: p.next})
	job := Job{N: 1, Do: "fail a few times", Error: "own", Times: 1}
	other := Job{N: 2, Do: "wait"}
	tr.submitAll(job, other)
	tr.awaitStart(2)
	rs := tr.stop()
	if tr.traits.Stores { // the next pool would wait for the rest of the hour
		assert.Equal(t, 1, tr.attempt(job))
		return
	}
	rs = tr.accountFor([]Job{job, other}, rs)
	assert.ErrorIs(t, rs[0].Err, errOwn)
	assert.ErrorIs(t, rs[0].Err, workerpool.ErrStopped)
	assert.Equal(t, 1, rs[0].Attempts)
}
