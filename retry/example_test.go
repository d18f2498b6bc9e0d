package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/retry"
)

// fetcher makes a Func that fetches URLs with a client, and returns their status.
func fetcher(client *http.Client) workerpool.Func[string, int] {
	return func(ctx context.Context, url string) (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, workerpool.Permanent(err) // it will be no better next time
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer func() { _ = resp.Body.Close() }()
		if err := retry.AfterResponse(resp, time.Minute); err != nil {
			return 0, err
		}
		if resp.StatusCode/100 == 4 {
			return 0, workerpool.Permanent(errors.New(resp.Status))
		}
		_, err = io.Copy(io.Discard, resp.Body) // stands for what is to be done with it
		return resp.StatusCode, err
	}
}

// direct is a transport without a network.
type direct struct{ to http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.to.ServeHTTP(w, r)
	return w.Result(), nil
}

// newPool makes a pool that fetches from a handler.
func newPool(t *testing.T, from http.Handler, opts ...workerpool.Option) *workerpool.Pool[string, int] {
	t.Helper()
	pool, err := workerpool.New(fetcher(&http.Client{Transport: direct{from}}), opts...)
	require.NoError(t, err)
	return pool
}

// A server that turns the first requests away, and says for how long. All jobs of the pool
// wait, and none is lost.
func Example() {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) <= 2 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	defer server.Client().CloseIdleConnections()

	fetch := func(ctx context.Context, url string) (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, workerpool.Permanent(err) // it will be no better next time
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			return 0, err
		}
		defer func() { _ = resp.Body.Close() }()
		if err := retry.AfterResponse(resp, time.Minute); err != nil {
			return 0, err // pauses the pool, for a minute at most
		}
		return resp.StatusCode, nil
	}
	pool, err := workerpool.New(fetch,
		workerpool.WithWorkers(2),
		workerpool.WithRetry(retry.Backoff(5, 100*time.Millisecond, 10*time.Second)))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()

	urls := []string{server.URL + "/1", server.URL + "/2", server.URL + "/3"}
	statuses, err := pool.Map(context.Background(), urls)
	fmt.Println(statuses, err)
	fmt.Println(pool.Stats().Throttled > 0, "that some were turned away")
	// Output:
	// [200 200 200] <nil>
	// true that some were turned away
}

// Not every error is worth another attempt: a policy around the policy.
func ExampleBackoff() {
	errBusy, errNoSuchUser := errors.New("busy"), errors.New("no such user")
	backoff := retry.Backoff(3, 10*time.Millisecond, time.Second)
	onlyBusy := func(attempt int, err error) (time.Duration, bool) {
		if !errors.Is(err, errBusy) {
			return 0, false
		}
		return backoff(attempt, err)
	}
	calls := map[string]int{}
	greet := func(_ context.Context, user string) (string, error) {
		if calls[user]++; user == "nobody" {
			return "", errNoSuchUser
		}
		return "", errBusy
	}
	pool, err := workerpool.New(greet, workerpool.WithWorkers(1), workerpool.WithRetry(onlyBusy))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	for _, user := range []string{"nobody", "ann"} {
		_, err := pool.Do(context.Background(), user)
		fmt.Println(calls[user], err)
	}
	// Output:
	// 1 no such user
	// 3 after 3 attempts: busy
}

func ExampleAfterResponse() {
	resp := &http.Response{
		StatusCode: http.StatusServiceUnavailable,
		Status:     "503 Service Unavailable",
		Header: http.Header{
			"Date":        {"Fri, 31 Dec 1999 23:59:29 GMT"}, // by the clock of the server
			"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"},
		},
	}
	err := retry.AfterResponse(resp, time.Minute)
	fmt.Println(err)
	var status *retry.StatusError
	fmt.Println(errors.As(err, &status), status.StatusCode)
	// Output:
	// HTTP status 503 Service Unavailable (retry after 30s)
	// true 503
}
