// Package scenarios has the situations that the benchmarks measure: which jobs, how many,
// on how many workers, and what of it is measured.
package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

// Kind is what the contenders are asked to do, and with that, which of their ways can.
type Kind int

// The kinds of scenarios.
const (
	Results  Kind = iota // every result is handed over, in any order
	Ordered              // in the order of the jobs
	Discard              // nobody wants the results
	Slice                // the jobs are a slice, and so are the values
	Bursts               // many jobs at once, then none until all are done, and again
	Callers              // eight callers wait, each for the result of its own job
	Load                 // jobs arrive by a timetable; the latency of each is measured
	Heap                 // as Results, of those whose memory is bounded; its peak is measured
	Observed             // as Results, with somebody who looks at what the pool does
)

// Scenario is one situation.
type Scenario struct {
	Name  string // in the name of a benchmark: Benchmark<Name>/lib=…
	Title string
	About string
	Kind  Kind
	Work  Work

	Workers int
	Procs   int // GOMAXPROCS; as it is, if zero
	Jobs    int // of a measurement; of a burst
	Times   int // bursts, or calls with one slice; once, if zero
	Turns   int // parts of a measurement, between which others have theirs; one, if zero
	Quick   int // jobs of a quick run
	Rate    int // arrivals a second, of a load

	Rounds int // it is measured in no more rounds than this; in all, if zero
	Repeat int // measurements in a round; one, if zero

	Libs []string // who takes part, and
	Way  string   // by which way; all, if empty

	Skip map[string]string // contenders for whom it makes no sense, and why not
}

// buffer is the same in all scenarios.
const buffer = 128

// noBar is how many rounds are enough for a scenario that no bar is about.
const noBar = 21

// noWorkers skips a contender for whom waiting adds up.
func noWorkers(d time.Duration) map[string]string {
	return map[string]string{contenders.Sequential: fmt.Sprintf("would sleep for %v", d)}
}

// Table returns all scenarios.
func Table() []Scenario {
	const perJob = "A measurement has all there is to it: making the pool, the jobs, the results, ending the pool."
	const inChunks = " `Stream` and `StreamUnordered` of this library run short jobs in chunks and hand over several results at a time"
	table := []Scenario{
		{
			Name: "Noop", Title: "Jobs that do nothing, 4 workers",
			About: "What a pool costs: the time and the allocations of a job that returns at once. " + perJob +
				inChunks + ", which of the others only batches does; `Submit` sends each job by itself.",
			Kind: Results, Work: Noop, Workers: 4, Jobs: 100_000, Turns: 16, Quick: 500,
		},
		{
			Name: "Noop", Title: "Jobs that do nothing, 1 worker", Kind: Results, Work: Noop, Workers: 1, Jobs: 100_000, Quick: 500, Rounds: noBar,
		},
		{
			Name: "Noop", Title: "Jobs that do nothing, 64 workers", Kind: Results, Work: Noop, Workers: 64, Jobs: 100_000, Quick: 500, Rounds: noBar,
		},
		{
			Name: "Noop", Title: "Jobs that do nothing, 1,000 workers", Kind: Results, Work: Noop, Workers: 1000, Jobs: 100_000, Quick: 2000, Rounds: noBar,
		},
		{
			Name: "Cpu1us", Title: "Jobs that compute for 1 µs", Kind: Results, Work: CPU1us, Workers: 4, Jobs: 50_000, Quick: 500, Rounds: noBar,
		},
		{
			Name: "Cpu100us", Title: "Jobs that compute for 100 µs",
			About: "Jobs of this size hide what a pool costs.",
			Kind:  Results, Work: CPU100us, Workers: 4, Jobs: 1000, Quick: 50, Rounds: noBar,
		},
		{
			Name: "Sleep10ms", Title: "10,000 jobs that wait for 10 ms, 1,000 workers",
			About: "As jobs do that wait for a network. The least that is possible is 10,000 ns a job.",
			Kind:  Results, Work: Sleep10ms, Workers: 1000, Jobs: 10_000, Turns: 3, Quick: 1000, Skip: noWorkers(100 * time.Second),
		},
		{
			Name: "Mixed", Title: "One job in a hundred waits for 1 ms, the others do nothing",
			Kind: Results, Work: Mixed, Workers: 4, Jobs: 20_000, Quick: 500, Rounds: noBar,
		},
		{
			Name: "Ordered", Title: "Results in the order of the jobs",
			About: "Jobs that do nothing, from a sequence. Those with a slice hold all results until the last job is done; streams hand them over meanwhile." +
				inChunks + "; conc's stream starts a task for each.",
			Kind: Ordered, Work: Noop, Workers: 4, Jobs: 300_000, Turns: 3, Quick: 1000,
		},
		{
			Name: "Discard", Title: "Jobs whose results nobody wants", Kind: Discard, Work: Noop, Workers: 4, Jobs: 100_000, Quick: 500, Rounds: noBar,
		},
		{
			Name: "Before", Title: "Submit, now and in the earlier revision",
			About: "The same jobs that do nothing, measured more often, for the bar that what is not used costs nothing.",
			Kind:  Results, Work: Noop, Workers: 4, Jobs: 100_000, Turns: 4, Quick: 500, Repeat: 6,
			Libs: []string{contenders.Ours, contenders.Previous}, Way: "Submit",
		},
		{
			Name: "Observed", Title: "What looking costs",
			About: "Submit of jobs that do nothing, by a pool that nobody looks at, and by pools with `WithTiming`, `WithHooks` " +
				"(Queued, Started and Done, which do nothing), and both.",
			Kind: Observed, Work: Noop, Workers: 4, Jobs: 100_000, Quick: 500, Rounds: noBar, Libs: []string{contenders.Ours},
		},
		{
			Name: "Slice", Title: "A slice of 1,000,000 jobs that do nothing",
			About: "Only calls that take a slice. `run-N` is how many jobs a worker claims at once.",
			Kind:  Slice, Work: Noop, Workers: 4, Jobs: 1_000_000, Times: 2, Turns: 16, Quick: 5000,
		},
		{
			Name: "Slice1us", Title: "A slice of jobs that compute for 1 µs", Kind: Slice, Work: CPU1us, Workers: 4, Jobs: 50_000, Turns: 3, Quick: 500,
		},
		{
			Name: "Bursts", Title: "Bursts of 100 jobs",
			About: "100 jobs that do nothing come at once; the next 100 when all are done.",
			Kind:  Bursts, Work: Noop, Workers: 4, Jobs: 100, Times: 300, Quick: 100, Rounds: noBar,
		},
		{
			Name: "Callers", Title: "Eight callers who wait, each for its own result",
			About: "As the handlers of a server do. The jobs do nothing.",
			Kind:  Callers, Work: Noop, Workers: 4, Jobs: 30_000, Quick: 500, Rounds: noBar,
		},
	}
	for _, procs := range []int{1, 2, 4} {
		table = append(table, Scenario{
			Name: "Scaling", Title: fmt.Sprintf("Jobs that do nothing, GOMAXPROCS=%d", procs),
			Kind: Results, Work: Noop, Workers: 4, Procs: procs, Jobs: 100_000, Quick: 200, Rounds: noBar,
		})
	}
	return append(append(table, loads()...), heaps()...)
}

func loads() []Scenario {
	return []Scenario{
		{
			Name: "Load5k", Title: "Latency at 5,000 jobs a second",
			About: "A job waits for 100 µs, which the timers of the system make longer. It arrives when the timetable says, however far behind the pool is, and its latency counts from then.",
			Kind:  Load, Work: Sleep100us, Workers: 64, Jobs: 2500, Rate: 5000, Quick: 100, Rounds: 11,
		},
		{
			Name: "Load20k", Title: "Latency at 20,000 jobs a second", Kind: Load, Work: Sleep100us,
			Workers: 64, Jobs: 10_000, Rate: 20_000, Quick: 200, Rounds: 11,
		},
		{
			Name: "LoadSlow", Title: "Latency at 5,000 jobs a second, of which one in fifty takes 5 ms",
			About: "p99 is that of the slow jobs, p90 of those beside them.",
			Kind:  Load, Work: Occasional5ms, Workers: 64, Jobs: 2500, Rate: 5000, Quick: 100, Rounds: 11,
		},
	}
}

func heaps() []Scenario {
	return []Scenario{
		{
			Name: "Heap1M", Title: "Peak heap of 1 million jobs",
			About: "Of those who hand over results while they take jobs. Heap objects, looked at every millisecond, less what there was before.",
			Kind:  Heap, Work: Noop, Workers: 4, Jobs: 1_000_000, Quick: 1000, Rounds: 7,
		},
		{
			Name: "Heap10M", Title: "Peak heap of 10 million jobs",
			Kind: Heap, Work: Noop, Workers: 4, Jobs: 10_000_000, Quick: 10_000, Rounds: 7,
		},
	}
}

// ID tells scenarios apart: what their benchmarks have in common in their names.
func (s *Scenario) ID() string {
	var b strings.Builder
	b.WriteString(s.Name)
	if s.Procs > 0 {
		fmt.Fprintf(&b, "/procs=%d", s.Procs)
	}
	fmt.Fprintf(&b, "/workers=%d", s.Workers)
	return b.String()
}

// Runs reports whether the scenario is measured in a round, counted from 1, of so many.
func (s *Scenario) Runs(round, rounds int) bool {
	if s.Rounds == 0 || s.Rounds >= rounds {
		return true
	}
	return round*s.Rounds/rounds > (round-1)*s.Rounds/rounds
}
