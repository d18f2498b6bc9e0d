package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/boundedgo/workerpool"
)

// api stands for a server: it turns every third request away.
type api struct{ requests int }

var errBusy = errors.New("429 Too Many Requests")

func (a *api) get(_ context.Context, id int) (string, error) {
	a.requests++
	if a.requests%3 == 0 {
		return "", errBusy
	}
	if id == 4 {
		return "", errors.New("404 Not Found")
	}
	return fmt.Sprintf("page %d", id), nil
}

func Example_downstream() {
	server := new(api)
	get := func(ctx context.Context, id int) (string, error) {
		page, err := server.get(ctx, id)
		switch {
		case errors.Is(err, errBusy):
			return "", workerpool.RetryAfter(err, 10*time.Millisecond) // the whole pool waits
		case err != nil:
			return "", workerpool.Permanent(err) // not tried again
		}
		return page, nil
	}
	backoff := func(attempt int, _ error) (time.Duration, bool) {
		return time.Millisecond << attempt, attempt < 5
	}
	results, err := workerpool.Collect(context.Background(), []int{1, 2, 3, 4}, get,
		workerpool.WithWorkers(1), workerpool.WithRetry(backoff), workerpool.WithRetryBudget(0.5))
	if err != nil {
		panic(err)
	}
	for _, r := range results {
		fmt.Println(r.Job, r.Value, r.Err, r.Attempts)
	}
	// Output:
	// 1 page 1 <nil> 1
	// 2 page 2 <nil> 1
	// 3 page 3 <nil> 2
	// 4  404 Not Found 1
}

// everySo is a limiter: an attempt in each interval. In place of it one would have a
// *rate.Limiter of golang.org/x/time/rate.
type everySo time.Duration

func (d everySo) Wait(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(d)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func ExampleWithLimiter() {
	greet := func(_ context.Context, name string) (string, error) { return "hello " + name, nil }
	begun := time.Now()
	greetings, err := workerpool.Map(context.Background(), []string{"ann", "bob", "cat"}, greet,
		workerpool.WithWorkers(1), workerpool.WithLimiter(everySo(10*time.Millisecond)))
	fmt.Println(greetings, err, time.Since(begun) >= 30*time.Millisecond)
	// Output: [hello ann hello bob hello cat] <nil> true
}

func ExampleWithRetry() {
	failures := 2
	get := func(context.Context, string) (string, error) {
		if failures > 0 {
			failures--
			return "", errors.New("connection reset")
		}
		return "ok", nil
	}
	pool, err := workerpool.New(get, workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) {
		return time.Millisecond, attempt < 5
	}))
	if err != nil {
		panic(err)
	}
	defer pool.Stop()
	value, err := pool.Do(context.Background(), "page")
	fmt.Println(value, err, pool.Stats().Attempts)
	// Output: ok <nil> 3
}

func ExampleRetryError() {
	down := func(context.Context, string) (string, error) { return "", errors.New("connection reset") }
	_, err := workerpool.Map(context.Background(), []string{"page"}, down,
		workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return 0, attempt < 3 }))
	var failed *workerpool.RetryError
	if errors.As(err, &failed) {
		fmt.Println(failed.Attempts, failed.Err)
	}
	fmt.Println(err)
	// Output:
	// 3 connection reset
	// workerpool: Map: job 0: after 3 attempts: connection reset
}
