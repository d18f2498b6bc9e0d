// Package policies plugs libraries that many programs have already into a pool: the backoffs of
// github.com/cenkalti/backoff/v5 as its retry policy, and the circuit breaker of
// github.com/sony/gobreaker/v2 around its Func. Each is a few lines, to be copied. The limiter of
// golang.org/x/time/rate takes none: see the examples.
package policies

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/boundedgo/workerpool"
)

// Backoff makes a policy of a backoff, for so many attempts at most.
//
// A backoff has a state, and is for one operation at a time. A policy is asked about all jobs of
// a pool, at once. So each time a new one goes as far as the job is; jobs have few attempts.
func Backoff(attempts int, newBackOff func() backoff.BackOff) workerpool.RetryPolicy {
	return func(attempt int, err error) (wait time.Duration, again bool) {
		if _, ok := errors.AsType[*backoff.PermanentError](err); ok || attempt >= attempts {
			return 0, false
		}
		b := newBackOff()
		b.Reset()
		for range attempt {
			wait = b.NextBackOff()
		}
		return wait, wait != backoff.Stop
	}
}
