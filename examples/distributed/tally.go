package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/boundedgo/workerpool/natspool"
)

// tally counts results.
type tally struct {
	jobs int

	mu      sync.Mutex
	results int
	wrong   int
	seen    map[int]int    // results of each job
	by      map[string]int // results of each worker
	last    time.Time      // when the last one came
	gap     time.Duration  // the longest time without one
}

// take counts r, and returns how many there have been.
func (t *tally) take(r *natspool.Delivery[int, int]) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.results++
	t.seen[r.Job]++
	t.by[r.Worker]++
	if r.Err != nil || r.Value != r.Job*r.Job {
		t.wrong++
	}
	if t.results > 1 {
		t.gap = max(t.gap, time.Since(t.last))
	}
	t.last = time.Now()
	return t.results
}

func (t *tally) progress() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("results  %d of %d", t.results, t.jobs)
}

// missing and double are what must not be.
func (t *tally) missing() int { return t.jobs - len(t.seen) }

func (t *tally) double() (n int) {
	for _, times := range t.seen {
		n += times - 1
	}
	return n
}

func (t *tally) report() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d jobs, %d results: %d missing, %d seen twice, %d wrong\n", t.jobs, t.results, t.missing(), t.double(), t.wrong)
	fmt.Fprintf(&b, "longest time without a result: %v\n", t.gap.Round(time.Millisecond))
	for _, worker := range slices.Sorted(maps.Keys(t.by)) {
		fmt.Fprintf(&b, "%6d by %s\n", t.by[worker], worker)
	}
	return b.String()
}

func (t *tally) verdict() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.missing() != 0 || t.double() != 0 || t.wrong != 0 {
		return fmt.Errorf("%d results missing, %d seen twice, %d wrong", t.missing(), t.double(), t.wrong)
	}
	return nil
}
