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
			Run:  func(size Size, fn Func, jobs []int) ([]int, error) { return chunkMap(size, fn, jobs, run) },
		})
	}
	register(50, c)
}

// chunkMap is the best that one can do by hand for a slice of equal jobs: a worker touches
// what is shared once in a run, and writes values where nobody else does.
func chunkMap(size Size, fn Func, jobs []int, run int) ([]int, error) {
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
				if err := chunk(fn, jobs[from:min(to, len(jobs))], values[from:]); err != nil {
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
func chunk(fn Func, jobs, values []int) error {
	values = values[:len(jobs)] // one check of the bounds for all
	for i, job := range jobs {
		value, err := fn(context.Background(), job)
		if err != nil {
			return err
		}
		values[i] = value
	}
	return nil
}
