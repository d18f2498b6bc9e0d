package scenarios

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

// Metric is one figure of a measurement.
type Metric struct {
	Value float64
	Unit  string
}

// Measurement is what came of measuring an entry once.
type Measurement struct {
	Jobs    int
	Metrics []Metric
}

// Join makes one measurement of its parts, whose metrics are averages over their jobs.
func Join(parts []Measurement) Measurement {
	if len(parts) == 1 {
		return parts[0]
	}
	whole := Measurement{Metrics: slices.Clone(parts[0].Metrics)}
	for _, p := range parts {
		whole.Jobs += p.Jobs
	}
	for i := range whole.Metrics {
		sum := 0.0
		for _, p := range parts {
			sum += p.Metrics[i].Value * float64(p.Jobs)
		}
		whole.Metrics[i].Value = sum / float64(whole.Jobs)
	}
	return whole
}

// Entry is one way of one contender to do what a scenario asks.
type Entry struct {
	Scenario Scenario
	Lib, Way string
	Measure  func() (Measurement, error)
}

// Name is the name of its benchmark, without the number of processors.
func (e *Entry) Name() string {
	name := fmt.Sprintf("Benchmark%s/lib=%s/way=%s", e.Scenario.Name, e.Lib, e.Way)
	if e.Scenario.Procs > 0 {
		name += fmt.Sprintf("/procs=%d", e.Scenario.Procs)
	}
	return fmt.Sprintf("%s/workers=%d", name, e.Scenario.Workers)
}

// Entries returns the entries of a scenario, in the order of the contenders. In a quick
// run they do few jobs.
func (s Scenario) Entries(all []contenders.Contender, quick bool) []Entry {
	if quick {
		s.Jobs, s.Times, s.Turns, s.Repeat = s.Quick, min(s.Times, 3), min(s.Turns, 2), 1
	}
	s.Times = max(1, s.Times)
	var list []Entry
	for _, c := range all {
		if _, skipped := s.Skip[c.Name]; skipped || len(s.Libs) > 0 && !slices.Contains(s.Libs, c.Name) {
			continue
		}
		list = append(list, s.entriesOf(c)...)
	}
	return list
}

func (s Scenario) entriesOf(c contenders.Contender) []Entry {
	switch s.Kind {
	case Results:
		return entries(s, c, c.Results, s.results)
	case Ordered:
		return entries(s, c, c.Ordered, s.results)
	case Observed:
		return entries(s, c, c.Observed, s.results)
	case Discard:
		return entries(s, c, c.Discard, s.discard)
	case Slice:
		return entries(s, c, c.Slices, s.slice)
	case Bursts:
		return entries(s, c, c.Bursts, s.bursts)
	case Callers:
		return entries(s, c, c.Calls, s.callers)
	case Load:
		return entries(s, c, c.Calls, s.load)
	case Heap:
		var ways []contenders.Way[contenders.Run]
		for _, w := range c.Results {
			if w.Bounded {
				ways = append(ways, w)
			}
		}
		return entries(s, c, ways, s.heap)
	}
	panic(fmt.Sprintf("no such kind of scenario: %d", s.Kind))
}

func entries[F any](s Scenario, c contenders.Contender, ways []contenders.Way[F], measure func(F) (Measurement, error)) []Entry {
	var list []Entry
	for _, w := range ways {
		if s.Way != "" && w.Name != s.Way {
			continue
		}
		list = append(list, Entry{Scenario: s, Lib: c.Name, Way: w.Name, Measure: func() (Measurement, error) {
			defer setProcs(s.Procs)()
			return measure(w.Run)
		}})
	}
	return list
}

func (s Scenario) size() contenders.Size { return contenders.Size{Workers: s.Workers, Buffer: buffer} }

func (s Scenario) results(run contenders.Run) (Measurement, error) {
	fn := s.Work.Func()
	var t contenders.Tally
	m := timed(s.Jobs, func() { t = run(s.size(), fn, s.Jobs) })
	return m, t.Check(1, s.Jobs, s.Kind == Ordered)
}

// discard checks a sample of the jobs only: to count them all would take longer than to
// do them.
func (s Scenario) discard(run contenders.Run) (Measurement, error) {
	const each = 64
	var counted atomic.Int64
	fn := s.Work.Func()
	m := timed(s.Jobs, func() {
		run(s.size(), func(ctx context.Context, job int) (int, error) {
			if job%each == 0 {
				counted.Add(1)
			}
			return fn(ctx, job)
		}, s.Jobs)
	})
	if want := (s.Jobs + each - 1) / each; int(counted.Load()) != want {
		return m, fmt.Errorf("%d of %d jobs were done, of every %d-th", counted.Load(), want, each)
	}
	return m, nil
}

func (s Scenario) slice(run contenders.Map) (Measurement, error) {
	fn := s.Work.Func()
	jobs := upTo(s.Jobs)
	var values []int
	var err error
	m := timed(s.Times*s.Jobs, func() {
		for range s.Times {
			if values, err = run(s.size(), fn, jobs); err != nil {
				return
			}
		}
	})
	if err == nil && !slices.Equal(values, jobs) {
		err = fmt.Errorf("%d values are not those of %d jobs", len(values), len(jobs))
	}
	return m, err
}

func upTo(n int) []int {
	jobs := make([]int, n)
	for i := range jobs {
		jobs[i] = i
	}
	return jobs
}

func (s Scenario) bursts(run contenders.Burst) (Measurement, error) {
	fn := s.Work.Func()
	var t contenders.Tally
	m := timed(s.Times*s.Jobs, func() { t = run(s.size(), fn, s.Times, s.Jobs) })
	return m, t.Check(s.Times, s.Jobs, false)
}
