package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
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
// handlers, who wait for their jobs, then the pool.
func Example_service() {
	// In a program: signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	term, terminate := context.WithCancel(context.Background())

	shout := func(_ context.Context, s string) (string, error) { return strings.ToUpper(s), nil }
	pool, err := workerpool.New(shout, workerpool.WithWorkers(4), workerpool.WithName("shout"))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := pool.Do(r.Context(), r.FormValue("s")) // ends with the request
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, answer)
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }() // until Shutdown

	go func() { // a client, and then the signal
		fmt.Print(get("http://" + listener.Addr().String() + "?s=hello"))
		terminate()
	}()

	<-term.Done()
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(server.Shutdown(limit), pool.Shutdown(limit))
	// Output:
	// 200 HELLO
	// <nil> <nil>
}

// A consumer that works until it is told to end. It takes messages only as long as
// nobody has told it; those that it has taken have ten more seconds. Each is
// acknowledged in the end, or handed back.
func Example_consumer() {
	// In a program: signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	term, terminate := context.WithCancel(context.Background())
	messages := make(chan string) // from a broker
	grace, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	context.AfterFunc(term, func() { time.AfterFunc(10*time.Second, giveUp) })

	handle := func(_ context.Context, message string) (int, error) {
		if message == "c" {
			return 0, errors.New("no such thing")
		}
		return len(message), nil
	}
	pool, err := workerpool.New(handle, workerpool.WithWorkers(2), workerpool.WithName("consumer"))
	if err != nil {
		log.Fatal(err)
	}

	settled := make(chan struct{})
	go func() { // the reader: every message taken comes by here, once
		defer close(settled)
		for r := range pool.Results() {
			switch {
			case errors.Is(r.Err, workerpool.ErrNotRun):
				fmt.Println(r.Job, "back to the broker") // there was no time for it any more
			case r.Err != nil:
				fmt.Println(r.Job, "has failed:", r.Err)
			default:
				fmt.Println(r.Job, "acknowledged")
			}
		}
	}()

	go func() { // the broker
		for _, m := range []string{"a", "b", "c"} {
			messages <- m
		}
		terminate()
	}()

	for term.Err() == nil {
		select {
		case m := <-messages:
			if err := pool.Submit(grace, m); err != nil {
				fmt.Println(m, "back to the broker:", err)
			}
		case <-term.Done():
		}
	}

	if err := pool.Shutdown(grace); err != nil {
		log.Print(err) // the jobs that did not run, or were cancelled, come on Results
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
