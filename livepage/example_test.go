package livepage_test

import (
	"context"
	"log"
	"net/http"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/livepage"
)

func Example() {
	page := livepage.New(livepage.Options{})
	thumbnail := func(_ context.Context, path string) (string, error) { return path + ".thumb", nil }
	pool, err := workerpool.New(thumbnail,
		workerpool.WithName("thumbnails"),
		workerpool.WithTiming(),            // for times, and what runs
		workerpool.WithHooks(page.Hooks())) // for errors
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	page.Add(pool)
	http.Handle("/debug/workerpool", page) // behind whatever guards such pages

	// Output:
}
