package livepage_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

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

// tuner stands for something that changes the number of workers, and can say why it last did.
type tuner struct {
	size   int
	reason string
}

func (t tuner) note() string { return fmt.Sprintf("tuned to %d workers: %s", t.size, t.reason) }

// The page shows what has tuned a pool, and knows nothing of it.
func ExamplePage_Note() {
	pool, err := workerpool.New(func(_ context.Context, n int) (int, error) { return n, nil })
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	t := tuner{12, "more than 12 at once take longer, and do no more"}
	page := livepage.New(livepage.Options{})
	page.Note(pool, t.note)

	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?format=text", nil))
	_, note, _ := strings.Cut(w.Body.String(), "note: ")
	fmt.Print(note)
	// Output: tuned to 12 workers: more than 12 at once take longer, and do no more
}
