//go:build unix

package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/boundedgo/workerpool"
)

// A service that ends on a signal: it takes nothing more, finishes what it has, and
// gives the jobs that take too long a limit.
func ExamplePool_Shutdown() {
	term, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()

	work := func(ctx context.Context, d time.Duration) (string, error) {
		select {
		case <-time.After(d):
			return "finished", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	pool, err := workerpool.New(work, workerpool.WithWorkers(4), workerpool.WithName("jobs"))
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range []time.Duration{time.Millisecond, time.Hour} {
		if err := pool.Submit(term, d); err != nil {
			log.Fatal(err)
		}
	}

	_ = syscall.Kill(syscall.Getpid(), syscall.SIGTERM) // as the system does
	<-term.Done()

	deadline, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	err = pool.Shutdown(deadline)
	fmt.Println(err)
	var late *workerpool.ShutdownError
	fmt.Println(errors.As(err, &late), errors.Is(err, context.DeadlineExceeded))
	for r := range pool.Results() {
		fmt.Println(r.Job, r.Value, r.Err)
	}
	// Output:
	// workerpool "jobs": Shutdown: context deadline exceeded (1 running, 0 not run, 1 results unread)
	// true true
	// 1ms finished <nil>
	// 1h0m0s  context deadline exceeded
}
