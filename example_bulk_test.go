package workerpool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/boundedgo/workerpool"
)

// A slice of jobs, eight at once, and the values in their order.
func ExampleMap() {
	length := func(_ context.Context, word string) (int, error) { return len(word), nil }
	words := []string{"many", "jobs", "at", "once"}
	lengths, err := workerpool.Map(context.Background(), words, length, workerpool.WithWorkers(8))
	fmt.Println(lengths, err)
	// Output:
	// [4 4 2 4] <nil>
}

// The first error ends a Map, and says which job it was.
func ExamplePool_Map() {
	pool, err := workerpool.New(func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) })
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	ctx := context.Background()
	fmt.Println(pool.Map(ctx, []string{"1", "2", "3"}))
	numbers, err := pool.Map(ctx, []string{"1", "2", "three"})
	fmt.Println(numbers == nil, err)
	fmt.Println(errors.Is(err, strconv.ErrSyntax))
	// Output:
	// [1 2 3] <nil>
	// true workerpool: Map: job 2: strconv.Atoi: parsing "three": invalid syntax
	// true
}

// ForEach is for functions that return nothing but an error.
func ExampleForEach() {
	var mu sync.Mutex
	total := 0
	err := workerpool.ForEach(context.Background(), []int{1, 2, 3}, func(_ context.Context, n int) error {
		mu.Lock()
		defer mu.Unlock()
		total += n
		return nil
	})
	fmt.Println(total, err)
	// Output:
	// 6 <nil>
}

// Collect goes on after errors: each job has its Result, and errors.Join makes one error
// of all of theirs.
func ExampleCollect() {
	parse := func(_ context.Context, s string) (int, error) { return strconv.Atoi(s) }
	results, err := workerpool.Collect(context.Background(), []string{"1", "two", "3", "four"}, parse)
	if err != nil {
		log.Fatal(err) // cut short by the context
	}
	sum := 0
	var errs []error
	for _, r := range results {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", r.Job, r.Err))
			continue
		}
		sum += r.Value
	}
	fmt.Println(sum)
	fmt.Println(errors.Join(errs...))
	// Output:
	// 4
	// "two": strconv.Atoi: parsing "two": invalid syntax
	// "four": strconv.Atoi: parsing "four": invalid syntax
}

// Results of a Collect that was cancelled are complete too: they say which jobs ran.
func ExamplePool_Collect() {
	ctx, cancel := context.WithCancelCause(context.Background())
	pool, err := workerpool.New(func(_ context.Context, n int) (int, error) {
		if n == 2 {
			cancel(errors.New("enough"))
		}
		return 10 * n, nil
	}, workerpool.WithWorkers(1))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	results, err := pool.Collect(ctx, []int{1, 2, 3})
	fmt.Println(err)
	for _, r := range results {
		fmt.Println(r.Job, r.Value, errors.Is(r.Err, workerpool.ErrNotRun))
	}
	// Output:
	// workerpool: Collect: cut short: enough
	// 1 10 false
	// 2 20 false
	// 3 0 true
}

// The lines of a file, which need not fit into memory: the results come in the order of
// the lines, while further ones are read. The scanner has an error of its own, which can be
// read when the range has ended.
func ExampleStream() {
	file := strings.NewReader("one\ntwo\nthree\n") // stands for an *os.File
	scanner := bufio.NewScanner(file)
	lines := func(yield func(string) bool) {
		for scanner.Scan() && yield(scanner.Text()) {
		}
	}
	shout := func(_ context.Context, line string) (string, error) { return strings.ToUpper(line), nil }

	results, errf := workerpool.Stream(context.Background(), lines, shout, workerpool.WithWorkers(4))
	for r := range results {
		fmt.Println(r.Value, r.Err)
	}
	if err := errors.Join(errf(), scanner.Err()); err != nil {
		log.Fatal(err) // there were more lines
	}
	// Output:
	// ONE <nil>
	// TWO <nil>
	// THREE <nil>
}

// The range over a Stream may be left at any time, here at the first result that will do.
// The input may be endless; nothing of the stream is left after the loop.
func ExamplePool_Stream() {
	naturals := func(yield func(int) bool) {
		for n := 1; yield(n); n++ {
		}
	}
	pool, err := workerpool.New(func(_ context.Context, n int) (int, error) { return n * n, nil })
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	results, errf := pool.Stream(context.Background(), naturals)
	for r := range results {
		if r.Value > 1000 {
			fmt.Println("the first square above 1000 is that of", r.Job)
			break
		}
	}
	fmt.Println(errf()) // nil: it was left, not cut short
	// Output:
	// the first square above 1000 is that of 32
	// <nil>
}

// The jobs come on a channel, which nobody may ever close: the input waits for ctx too, and
// who leaves the range cancels it first.
func ExamplePool_Stream_channel() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	orders := make(chan string, 3)
	orders <- "espresso"
	orders <- "latte"
	orders <- "closing time"

	receive := func(yield func(string) bool) {
		for {
			select {
			case order := <-orders:
				if !yield(order) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
	pool, err := workerpool.New(func(_ context.Context, order string) (string, error) {
		return "one " + order, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	results, errf := pool.Stream(ctx, receive)
	for r := range results {
		if r.Job == "closing time" {
			cancel() // the input waits for the next order, and the end of the range for the input
			break
		}
		fmt.Println(r.Value)
	}
	fmt.Println(errf()) // nil: the range was left
	// Output:
	// one espresso
	// one latte
	// <nil>
}

// An input that fails is not taken for a short one: a panic in it is the error of the
// stream, after the results of what it had yielded.
func ExamplePool_Stream_error() {
	pages := func(yield func(int) bool) {
		for n := 1; n <= 2 && yield(n); n++ {
		}
		panic(errors.New("page 3 has no end"))
	}
	pool, err := workerpool.New(func(_ context.Context, n int) (int, error) { return n, nil })
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()
	results, errf := pool.Stream(context.Background(), pages)
	for r := range results {
		fmt.Println("page", r.Value)
	}
	fmt.Println(errf())
	// Output:
	// page 1
	// page 2
	// workerpool: Stream: the input panicked: page 3 has no end
}

// Each result as soon as it is there, in whatever order.
func ExampleStreamUnordered() {
	square := func(_ context.Context, n int) (int, error) { return n * n, nil }
	results, errf := workerpool.StreamUnordered(context.Background(), slices.Values([]int{1, 2, 3}), square)
	for r := range results {
		fmt.Println(r.Job, "squared is", r.Value)
	}
	if err := errf(); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// 1 squared is 1
	// 2 squared is 4
	// 3 squared is 9
}

// Two callers share a pool: together they never have more than its two jobs run at once,
// each gets its own results, and what ends one call does not end the other.
func ExamplePool_StreamUnordered() {
	pool, err := workerpool.New(func(_ context.Context, n int) (int, error) {
		if n < 0 {
			return 0, errors.New("negative")
		}
		return n, nil
	}, workerpool.WithWorkers(2))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Stop()

	var both sync.WaitGroup
	var sum int
	var mapErr, streamErr error
	both.Go(func() {
		_, mapErr = pool.Map(context.Background(), []int{1, -1, 2})
	})
	both.Go(func() {
		results, errf := pool.StreamUnordered(context.Background(), slices.Values([]int{10, 20, 30}))
		for r := range results {
			sum += r.Value
		}
		streamErr = errf()
	})
	both.Wait()
	fmt.Println(mapErr)
	fmt.Println(sum, streamErr)
	// Output:
	// workerpool: Map: job 1: negative
	// 60 <nil>
}
