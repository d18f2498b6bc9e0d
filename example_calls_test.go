package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"runtime"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// New names all that is wrong at once.
func ExampleNew() {
	var fetch workerpool.Func[string, int] // nil
	_, err := workerpool.New(fetch, workerpool.WithWorkers(-1), workerpool.WithBuffer(1<<30))
	fmt.Println(err)
	fmt.Println(errors.Is(err, workerpool.ErrInvalidOption))
	// Output:
	// workerpool: New: Func must not be nil
	// workerpool: WithWorkers(-1): must be at least 1
	// workerpool: WithBuffer(1073741824): must be at most 16777216
	// true
}

// TrySubmit never waits: one job runs, one is in the queue, and there is no place for
// a third.
func ExamplePool_TrySubmit() {
	started, release := make(chan bool, 2), make(chan bool)
	work := func(_ context.Context, n int) (int, error) {
		started <- true
		<-release
		return n, nil
	}
	pool, err := workerpool.New(work, workerpool.WithWorkers(1), workerpool.WithBuffer(1))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	defer close(release)
	fmt.Println(pool.TrySubmit(1))
	<-started
	fmt.Println(pool.TrySubmit(2))
	err = pool.TrySubmit(3)
	fmt.Println(err, errors.Is(err, workerpool.ErrFull))
	// Output:
	// <nil>
	// <nil>
	// workerpool: TrySubmit: queue full (1 waiting, 1 running, 0 results unread) true
}

// After Close nothing is accepted, and what was is finished.
func ExamplePool_Close() {
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	pool, err := workerpool.New(square, workerpool.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	for n := range 3 {
		if err := pool.Submit(context.Background(), n); err != nil {
			log.Fatal(err)
		}
	}
	pool.Close()
	err = pool.Submit(context.Background(), 3)
	fmt.Println(err, errors.Is(err, workerpool.ErrClosed))
	for r := range pool.Results() {
		fmt.Println(r.Job, r.Value)
	}
	// Output:
	// workerpool: Submit: closed true
	// 0 0
	// 1 1
	// 2 4
}

// Any number of goroutines may read Results: each outcome goes to one of them.
func ExamplePool_Results() {
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	pool, err := workerpool.New(square, workerpool.WithWorkers(4))
	if err != nil {
		log.Fatal(err)
	}
	var sums [2]int
	var readers sync.WaitGroup
	for i := range sums {
		readers.Go(func() {
			for r := range pool.Results() {
				sums[i] += r.Value
			}
		})
	}
	for n := range 1000 {
		if err := pool.Submit(context.Background(), n); err != nil {
			log.Fatal(err)
		}
	}
	pool.Close()
	readers.Wait()
	fmt.Println(sums[0] + sums[1])
	// Output: 332833500
}

// What a pool has done so far.
func ExamplePool_Stats() {
	invert := func(_ context.Context, n int) (float64, error) {
		if n == 0 {
			return 0, errors.New("zero has no inverse")
		}
		return 1 / float64(n), nil
	}
	pool, err := workerpool.New(invert, workerpool.WithWorkers(2), workerpool.WithBuffer(8))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	for n := range 4 {
		if err := pool.Submit(context.Background(), n); err != nil {
			log.Fatal(err)
		}
	}
	if err := pool.Wait(context.Background()); err != nil {
		log.Fatal(err)
	}
	s := pool.Stats()
	fmt.Println("workers", s.Workers, "busy", s.Busy)
	fmt.Println("queued", s.Queued, "of", s.Capacity)
	fmt.Println("accepted", s.Accepted, "completed", s.Completed, "failed", s.Failed, "unread", s.Unread)
	// Output:
	// workers 2 busy 0
	// queued 0 of 8
	// accepted 4 completed 4 failed 1 unread 4
}

// The ways in which a job may have ended.
func ExampleResult() {
	work := func(ctx context.Context, job string) (string, error) {
		switch job {
		case "fails":
			return "", errors.New("an error of its own")
		case "panics":
			panic("oh no")
		case "exits":
			runtime.Goexit()
		case "is late":
			<-ctx.Done()
			return "", ctx.Err()
		}
		return "fine", nil
	}
	pool, err := workerpool.New(work, workerpool.WithWorkers(1), workerpool.WithJobTimeout(10*time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	for _, job := range []string{"returns", "fails", "panics", "exits", "is late"} {
		if err := pool.Submit(context.Background(), job); err != nil {
			log.Fatal(err)
		}
	}
	pool.Close()
	for r := range pool.Results() {
		var panicked *workerpool.PanicError
		switch {
		case r.Err == nil:
			fmt.Println(r.Job, "→", r.Value)
		case errors.As(r.Err, &panicked):
			fmt.Println(r.Job, "→ panic:", panicked.Value)
		case errors.Is(r.Err, workerpool.ErrGoexit):
			fmt.Println(r.Job, "→ Goexit")
		case errors.Is(r.Err, workerpool.ErrJobTimeout):
			fmt.Println(r.Job, "→ too late")
		default:
			fmt.Println(r.Job, "→", r.Err)
		}
	}
	// Output:
	// returns → fine
	// fails → an error of its own
	// panics → panic: oh no
	// exits → Goexit
	// is late → too late
}

// A Shutdown that runs out of time says what it has cut off.
func ExampleShutdownError() {
	started := make(chan bool)
	work := func(ctx context.Context, n int) (int, error) {
		started <- true
		<-ctx.Done()
		return n, context.Cause(ctx)
	}
	pool, err := workerpool.New(work, workerpool.WithWorkers(1), workerpool.WithName("reports"))
	if err != nil {
		log.Fatal(err)
	}
	for n := range 3 {
		if err := pool.Submit(context.Background(), n); err != nil {
			log.Fatal(err)
		}
	}
	<-started
	limit, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	var e *workerpool.ShutdownError
	if errors.As(pool.Shutdown(limit), &e) {
		fmt.Println(e.Running, "cancelled,", e.NotRun, "not run:", e.Err)
	}
	fmt.Println(len(pool.Stop()), "outcomes")
	// Output:
	// 1 cancelled, 2 not run: workerpool "reports": Shutdown: context deadline exceeded
	// 3 outcomes
}

// The name is in the errors of a pool. This one is that of a program which submits
// everything before it reads, and learns so by the context of its Submit.
func ExampleWithName() {
	shrink := func(_ context.Context, n int) (int, error) { return n / 2, nil }
	pool, err := workerpool.New(shrink,
		workerpool.WithWorkers(1), workerpool.WithBuffer(2), workerpool.WithName("thumbs"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
	defer cancel()
	for n := range 1000 {
		if err := pool.Submit(ctx, n); err != nil {
			fmt.Println(n, err)
			break
		}
	}
	fmt.Println(len(pool.Stop()), "outcomes")
	// Output:
	// 5 workerpool "thumbs": Submit: queue full (2 waiting, 1 running, 2 results unread): context deadline exceeded
	// 5 outcomes
}
