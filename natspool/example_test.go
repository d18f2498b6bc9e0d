package natspool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// shorten is a function as a pool in the process has it.
func shorten(_ context.Context, url string) (string, error) {
	name, ok := strings.CutPrefix(url, "https://")
	if !ok {
		return "", errors.New("not a URL: " + url)
	}
	return name, nil
}

// The server in the process needs no installation. With Dir instead of Memory jobs and results
// survive the process; with Listen other processes may join.
func Example() {
	server, err := natsembed.Start(natsembed.Options{Memory: true})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Shutdown()

	ctx := context.Background()
	pool, err := natspool.New(ctx, "shorten", shorten, natspool.WithServer(server), natspool.WithWorkers(8))
	if err != nil {
		log.Print(err)
		return
	}
	defer pool.Stop()

	go func() {
		defer pool.Close() // no more jobs; those that were stored are finished
		for _, url := range []string{"https://go.dev", "https://pkg.go.dev"} {
			if err := pool.Submit(ctx, url); err != nil {
				log.Print(err)
				return
			}
		}
	}()
	for r := range pool.Results() {
		fmt.Println(r.Job, "is", r.Value, r.Err)
	}
	// Unordered output:
	// https://go.dev is go.dev <nil>
	// https://pkg.go.dev is pkg.go.dev <nil>
}

// Who does not know whether a job was stored submits it again under the same id.
func ExampleID() {
	pool, end := examplePool()
	defer end()
	ctx := context.Background()
	for range 2 {
		err := pool.Submit(ctx, "https://go.dev", natspool.ID("order-17"))
		if err != nil && !errors.Is(err, natspool.ErrDuplicate) {
			log.Print(err)
			return
		}
	}
	pool.Close()
	for r := range pool.Results() {
		fmt.Println(r.Value)
	}
	// Output: go.dev
}

// A result that must not be lost stays stored until it was seen to.
func ExamplePool_Deliveries() {
	pool, end := examplePool()
	defer end()
	if err := pool.Submit(context.Background(), "https://go.dev", natspool.ID("order-17")); err != nil {
		log.Print(err)
		return
	}
	pool.Close()
	for d := range pool.Deliveries() {
		fmt.Println("stored in the database:", d.ID, d.Value)
		if err := d.Ack(); err != nil {
			log.Print(err) // it may come again
		}
	}
	// Output: stored in the database: order-17 go.dev
}

// What has failed for good waits until somebody has seen to it.
func ExamplePool_DeadLetters() {
	pool, end := examplePool()
	defer end()
	ctx := context.Background()
	if err := pool.Submit(ctx, "gopher://go.dev", natspool.ID("order-18")); err != nil {
		log.Print(err)
		return
	}
	r := <-pool.Results()
	fmt.Println("failed:", r.Err)
	for d, err := range pool.DeadLetters(ctx) {
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Println(d.ID, d.Job)
		if err := pool.Discard(ctx, d.ID); err != nil { // or Requeue, once the cause is mended
			log.Print(err)
		}
	}
	// Output:
	// failed: not a URL: gopher://go.dev
	// order-18 gopher://go.dev
}

// examplePool is a pool on a server of its own, and what ends both.
func examplePool() (pool *natspool.Pool[string, string], end func()) {
	server, err := natsembed.Start(natsembed.Options{Memory: true})
	if err != nil {
		log.Fatal(err)
	}
	pool, err = natspool.New(context.Background(), "shorten", shorten, natspool.WithServer(server))
	if err != nil {
		log.Fatal(err)
	}
	return pool, func() {
		pool.Stop()
		server.Shutdown()
	}
}
