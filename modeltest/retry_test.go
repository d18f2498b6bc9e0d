package modeltest

import (
	"context"
	"errors"
	"time"

	"github.com/boundedgo/workerpool"
)

// retrying is whether jobs are tried again, and what they wait for.
type retrying int

const (
	retryNot     retrying = iota
	retryAtOnce           // up to 3 attempts
	retryLater            // a unit of time later, and more
	retryLimited          // as at once, and each attempt waits for a limiter
	retryings
)

// most is how many attempts of a job may flop.
func (r retrying) most() int {
	if r == retryNot {
		return 0
	}
	return 2
}

func (r retrying) options(w *world) (opts []workerpool.Option) {
	if r == retryNot {
		return nil
	}
	if r == retryLimited {
		opts = append(opts, workerpool.WithLimiter(slow(w.unit/8)))
	}
	return append(opts, workerpool.WithRetry(func(attempt int, err error) (wait time.Duration, again bool) {
		if r == retryLater {
			wait = w.units(attempt)
		}
		return wait, errors.Is(err, errFlop) && attempt < 3
	}))
}

// slow is a limiter that lets each attempt start after that time.
type slow time.Duration

func (s slow) Wait(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(s)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errFlop = errors.New("a flop")

// flop is what a job returns at once, as often as the plan says.
func (w *world) flop(j *job) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j.flopped == j.flops {
		return nil
	}
	j.flopped++
	w.must(j.began == 0 && !j.notRun && !j.gaveUp, "is tried again: %s", j.fateString())
	w.must(!w.over, "is tried after the pool was cancelled: %s", j.fateString())
	w.must(w.active() < w.allowance, "%d jobs run where %d may", w.active()+1, w.allowance)
	if j.pause {
		return workerpool.RetryAfter(errFlop, w.unit)
	}
	return errFlop
}

// isGivenUp reports whether err is the outcome of a job that was to be tried again.
func isGivenUp(err error) bool {
	failed, ok := err.(*workerpool.RetryError) //nolint:errorlint // see isOutcome
	return ok && errors.Is(failed.Err, errFlop) || isFlop(err)
}

// isFlop reports whether err is that of an attempt, and no more: its context had ended by
// then, so the policy was not asked.
func isFlop(err error) bool {
	var failed *workerpool.RetryError
	return errors.Is(err, errFlop) && (!errors.As(err, &failed) || failed.Stopped == nil)
}

// attempts is how often the job was called.
func (j *job) attempts() int { return j.flopped + j.began }

// waitsAgain reports whether the job may be waiting for its next attempt.
func (j *job) waitsAgain() bool { return j.flopped > 0 && j.began == 0 && !j.gaveUp }

// mayGiveUp reports whether the pool may have given up the job without anybody's having been told.
func (w *world) mayGiveUp(j *job) bool {
	return j.waitsAgain() && (w.cancelled || w.doomed || j.call.ctx.Err() != nil || j.call.bulk != nil)
}
