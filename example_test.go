package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// Four workers double ten numbers.
func Example() {
	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	pool, err := workerpool.New(double, workerpool.WithWorkers(4))
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		defer pool.Close() // ends the range below, when all jobs are done
		for n := range 10 {
			if err := pool.Submit(context.Background(), n); err != nil {
				log.Print(err)
			}
		}
	}()
	for r := range pool.Results() {
		fmt.Println(r.Job, "→", r.Value, r.Err)
	}
	// Unordered output:
	// 0 → 0 <nil>
	// 1 → 2 <nil>
	// 2 → 4 <nil>
	// 3 → 6 <nil>
	// 4 → 8 <nil>
	// 5 → 10 <nil>
	// 6 → 12 <nil>
	// 7 → 14 <nil>
	// 8 → 16 <nil>
	// 9 → 18 <nil>
}

// A batch that can be cancelled: ctx reaches the jobs by WithContext, and the
// submitter, who may be waiting for a place, by Submit.
func ExamplePool_Submit() {
	lengths := func(ctx context.Context, words []string) (map[string]int, error) {
		size := func(_ context.Context, word string) (int, error) { return len(word), nil }
		pool, err := workerpool.New(size, workerpool.WithWorkers(2), workerpool.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		defer pool.Stop() // for the return in the loop; after a whole range it has nothing to do
		go func() {
			defer pool.Close()
			for _, word := range words {
				if pool.Submit(ctx, word) != nil {
					return // ctx has ended, or the pool was stopped: the range below ends too
				}
			}
		}()
		found := make(map[string]int)
		for r := range pool.Results() {
			if r.Err != nil {
				return nil, fmt.Errorf("%s: %w", r.Job, r.Err)
			}
			found[r.Job] = r.Value
		}
		return found, context.Cause(ctx) // a batch that was cut short is not a small one
	}
	fmt.Println(lengths(context.Background(), []string{"pool", "worker", "job"}))
	// Output: map[job:3 pool:4 worker:6] <nil>
}

// Jobs that submit jobs: a crawler. The jobs pass their own context on, so they never
// wait for ever, however small the queue; the reader only reads; Wait tells when
// there is nothing left to do.
func ExamplePool_Submit_crawler() {
	links := map[string][]string{
		"/": {"/a", "/b"}, "/a": {"/b", "/a/1"}, "/b": {"/", "/a"}, "/a/1": {"/"},
	}
	var seen sync.Map
	var pool *workerpool.Pool[string, int]
	visit := func(ctx context.Context, page string) (int, error) {
		for _, link := range links[page] {
			if _, dup := seen.LoadOrStore(link, true); dup {
				continue
			}
			if err := pool.Submit(ctx, link); err != nil {
				return 0, err
			}
		}
		return len(links[page]), nil
	}
	pool, err := workerpool.New(visit, workerpool.WithWorkers(2), workerpool.WithBuffer(1))
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		defer pool.Close()
		seen.Store("/", true)
		if err := pool.Submit(context.Background(), "/"); err != nil {
			log.Print(err)
		}
		if err := pool.Wait(context.Background()); err != nil {
			log.Print(err)
		}
	}()
	for r := range pool.Results() {
		fmt.Println(r.Job, r.Value, r.Err)
	}
	// Unordered output:
	// / 2 <nil>
	// /a 2 <nil>
	// /b 2 <nil>
	// /a/1 1 <nil>
}

// HTTP handlers that share one pool, so that all requests together keep within its
// workers. A client that goes away cancels its own job, and only that.
func ExamplePool_Do() {
	render := func(_ context.Context, name string) (string, error) { return "Hello, " + name, nil }
	pool, err := workerpool.New(render, workerpool.WithWorkers(runtime.GOMAXPROCS(0)))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, err := pool.Do(r.Context(), r.FormValue("name"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, page)
	}))
	defer server.Close()
	fmt.Print(get(server.URL + "?name=Ada"))
	// Output: 200 Hello, Ada
}

// A server that is full says so at once, rather than let its clients wait.
func ExamplePool_TryDo() {
	started, release := make(chan bool), make(chan bool)
	slow := func(context.Context, string) (string, error) {
		started <- true
		<-release
		return "done", nil
	}
	pool, err := workerpool.New(slow, workerpool.WithWorkers(1), workerpool.WithBuffer(1), workerpool.WithName("reports"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report, err := pool.TryDo(r.Context(), r.URL.Path)
		switch {
		case errors.Is(err, workerpool.ErrFull), errors.Is(err, workerpool.ErrClosed), errors.Is(err, workerpool.ErrNotRun):
			w.Header().Set("Retry-After", "1") // full, or about to end
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			fmt.Fprintln(w, report)
		}
	}))
	defer server.Close()

	for _, client := range []string{"/runs", "/waits"} { // one job that runs, one in the queue
		go get(server.URL + client)
		if client == "/runs" {
			<-started
		}
	}
	for pool.Stats().Queued == 0 {
		runtime.Gosched()
	}
	fmt.Print(get(server.URL + "/third"))
	close(release)
	<-started
	// Output: 503 workerpool "reports": TryDo: queue full (1 waiting, 1 running, 0 results unread)
}

// get returns the status and the body of a response.
func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var body strings.Builder
	if err := resp.Write(&body); err != nil {
		return err.Error()
	}
	_, text, _ := strings.Cut(body.String(), "\r\n\r\n")
	return fmt.Sprint(resp.StatusCode, " ", text)
}

// Cancelling the pool's context ends it, and every outcome says why.
func ExampleWithContext() {
	errPowerLow := errors.New("power is low")
	ctx, cancel := context.WithCancelCause(context.Background())
	started := make(chan bool)
	wait := func(ctx context.Context, _ string) (string, error) {
		started <- true
		<-ctx.Done()
		return "", context.Cause(ctx)
	}
	pool, err := workerpool.New(wait, workerpool.WithWorkers(1), workerpool.WithContext(ctx))
	if err != nil {
		log.Fatal(err)
	}
	for _, job := range []string{"first", "second"} {
		if err := pool.Submit(ctx, job); err != nil {
			log.Fatal(err)
		}
	}
	<-started
	cancel(errPowerLow)
	for r := range pool.Results() { // complete, and it ends
		fmt.Printf("%s: %v (not run: %t)\n", r.Job, r.Err, errors.Is(r.Err, workerpool.ErrNotRun))
	}
	fmt.Println(pool.Submit(context.Background(), "third"))
	// Unordered output:
	// first: power is low (not run: false)
	// second: workerpool: job not run: power is low (not run: true)
	// workerpool: Submit: closed: power is low
}

// A bound for each call of Func.
func ExampleWithJobTimeout() {
	slow := func(ctx context.Context, d time.Duration) (string, error) {
		select {
		case <-time.After(d):
			return "in time", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	pool, err := workerpool.New(slow, workerpool.WithWorkers(2), workerpool.WithJobTimeout(20*time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	fmt.Println(pool.Do(context.Background(), 0))
	_, err = pool.Do(context.Background(), time.Hour)
	fmt.Println(err)
	fmt.Println(errors.Is(err, workerpool.ErrJobTimeout), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// in time <nil>
	// workerpool: job timed out after 20ms: context deadline exceeded
	// true true
}

// Stop ends a pool now, and gives back what nobody has read: here one job that ran
// and two that did not.
func ExamplePool_Stop() {
	started := make(chan bool)
	work := func(ctx context.Context, n int) (int, error) {
		started <- true
		<-ctx.Done() // a job that can be cancelled returns soon
		return n, context.Cause(ctx)
	}
	pool, err := workerpool.New(work, workerpool.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	for n := range 3 {
		if err := pool.Submit(context.Background(), n); err != nil {
			log.Fatal(err)
		}
	}
	<-started
	var again []int
	for _, r := range pool.Stop() {
		if errors.Is(r.Err, workerpool.ErrNotRun) {
			again = append(again, r.Job)
		} else {
			fmt.Println(r.Job, "ran:", r.Err)
		}
	}
	slices.Sort(again)
	fmt.Println("to be done another time:", again)
	// Output:
	// 0 ran: workerpool: stopped
	// to be done another time: [1 2]
}

// A panic is the outcome of its job. The others go on, and so does the worker.
func ExamplePanicError() {
	divide := func(_ context.Context, n int) (int, error) { return 60 / n, nil }
	pool, err := workerpool.New(divide, workerpool.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	for _, n := range []int{5, 0, 6} {
		value, err := pool.Do(context.Background(), n)
		var p *workerpool.PanicError
		if errors.As(err, &p) {
			fmt.Println(err)
			fmt.Println("in this file:", strings.Contains(string(p.Stack), "example_test.go"))
			continue
		}
		fmt.Println(value, err)
	}
	// Output:
	// 12 <nil>
	// workerpool: job panicked: runtime error: integer divide by zero
	// in this file: true
	// 10 <nil>
}

// A pool can be given another size while it works.
func ExamplePool_Resize() {
	started, release := make(chan int), make(chan bool)
	work := func(_ context.Context, n int) (int, error) {
		started <- n
		<-release
		return n, nil
	}
	pool, err := workerpool.New(work, workerpool.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	for n := range 4 {
		if err := pool.Submit(context.Background(), n); err != nil {
			log.Fatal(err)
		}
	}
	<-started
	fmt.Println("busy:", pool.Stats().Busy)
	if err := pool.Resize(3); err != nil {
		log.Fatal(err)
	}
	<-started
	<-started
	fmt.Println("busy:", pool.Stats().Busy)
	fmt.Println(pool.Resize(0))
	close(release)
	<-started
	pool.Stop()
	// Output:
	// busy: 1
	// busy: 3
	// workerpool: Resize(0): must be at least 1
}

// Fire and forget: somebody still has to read Results, if only to log what failed.
func Example_fireAndForget() {
	send := func(_ context.Context, to string) (struct{}, error) {
		if !strings.Contains(to, "@") {
			return struct{}{}, errors.New("no such address")
		}
		return struct{}{}, nil
	}
	mails, err := workerpool.New(send, workerpool.WithWorkers(16), workerpool.WithName("mails"))
	if err != nil {
		log.Fatal(err)
	}
	logged := make(chan bool)
	go func() {
		defer close(logged)
		for r := range mails.Results() {
			if r.Err != nil {
				fmt.Printf("mail to %s: %v\n", r.Job, r.Err)
			}
		}
	}()

	for _, to := range []string{"ada@example.com", "nobody", "alan@example.com"} {
		if err := mails.Submit(context.Background(), to); err != nil {
			log.Fatal(err)
		}
	}

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := mails.Shutdown(ctx); err != nil {
		log.Print(err) // a Func that does not watch its context may still run: do not wait for it
		return
	}
	<-logged
	// Output: mail to nobody: no such address
}

// Wait is for a pool that goes on living: here one that works in rounds.
func ExamplePool_Wait() {
	var done sync.Map
	mark := func(_ context.Context, n int) (int, error) { done.Store(n, true); return n, nil }
	pool, err := workerpool.New(mark, workerpool.WithWorkers(4))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	for round := range 2 {
		for n := range 10 {
			if err := pool.Submit(context.Background(), 10*round+n); err != nil {
				log.Fatal(err)
			}
		}
		if err := pool.Wait(context.Background()); err != nil {
			log.Fatal(err)
		}
		fmt.Println("completed:", pool.Stats().Completed)
	}
	// Output:
	// completed: 10
	// completed: 20
}
