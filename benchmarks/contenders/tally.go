package contenders

import (
	"fmt"
)

// Tally counts results as they are handed over.
type Tally struct {
	Count    int
	Sum      int64
	Disorder bool // some result was not the next one
	Failed   int
}

// Add counts one result. What is expected are jobs that return themselves.
func (t *Tally) Add(value int, err error) {
	if err != nil {
		t.Failed++
	}
	if value != t.Count {
		t.Disorder = true
	}
	t.Count++
	t.Sum += int64(value)
}

// Check reports what is wrong with the tally of so many times n jobs.
func (t *Tally) Check(times, n int, ordered bool) error {
	sum := int64(times) * (int64(n) * int64(n-1) / 2)
	switch {
	case t.Count != times*n || t.Sum != sum:
		return fmt.Errorf("%d results with the sum %d; want %d and %d", t.Count, t.Sum, times*n, sum)
	case t.Failed > 0:
		return fmt.Errorf("%d of %d jobs have failed", t.Failed, t.Count)
	case ordered && t.Disorder:
		return fmt.Errorf("%d results, but not in the order of the jobs", t.Count)
	}
	return nil
}

// addAll counts the results of a slice.
func (t *Tally) addAll(outcomes []outcome) {
	for _, o := range outcomes {
		t.Add(o.value, o.err)
	}
}

// outcome is what a job returns, for those who put it into a slice or a channel.
type outcome struct {
	value int
	err   error
}

// must is for errors that no run is expected to have.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
