// Package retry has what [workerpool.WithRetry] takes: a policy, and errors made of HTTP
// responses, so that a server which wants to be left alone is.
//
//	pool, err := workerpool.New(fetch,
//		workerpool.WithWorkers(50),
//		workerpool.WithRetry(retry.Backoff(5, 200*time.Millisecond, 10*time.Second)))
//
// where fetch, after each response, says
//
//	if err := retry.AfterResponse(resp, time.Minute); err != nil {
//		return page, err
//	}
package retry

import (
	"math/rand/v2"
	"time"

	"github.com/boundedgo/workerpool"
)

// Backoff returns a policy that lets a job have at most so many attempts, the first one
// included, and before each further one a random wait: between 0 and base after the first
// attempt, and between 0 and twice as much as before after each further one, but never more
// than most. So those that failed together do not come again together.
//
// It is exponential backoff with full jitter, which of those compared in Marc Brooker's
// article [Exponential Backoff And Jitter] (2015) costs about the fewest calls.
//
// Every error is tried again: [workerpool.Permanent] marks those that should not be, or a
// policy around this one leaves them out. A base of 0 is no wait. attempts must be at least
// 1, base must not be negative, and most must not be less than base: otherwise the policy is
// nil, which [workerpool.New] refuses. It may be called from any goroutine, and never blocks.
//
// [Exponential Backoff And Jitter]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
func Backoff(attempts int, base, most time.Duration) workerpool.RetryPolicy {
	if attempts < 1 || base < 0 || most < base {
		return nil
	}
	return func(attempt int, _ error) (wait time.Duration, again bool) {
		if attempt >= attempts {
			return 0, false
		}
		return upTo(longest(attempt, base, most)), true
	}
}

// longest is the longest wait after an attempt: base, doubled for each attempt before it, and
// never more than most. It compares before it doubles, so that nothing overflows.
func longest(attempt int, base, most time.Duration) time.Duration {
	doublings := max(1, attempt) - 1
	if base > most>>doublings {
		return most
	}
	return base << doublings
}

// upTo is a random time from 0 to d, which is not negative.
func upTo(d time.Duration) time.Duration {
	return time.Duration(rand.Uint64N(uint64(d) + 1))
}
