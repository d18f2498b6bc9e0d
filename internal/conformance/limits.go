package conformance

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

func isNotRun(err error) bool { return errors.Is(err, workerpool.ErrNotRun) }

// Each attempt has the whole time, and one that needs more is tried again.
func checkTimeoutPerAttempt(t *testing.T, m Maker) {
	p := policy{most: 3}
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Retry: p.next, JobTimeout: 20 * time.Millisecond},
		doing("time out at first", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			if tr.attempt(job) < 3 {
				<-ctx.Done()
				return Value{}, ctx.Err()
			}
			return valueOf(job), nil
		}))
	job := Job{N: 1, Do: "time out at first"}
	tr.submitAll(job)
	r := tr.read(1)[0]
	tr.succeeded(job, r.Value, r.Err)
	assert.Equal(t, 3, r.Attempts)
}

// limiterFunc is a limiter.
type limiterFunc func(ctx context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }

func checkLimiter(t *testing.T, m Maker) {
	var asked atomic.Int64
	pass := make(chan struct{})
	limiter := limiterFunc(func(ctx context.Context) error {
		asked.Add(1)
		select {
		case <-pass:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	p := policy{most: 10}
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Retry: p.next, Limiter: limiter})
	jobs := []Job{{N: 1, Do: "fail a few times", Error: "own", Times: 2}, {N: 2}}
	tr.submitAll(jobs...)
	for range 4 {
		tr.mu.Lock()
		assert.LessOrEqual(t, len(tr.order), 3)
		tr.mu.Unlock()
		assert.True(t, sent(pass), "the limiter is asked")
	}
	tr.close()
	rs := tr.accountFor(jobs, tr.readToEnd())
	assert.Equal(t, []int{3, 1}, []int{rs[0].Attempts, rs[1].Attempts})
	assert.EqualValues(t, 4, asked.Load())
}

// sent sends on c, and reports whether somebody received it before the limit.
func sent(c chan<- struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case c <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

// What the limiter does not let start has that as its outcome.
func checkLimiterFails(t *testing.T, m Maker) {
	var asked atomic.Int64
	tr := try(t, m, Settings{Workers: 1, Buffer: 4, Limiter: limiterFunc(func(context.Context) error {
		if asked.Add(1) == 1 {
			return errCause
		}
		return nil
	})})
	jobs := plain("", 1, 2)
	tr.submitAll(jobs...)
	tr.close()
	rs := tr.accountFor(jobs, tr.readToEnd())
	assert.ErrorIs(t, rs[0].Err, errCause)
	if !tr.traits.ErrorsAsText {
		assert.ErrorIs(t, rs[0].Err, workerpool.ErrNotRun)
	}
	assert.Zero(t, rs[0].Attempts)
	tr.never(1)
	tr.allSucceeded(rs[1:])
}
