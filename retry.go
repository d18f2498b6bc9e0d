package workerpool

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// RetryPolicy decides whether a job whose attempt has failed gets another one, and how long
// after the failure: see [WithRetry]. attempt counts from 1, and err is what Func returned.
//
// It is called on the goroutine of the worker, for jobs beside each other at once. One that
// panics or calls runtime.Goexit has done so in place of the job, which has no further
// attempt: its error says so, and wraps what Func returned too. A wait of 0 or less is none.
//
// Where Func calls another pool that retries, the attempts of both multiply: have it return
// [Permanent] for an error of that pool.
type RetryPolicy func(attempt int, err error) (wait time.Duration, again bool)

// Permanent returns an error that says err, and that no further attempt will help, whatever
// the [RetryPolicy] says: "no such user", not "no connection". It is nil if err is.
// [errors.Is] and [errors.As] see through to err.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// RetryError is the outcome of a job that has failed after several attempts, or that has
// failed and could not have the further one that its [RetryPolicy] wanted. [errors.Is] and
// [errors.As] find both, the error of the last attempt and why it was the last.
type RetryError struct {
	Attempts int   // how often Func was called
	Err      error // of the last attempt
	// Stopped says why it was the last, if the policy wanted one more: it wraps the cause of
	// the context that ended, or the error of the limiter, or says that the retry budget was
	// spent. It is nil where the policy wanted none.
	Stopped error
}

// Error says all of it.
func (e *RetryError) Error() string {
	attempts := "1 attempt"
	if e.Attempts != 1 {
		attempts = fmt.Sprintf("%d attempts", e.Attempts)
	}
	if e.Stopped != nil {
		return fmt.Sprintf("after %s (%v): %v", attempts, e.Stopped, e.Err)
	}
	return fmt.Sprintf("after %s: %v", attempts, e.Err)
}

// Unwrap returns Err, and Stopped if it is not nil.
func (e *RetryError) Unwrap() []error {
	if e.Stopped == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Stopped}
}

// tries is what is known of the attempts that a job has had.
type tries struct {
	n   int    // how many, also the one that runs
	err error  // of the last that has ended
	id  uint64 // of the job, for observers of a bulk call
}

// failure is the outcome of a job whose last attempt has ended with err.
func (t tries) failure(err, stopped error) error {
	if t.n <= 1 && stopped == nil {
		return err
	}
	return &RetryError{t.n, err, stopped}
}

// judge says what becomes of a job after an attempt: it is called inside the fence, where
// that has ended with out.
func (w *worker[T, R]) judge(ctx context.Context, out *outcome[R]) {
	p := w.pool
	throttled := out.err != nil && p.throttledBy(out.err)
	p.probed(w.pass, out.err, throttled)
	if p.observe != nil {
		w.told = true
		w.asked = asked{"Observe of the limiter", out.err}
		p.observe(out.err)
		w.asked = asked{}
	}
	if out.err == nil {
		return
	}
	var stopped error
	w.asked = asked{"retry policy", out.err}
	out.wait, out.again, stopped = p.nextTry(ctx, w.tries.n, out.err)
	w.asked = asked{}
	if !out.again {
		out.err = w.tries.failure(out.err, stopped)
	}
}

// asked is what is asked about an attempt that has ended, and what that ended with.
type asked struct {
	what string // empty: nothing is
	err  error
}

// askedError is the outcome of a job whose attempt had ended when what was asked about it
// panicked or exited, as failed says.
type askedError struct {
	pool string
	asked
	failed error
}

// Error puts the text together only now, when it calls a method of whatever the job returned.
func (e *askedError) Error() string {
	text := prefix(e.pool) + e.what + " " + ofLimiter(e.failed)
	if e.err == nil {
		return text
	}
	return fmt.Sprintf("%s, after: %v", text, e.err)
}

func (e *askedError) Unwrap() []error {
	if e.err == nil {
		return []error{e.failed}
	}
	return []error{e.failed, e.err}
}

// nextTry asks whether there is to be another attempt after the n-th, which ended with err.
func (p *Pool[T, R]) nextTry(ctx context.Context, n int, err error) (wait time.Duration, again bool, stopped error) {
	if p.retry == nil || ctx.Err() != nil {
		return 0, false, nil
	}
	if _, permanent := as[*permanentError](err); permanent {
		return 0, false, nil
	}
	if wait, again = p.retry(n, err); !again {
		return 0, false, nil
	}
	if !p.budget.take() {
		return 0, false, newError(p.name, nil, "retry budget spent")
	}
	if after, ok := as[*retryAfterError](err); ok {
		wait = max(wait, after.after)
	}
	return wait, true, nil
}

// budget is how many retries there may be: each first attempt adds to it, and a retry takes
// one. It is the token bucket that gRPC and Finagle have for the same end, filled by attempts
// and not by time.
type budget struct {
	perJob float64 // what a first attempt adds

	mu    sync.Mutex
	saved float64
}

// budgetMost is how many retries are saved up at most: what was good for a long time
// is not to pay for a storm.
const budgetMost = 100

// newBudget is for one that lets at most this share of all attempts be retries.
func newBudget(share float64) *budget { return &budget{perJob: share / (1 - share)} }

// add is for a first attempt.
func (b *budget) add() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.saved = min(budgetMost, b.saved+b.perJob)
}

// take reports whether there may be a retry.
func (b *budget) take() bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	const slip = 1e-9 // of adding up fractions
	if b.saved < 1-slip {
		return false
	}
	b.saved--
	return true
}

// abandon ends a job that has had attempts, and was to have another that it will not get.
func (p *Pool[T, R]) abandon(ctx context.Context, job T, t tries, r *record, stopped error) Result[T, R] {
	err := t.failure(t.err, stopped)
	p.followed.Add(-1) // the last attempt was the last
	p.mu.Lock()
	p.past.Failed++
	p.mu.Unlock()
	if o := p.observer; o != nil {
		o.abandoned(ctx, r, job, t, err)
	}
	return Result[T, R]{Job: job, Err: err, Attempts: t.n}
}
