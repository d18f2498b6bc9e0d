package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
	"github.com/boundedgo/workerpool/retry"
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
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch { // stands for somebody else's
		case r.URL.Path == "/3":
			w.WriteHeader(http.StatusNotFound)
		case requests.Add(1) == 1:
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer server.Close()

	fetch := func(ctx context.Context, path string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			return "", workerpool.Permanent(err) // not tried again
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			return "", err
		}
		defer func() { _ = resp.Body.Close() }()
		if err := retry.AfterResponse(resp, time.Minute); err != nil {
			return "", err // 429, 503: the pool waits for as long as the header says, a minute at most
		}
		if resp.StatusCode != http.StatusOK {
			return "", workerpool.Permanent(errors.New(resp.Status))
		}
		return resp.Status, nil
	}
	ctx := context.Background()
	pool, err := workerpool.New(fetch,
		workerpool.WithTiming(),                       // for the tuner
		workerpool.WithLimiter(autotune.NewLimiter()), // learns how many a second
		workerpool.WithRetry(retry.Backoff(5, 100*time.Millisecond, 10*time.Second)))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	tuner, err := autotune.Start(ctx, pool, autotune.Config{ // finds how many at once
		Min: 1, Max: 100,
		IgnoreThrottled: true, // since 429 is about the rate, here, and the limiter sees to that
	})
	if err != nil {
		log.Fatal(err)
	}
	defer tuner.Stop()

	results, err := pool.Collect(ctx, []string{"/1", "/2", "/3"})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Job, r.Value, r.Err)
	}
	// Output:
	// /1 200 OK <nil>
	// /2 200 OK <nil>
	// /3  404 Not Found
}

// An error that another client brings, for the pool to wait.
func ExampleRetryAfter() {
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
	backoff := retry.Backoff(5, time.Millisecond, 10*time.Millisecond)
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
