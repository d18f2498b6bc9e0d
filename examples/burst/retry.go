package main

import (
	"context"
	"fmt"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// getFunc sends one request and returns its answer.
type getFunc = func(ctx context.Context, id int) (string, error)

// retryPolicy is what a caller does about a 429: it waits, twice as long each time
// up to a bound, and tries again. This is what people write first, and what many
// HTTP clients do unless told otherwise. It has no jitter on purpose: that would
// spread the callers out, but they would guess as before when there is a place. Nor does it
// look at Retry-After, which would have all of them come again at the same moment.
type retryPolicy struct {
	first, most time.Duration
	attempts    int
}

// wrap returns get with retries. The run with a goroutine for each request and that with a
// pool use it, so that they differ only in how many callers there are at once.
func (p retryPolicy) wrap(get getFunc) getFunc {
	return func(ctx context.Context, id int) (string, error) {
		wait := p.first
		for attempt := 1; ; attempt++ {
			answer, err := get(ctx, id)
			if !isRejected(err) {
				return answer, err
			}
			if attempt == p.attempts {
				return "", fmt.Errorf("gave up after %s: %w", cli.Plural(attempt, "attempt"), err)
			}
			if err := pause(ctx, wait); err != nil {
				return "", err
			}
			wait = min(2*wait, p.most)
		}
	}
}

// pause waits for d, or until ctx ends, and returns an error then.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
