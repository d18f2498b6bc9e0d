package contenders

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Chunks is the contender that Map has to stand up to.
const Chunks = "chunks"

func init() {
	c := Contender{
		Name:  Chunks,
		About: "a loop over a slice written by hand: workers that claim runs of jobs by an atomic index; no safety",
	}
	// Which run is best depends on the machine and on the job, so there are several. A bar
	// against this contender is a bar against the best of them.
	for _, run := range []int{1, 64, 1024, 4096, 16384} {
		c.Slices = append(c.Slices, Way[Map]{
			Name: fmt.Sprintf("run-%d", run),
			Run:  func(size Size, fn Func, jobs []int) ([]int, error) { return chunkMap(size, fn, jobs, run, chunk) },
		})
	}
	for _, run := range []int{1024, 4096} {
		c.Slices = append(c.Slices, Way[Map]{
			Name: fmt.Sprintf("run-%d+cancel", run),
			Run: func(size Size, fn Func, jobs []int) ([]int, error) {
				return chunkMap(size, fn, jobs, run, chunkLooking)
			},
		})
	}
	register(50, c)
}

// Cancellable are the ways of Chunks that look at a context before each job.
var Cancellable = []string{"run-1024+cancel", "run-4096+cancel"}

// chunkMap is the best that one can do by hand for a slice of equal jobs: a worker touches
// what is shared once in a run, and writes values where nobody else does.
func chunkMap(size Size, fn Func, jobs []int, run int, chunk func(context.Context, Func, []int, []int) error) ([]int, error) {
	ctx, cancel := cancellable()
	defer cancel()
	values := make([]int, len(jobs))
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range size.Workers {
		wg.Go(func() {
			for failed.Load() == nil {
				to := int(next.Add(int64(run)))
				from := to - run
				if from >= len(jobs) {
					return
				}
				if err := chunk(ctx, fn, jobs[from:min(to, len(jobs))], values[from:]); err != nil {
					first := err // whose address is taken only here: else each run allocates
					failed.Store(&first)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return values, nil
}

// chunk does the jobs of one run.
func chunk(ctx context.Context, fn Func, jobs, values []int) error {
	values = values[:len(jobs)] // one check of the bounds for all
	for i, job := range jobs {
		value, err := fn(ctx, job)
		if err != nil {
			return err
		}
		values[i] = value
	}
	return nil
}

// chunkLooking is chunk for one who wants no job to begin after the end of ctx.
func chunkLooking(ctx context.Context, fn Func, jobs, values []int) error {
	values = values[:len(jobs)]
	for i, job := range jobs {
		if err := ctx.Err(); err != nil {
			return err
		}
		value, err := fn(ctx, job)
		if err != nil {
			return err
		}
		values[i] = value
	}
	return nil
}
