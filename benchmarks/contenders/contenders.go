// Package contenders has one adapter for each library, and for each way without one, that
// the benchmarks compare. An adapter does a given number of jobs in the fastest way which
// that library documents for them, and says what has come of it.
package contenders

import (
	"cmp"
	"context"
	"slices"
)

// Func is the work. Everybody calls it through the variable that is handed in, so that
// nobody's compiler can put it in line, and hands over what it returns, the error too.
type Func = func(ctx context.Context, job int) (int, error)

// Size is what is the same for everybody: how many jobs run at once, and how many places
// there are in the buffer of one who has a buffer.
type Size struct {
	Workers, Buffer int
}

// Run does the jobs 0 to n-1 and counts their results, one by one.
type Run func(size Size, fn Func, n int) Tally

// Map does the jobs of a slice and returns their values in the same order.
type Map func(size Size, fn Func, jobs []int) ([]int, error)

// Burst does so many times the jobs 0 to n-1, all of them at once, and each time waits
// until all are done before it goes on.
type Burst func(size Size, fn Func, times, n int) Tally

// Call does one job and returns its outcome to this caller.
type Call = Func

// Calls makes what many callers share, and what ends it.
type Calls func(size Size, fn Func) (call Call, end func())

// Way is one way to do something.
type Way[F any] struct {
	Name string
	Run  F
	// Bounded: memory does not grow with the number of jobs, as results are handed over
	// while more jobs are taken.
	Bounded bool
}

// Contender is what takes part. It has no ways to do what it cannot do.
type Contender struct {
	Name   string // in the name of a benchmark: lib=Name
	Module string // its module, whose version is reported; none for what is written here
	About  string // what it is, in half a sentence

	Results  []Way[Run] // every result is handed over, in any order
	Ordered  []Way[Run] // in the order of the jobs
	Observed []Way[Run] // as Results, with somebody who looks at the pool
	Discard  []Way[Run] // nobody wants the results; the tally is empty
	Slices   []Way[Map]
	Bursts   []Way[Burst]
	Calls    []Way[Calls]

	rank int
}

// Baseline is the contender that has nothing but the fast path of a pool.
const Baseline = "bare"

// Ours is the library itself, and Previous is that in an earlier revision.
const (
	Ours     = "boundedgo"
	Previous = "previous"
)

// all is filled by the files of this package, one contender each.
var all []Contender

func register(rank int, c Contender) {
	c.rank = rank
	all = append(all, c)
}

// All returns the contenders, in the order in which tables show them.
func All() []Contender {
	list := slices.Clone(all)
	slices.SortFunc(list, func(a, b Contender) int { return cmp.Compare(a.rank, b.rank) })
	return list
}

// way is a list of one way.
func way[F any](name string, run F) []Way[F] { return []Way[F]{{Name: name, Run: run}} }

// bounded is a list of one way whose memory is bounded.
func bounded(name string, run Run) []Way[Run] {
	return []Way[Run]{{Name: name, Run: run, Bounded: true}}
}
