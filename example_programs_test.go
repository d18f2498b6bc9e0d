package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/boundedgo/workerpool"
)

// A batch that ends at its first error. What runs then is cancelled, what waits does
// not run; Stop waits for the one and gives back the other.
func Example_firstError() {
	parse := func(_ context.Context, s string) (time.Duration, error) { return time.ParseDuration(s) }
	sum := func(ctx context.Context, texts []string) (total time.Duration, err error) {
		pool, err := workerpool.New(parse, workerpool.WithWorkers(2), workerpool.WithContext(ctx))
		if err != nil {
			return 0, err
		}
		defer pool.Stop() // after an early return nothing is left running
		go func() {
			defer pool.Close()
			for _, text := range texts {
				if pool.Submit(ctx, text) != nil {
					return // ctx has ended, or the pool was stopped
				}
			}
		}()
		for r := range pool.Results() {
			if r.Err != nil {
				return 0, fmt.Errorf("job %q: %w", r.Job, r.Err)
			}
			total += r.Value
		}
		return total, context.Cause(ctx)
	}

	fmt.Println(sum(context.Background(), []string{"1h", "20m", "100s"}))
	fmt.Println(sum(context.Background(), []string{"1h", "soon", "100s"}))
	// Output:
	// 1h21m40s <nil>
	// 0s job "soon": time: invalid duration "soon"
}

// A service whose handlers share a pool, and its end: first the listener and the
// handlers, who wait for their jobs; then the pool, which cancels what has taken too
// long; then the handlers of those jobs, who still have to say so to their clients.
func Example_service() {
	// In a program: signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	term, terminate := context.WithCancel(context.Background())

	shout := func(_ context.Context, s string) (string, error) { return strings.ToUpper(s), nil }
	pool, err := workerpool.New(shout, workerpool.WithWorkers(4), workerpool.WithName("shout"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := pool.TryDo(r.Context(), r.FormValue("s")) // cancelled with the request
		switch {
		case errors.Is(err, workerpool.ErrFull), errors.Is(err, workerpool.ErrClosed),
			errors.Is(err, workerpool.ErrNotRun), errors.Is(err, workerpool.ErrStopped):
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			fmt.Fprintln(w, answer)
		}
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }() // until Shutdown

	go func() { // stands for clients, and then the signal
		fmt.Print(get("http://" + listener.Addr().String() + "?s=hello"))
		terminate()
	}()

	<-term.Done()
	within := func(d time.Duration, shutdown func(context.Context) error) {
		// The cause is that of jobs which are cut off, and return it.
		limit, cancel := context.WithTimeoutCause(context.Background(), d, workerpool.ErrStopped)
		defer cancel()
		if err := shutdown(limit); err != nil {
			log.Print(err)
		}
	}
	within(10*time.Second, server.Shutdown)
	within(time.Second, pool.Shutdown)
	within(time.Second, server.Shutdown)
	// Output: 200 HELLO
}

// A consumer that works until it is told to end, and then gives what it has ten more
// seconds. Each message that it has taken is acknowledged in the end, or handed back.
func Example_consumer() {
	// In a program: signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	term, terminate := context.WithCancel(context.Background())
	messages := make(chan string) // from a broker

	handle := func(ctx context.Context, message string) (int, error) {
		select {
		case <-time.After(time.Millisecond): // stands for work
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		if message == "c" {
			return 0, errors.New("no such thing")
		}
		return len(message), nil
	}
	pool, err := workerpool.New(handle,
		workerpool.WithWorkers(2),
		workerpool.WithBuffer(2), // messages taken ahead of the work on them
		workerpool.WithName("consumer"))
	if err != nil {
		log.Fatal(err)
	}

	errNoTime := errors.New("no time left")
	settled := make(chan struct{})
	go func() { // the reader: every message that was accepted comes by here, once
		defer close(settled)
		for r := range pool.Results() {
			switch {
			case errors.Is(r.Err, workerpool.ErrNotRun), errors.Is(r.Err, errNoTime):
				fmt.Println(r.Job, "back to the broker")
			case r.Err != nil:
				fmt.Println(r.Job, "has failed:", r.Err)
			default:
				fmt.Println(r.Job, "acknowledged")
			}
		}
	}()

	go func() { // the broker, and then the signal
		for _, m := range []string{"a", "b", "c"} {
			messages <- m
		}
		for pool.Stats().Accepted < 3 { // so that the output of this example is certain
			runtime.Gosched()
		}
		terminate()
	}()

	for term.Err() == nil {
		select {
		case m := <-messages:
			// It may wait for a place: the signal ends that too.
			if err := pool.Submit(term, m); err != nil {
				fmt.Println(m, "back to the broker:", err)
			}
		case <-term.Done():
		}
	}

	limit, cancel := context.WithTimeoutCause(context.Background(), 10*time.Second, errNoTime)
	defer cancel()
	if err := pool.Shutdown(limit); err != nil {
		log.Print(err) // what did not run, or was cancelled, still comes on Results
	}
	select {
	case <-settled:
	case <-time.After(time.Second): // a Func that does not watch its context still runs
	}
	// Unordered output:
	// a acknowledged
	// b acknowledged
	// c has failed: no such thing
}
