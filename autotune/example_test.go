package autotune_test

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
	"github.com/boundedgo/workerpool/retry"
)

// A service of which nothing is known: the limiter learns how many calls a second it takes, and
// the tuner how many at once.
func Example() {
	var calls atomic.Int64
	call := func(_ context.Context, id int) (string, error) {
		if calls.Add(1) == 3 { // stands for a service that turns some calls away
			return "", workerpool.RetryAfter(errAway, 10*time.Millisecond)
		}
		return fmt.Sprint("answer ", id), nil
	}
	pool, err := workerpool.New(call,
		workerpool.WithTiming(), // for the tuner
		workerpool.WithLimiter(autotune.NewLimiter()),
		workerpool.WithRetry(retry.Backoff(5, 10*time.Millisecond, time.Second)))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	ctx := context.Background()
	tuner, err := autotune.Start(ctx, pool, autotune.Config{Min: 2, Max: 100, IgnoreThrottled: true})
	if err != nil {
		log.Fatal(err)
	}
	defer tuner.Stop()

	go func() {
		defer pool.Close()
		for id := range 5 {
			if err := pool.Submit(ctx, id); err != nil {
				log.Print(err)
			}
		}
		_ = pool.Wait(ctx) // since Close ends the tuner
	}()
	answers := 0
	for r := range pool.Results() {
		if r.Err != nil {
			log.Print(r.Err)
			continue
		}
		answers++
	}
	fmt.Println(answers, "answers,", pool.Stats().Throttled, "turned away")
	// Output: 5 answers, 1 turned away
}
