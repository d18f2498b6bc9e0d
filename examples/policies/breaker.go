package policies

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/boundedgo/workerpool"
)

// While a breaker is open every call fails at once. What that is to a job depends on who waits
// for it:
//
//   - Work that has to be done in the end, as of a queue, had better wait too. To try and fail
//     would use up all of its attempts within milliseconds. There Pausing is right: an open
//     breaker pauses the pool.
//   - A caller of Do wants to know now, so that he can say 503 himself. There FailingFast is
//     right: what an open breaker says is the outcome.

// Pausing returns fn behind a breaker with these settings, for a pool with a retry policy. A
// failure that opens the breaker, or meets it open, is one of workerpool.RetryAfter: no job starts
// until the breaker lets one through to see how it is there, and neither does the pool let more
// go ahead then.
func Pausing[T, R any](s gobreaker.Settings, fn workerpool.Func[T, R]) workerpool.Func[T, R] {
	s.Timeout = cmp.Or(max(0, s.Timeout), time.Minute) // the default, which it does not tell
	var opens atomic.Int64                             // when it lets one through, in ns; the breaker does not tell that either
	told := s.OnStateChange
	s.OnStateChange = func(name string, from, to gobreaker.State) {
		if to == gobreaker.StateOpen {
			opens.Store(time.Now().Add(s.Timeout).UnixNano())
		}
		if told != nil {
			told(name, from, to)
		}
	}
	breaker := gobreaker.NewCircuitBreaker[R](s)
	return func(ctx context.Context, job T) (R, error) {
		value, err := breaker.Execute(func() (R, error) { return fn(ctx, job) })
		switch left := time.Until(time.Unix(0, opens.Load())); {
		case err == nil:
		case errors.Is(err, gobreaker.ErrTooManyRequests): // another one is going ahead just now
			err = workerpool.RetryAfter(err, 0)
		case left > 0:
			err = workerpool.RetryAfter(err, left+time.Millisecond) // it opens after that time, not at it
		}
		return value, err
	}
}

// FailingFast returns fn behind a breaker with these settings. What the breaker does not let
// through fails for good, whatever the policy of the pool says.
func FailingFast[T, R any](s gobreaker.Settings, fn workerpool.Func[T, R]) workerpool.Func[T, R] {
	breaker := gobreaker.NewCircuitBreaker[R](s)
	return func(ctx context.Context, job T) (R, error) {
		value, err := breaker.Execute(func() (R, error) { return fn(ctx, job) })
		if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
			err = workerpool.Permanent(err)
		}
		return value, err
	}
}
