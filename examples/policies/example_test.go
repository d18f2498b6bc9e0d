package policies_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/examples/policies"
)

// A backoff of github.com/cenkalti/backoff/v5 as the retry policy.
func ExampleBackoff() {
	calls := 0
	fetch := func(context.Context, string) (string, error) {
		if calls++; calls < 3 {
			return "", errors.New("connection reset")
		}
		return "page", nil
	}
	policy := policies.Backoff(5, func() backoff.BackOff {
		b := backoff.NewExponentialBackOff()
		b.InitialInterval = 5 * time.Millisecond
		return b
	})
	pool, err := workerpool.New(fetch, workerpool.WithRetry(policy))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	fmt.Println(pool.Do(context.Background(), "https://example.com"))
	fmt.Println(calls, "calls")
	// Output:
	// page <nil>
	// 3 calls
}

// A breaker of github.com/sony/gobreaker/v2, for work that has to be done in the end: while it is
// open the pool waits.
func ExamplePausing() {
	up := time.Now().Add(50 * time.Millisecond)
	write := func(_ context.Context, row int) (int, error) {
		if time.Now().Before(up) {
			return 0, errors.New("database is starting")
		}
		return row, nil
	}
	settings := gobreaker.Settings{
		Timeout:     20 * time.Millisecond,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
	}
	often := func(attempt int, _ error) (time.Duration, bool) { return 0, attempt < 100 }
	pool, err := workerpool.New(policies.Pausing(settings, write), workerpool.WithWorkers(1), workerpool.WithRetry(often))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	fmt.Println(pool.Map(context.Background(), []int{1, 2, 3, 4, 5}))
	// Output: [1 2 3 4 5] <nil>
}

// The same breaker for callers who had rather have an error now than an answer later.
func ExampleFailingFast() {
	calls := 0
	get := func(context.Context, string) (string, error) {
		calls++
		return "", errors.New("no route to host")
	}
	settings := gobreaker.Settings{ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 }}
	often := func(attempt int, _ error) (time.Duration, bool) { return 0, attempt < 100 }
	pool, err := workerpool.New(policies.FailingFast(settings, get), workerpool.WithRetry(often))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	_, err = pool.Do(context.Background(), "https://example.com")
	fmt.Println(err)
	fmt.Println(calls, "calls")
	// Output:
	// after 4 attempts: circuit breaker is open
	// 3 calls
}

// The limiter of golang.org/x/time/rate is a workerpool.Limiter as it is.
func Example_rateLimiter() {
	limiter := rate.NewLimiter(rate.Every(10*time.Millisecond), 2) // 100 a second, 2 at once
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	begin := time.Now()
	squares, err := workerpool.Map(context.Background(), []int{1, 2, 3, 4, 5}, square,
		workerpool.WithWorkers(8), workerpool.WithLimiter(limiter))
	fmt.Println(squares, err, time.Since(begin) >= 29*time.Millisecond)
	// Output: [1 4 9 16 25] <nil> true
}
