package workerpool_test

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"time"

	"github.com/boundedgo/workerpool"
)

// Hooks are called as things happen: here for a line about each job, and for a value that
// Func finds in its context.
func ExampleWithHooks() {
	type request struct{}
	hooks := workerpool.Hooks{
		Queued: func(_ context.Context, j workerpool.JobInfo) { fmt.Println("queued", j.Job) },
		Started: func(ctx context.Context, j workerpool.JobInfo) context.Context {
			return context.WithValue(ctx, request{}, fmt.Sprintf("request-%d", j.ID))
		},
		Done: func(_ context.Context, j workerpool.JobInfo) { fmt.Println("done", j.Job, j.Err) },
	}
	fetch := func(ctx context.Context, url string) (string, error) {
		return "", fmt.Errorf("%s: not found", ctx.Value(request{}))
	}
	pool, err := workerpool.New(fetch, workerpool.WithHooks(hooks))
	if err != nil {
		panic(err)
	}
	defer pool.Stop()
	_, _ = pool.Do(context.Background(), "/missing")
	// Output:
	// queued /missing
	// done /missing request-1: not found
}

// Work in the background, whose outcomes nobody collects: a hook sees those that matter.
func ExampleWithoutResults() {
	failed := func(_ context.Context, j workerpool.JobInfo) {
		if j.Err != nil {
			fmt.Printf("mail to %v: %v\n", j.Job, j.Err)
		}
	}
	send := func(_ context.Context, to string) (struct{}, error) {
		if to == "nobody" {
			return struct{}{}, errors.New("no such mailbox")
		}
		return struct{}{}, nil
	}
	pool, err := workerpool.New(send, workerpool.WithoutResults(), workerpool.WithHooks(workerpool.Hooks{Done: failed}))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for _, to := range []string{"ada", "nobody", "grace"} {
		if err := pool.Submit(ctx, to); err != nil {
			panic(err)
		}
	}
	if err := pool.Shutdown(ctx); err != nil {
		panic(err)
	}
	fmt.Println(pool.Stats().Completed, "done")
	// Output:
	// mail to nobody: no such mailbox
	// 3 done
}

// How long jobs wait and run, and what runs now.
func ExampleWithTiming() {
	release := make(chan struct{})
	started := make(chan struct{})
	work := func(_ context.Context, name string) (int, error) {
		if name == "long" {
			close(started)
			<-release
			return 0, nil
		}
		time.Sleep(5 * time.Millisecond)
		return 0, nil
	}
	pool, err := workerpool.New(work, workerpool.WithTiming(), workerpool.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer pool.Stop()
	if err := pool.TrySubmit("long"); err != nil {
		panic(err)
	}
	for range 20 {
		if _, err := pool.Do(context.Background(), "short"); err != nil {
			panic(err)
		}
	}
	<-started
	for _, j := range pool.Running() {
		fmt.Println(j.Job, "runs, attempt", j.Attempt)
	}
	timing := pool.Stats().Timing
	fmt.Println(timing.Run.Count(), "have run; half of them for at least 4 ms:", timing.Run.Quantile(0.5) >= 4*time.Millisecond)
	close(release)
	// Output:
	// long runs, attempt 1
	// 20 have run; half of them for at least 4 ms: true
}

// Pools of any types, in one list.
func ExampleInspector() {
	double, err := workerpool.New(func(_ context.Context, n int) (int, error) { return 2 * n, nil },
		workerpool.WithName("double"), workerpool.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer double.Stop()
	greet, err := workerpool.New(func(_ context.Context, name string) (string, error) { return "hello " + name, nil },
		workerpool.WithName("greet"), workerpool.WithWorkers(3))
	if err != nil {
		panic(err)
	}
	defer greet.Stop()
	for _, p := range []workerpool.Inspector{double, greet} {
		fmt.Println(p.Name(), "has", p.Stats().Workers, "workers")
	}
	// Output:
	// double has 2 workers
	// greet has 3 workers
}

// One line for /debug/vars.
func Example_expvar() {
	pool, err := workerpool.New(func(_ context.Context, n int) (int, error) { return 2 * n, nil },
		workerpool.WithName("double"), workerpool.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer pool.Stop()
	expvar.Publish("pool.double", expvar.Func(func() any { return pool.Stats() }))

	fmt.Println(expvar.Get("pool.double"))
	// Output:
	// {"name":"double","closed":false,"workers":2,"busy":0,"queued":0,"capacity":128,"waiting":0,"bulk":0,"short":0,"unread":0,"held":0,"retrying":0,"accepted":0,"completed":0,"failed":0,"panicked":0,"notRun":0,"attempts":0,"retries":0,"throttled":0,"timedOut":0,"rejected":0}
}
