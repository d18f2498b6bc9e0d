package livepage_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/autotune"
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

// The page shows what a tuner did last.
func ExamplePage_Note() {
	pool, err := workerpool.New(func(_ context.Context, n int) (int, error) { return n, nil },
		workerpool.WithWorkers(12), workerpool.WithTiming())
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	tuner, err := autotune.Start(context.Background(), pool, autotune.Config{Min: 1, Max: 100})
	if err != nil {
		log.Fatal(err)
	}
	defer tuner.Stop()
	page := livepage.New(livepage.Options{})
	page.Note(pool, func() string { return tuner.State().String() })

	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?format=text", nil))
	_, note, _ := strings.Cut(w.Body.String(), "note: ")
	fmt.Print(note)
	// Output: tuned to 12 workers: began
}
