package main

import (
	"fmt"
	"slices"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

// side is one side of a comparison: of the ways that it names, or of all, the one with the
// lowest median, so that nobody is measured by a way that does not suit the scenario.
type side struct {
	scenario, lib string
	ways          []string
	unit          string
}

// goal is what the library has to reach, and what it would like to.
type goal struct {
	what   string
	short  string // for the summary: of the two sides of a ratio, the upper and the lower one
	ours   side
	theirs *side   // none: ours is compared with the bar itself
	faster bool    // how many times as fast ours is, at least; otherwise how much it takes, at most
	least  float64 // less than this counts as this, on both sides
	bar    float64 // zero: there is none, only an aim
	aim    float64
	form   func(float64) string
}

// verdict is what came of a goal.
type verdict struct {
	goal
	estimate
	ours, theirs key
}

// minHeap is the size below which Go does not collect garbage: how much of it there is
// below says how long the run was, and nothing else.
const minHeap = 4 << 20

// goals are the bars that the run can tell of: where no earlier revision took part, there is
// none against that.
func goals(r *run) []goal {
	list := barTable()
	against := func(what, short, scenario, way, wayBefore string) {
		ours := side{scenario, contenders.Ours, []string{way}, "ns/job"}
		before := side{scenario, contenders.Previous, []string{wayBefore}, "ns/job"}
		if _, err := r.best(before); err != nil {
			return
		}
		list = append(list, goal{what: what, short: short, ours: ours, theirs: &before, bar: 1.03, aim: 1, form: times})
	}
	against("Submit to Results, time relative to the earlier revision", "Submit / earlier revision", "Before/workers=4", "Submit", "Submit")
	// That of the earlier revision has a context that can end.
	against("Map that can be cancelled, time relative to the earlier revision", "Map / earlier, both cancellable", "Slice/workers=4", "Map+cancel", "Map")
	return list
}

// barTable is the table of speed bars that the project has set itself.
func barTable() []goal {
	const noop, ordered, slice = "Noop/workers=4", "Ordered/workers=4", "Slice/workers=4"
	ours := func(scenario, way string) side {
		return side{scenario, contenders.Ours, []string{way}, "ns/job"}
	}
	than := func(scenario, lib string, ways ...string) *side { return &side{scenario, lib, ways, "ns/job"} }
	submit, mapped, stream := ours(noop, "Submit"), ours(slice, "Map"), ours(ordered, "Stream")
	heap := func(scenario, way string) side {
		return side{scenario, contenders.Ours, []string{way}, "peak-B"}
	}
	flat := func(way string) goal {
		few := heap("Heap1M/workers=4", way)
		return goal{
			what: way + ", peak heap of 10 million jobs relative to 1 million", short: way + ", heap of 10M / 1M jobs", ours: heap("Heap10M/workers=4", way),
			theirs: &few, least: minHeap, bar: 1.1, aim: 1, form: times,
		}
	}
	small := func(way string) goal {
		return goal{what: way + ", peak heap of 10 million jobs", short: way + ", heap of 10M jobs", ours: heap("Heap10M/workers=4", way), aim: minHeap, form: bytesForm}
	}
	allocs := submit
	allocs.unit = "allocs/job"
	return []goal{
		{what: "Submit to Results, time relative to the bare pool", short: "Submit / bare pool", ours: submit, theirs: than(noop, contenders.Baseline), bar: 1.25, aim: 1, form: times},
		{what: "Submit to Results, allocations a job", short: "Submit, allocations a job", ours: allocs, bar: 0.02, aim: 0.02, form: fine},
		{what: "Submit to Results, how much faster than pond's ResultPool", short: "pond ResultPool / Submit", ours: submit, theirs: than(noop, "pond", "ResultPool.Submit", "ResultPool.Group"), faster: true, bar: 2, aim: 4, form: times},
		{what: "Submit to Results, how much faster than conc's ResultPool", short: "conc ResultPool / Submit", ours: submit, theirs: than(noop, "conc", "ResultPool"), faster: true, bar: 2, aim: 4, form: times},
		{what: "Submit to Results, how much faster than conc's stream", short: "conc stream / Submit", ours: submit, theirs: than(noop, "conc", "stream"), faster: true, bar: 3, aim: 5, form: times},
		{what: "Submit to Results, how much faster than errgroup and a slice", short: "errgroup and slice / Submit", ours: submit, theirs: than(noop, "errgroup"), faster: true, bar: 3, aim: 5, form: times},
		{what: "Submit to Results, how much faster than ants and a slice", short: "ants and slice / Submit", ours: submit, theirs: than(noop, "ants"), faster: true, bar: 3, aim: 5, form: times},
		{what: "Submit to Results, how much faster than gammazero and a slice", short: "gammazero and slice / Submit", ours: submit, theirs: than(noop, "gammazero"), faster: true, bar: 3, aim: 5, form: times},
		{what: "Map, time relative to the best loop written by hand", short: "Map / best loop by hand", ours: mapped, theirs: than(slice, contenders.Chunks), bar: 1.25, aim: 1.05, form: times},
		{what: "Map that can be cancelled, relative to such a loop that looks at its context before each job", short: "Map / loop, both cancellable", ours: ours(slice, "Map+cancel"), theirs: than(slice, contenders.Chunks, contenders.Cancellable...), bar: 1.25, aim: 1.05, form: times},
		{what: "Map, how much faster than conc's iter.Map", short: "conc iter.Map / Map", ours: mapped, theirs: than(slice, "conc"), faster: true, bar: 1.5, aim: 4, form: times},
		{what: "Map of jobs of 1 µs, time relative to conc's iter.Map", short: "Map / conc iter.Map, 1 µs jobs", ours: ours("Slice1us/workers=4", "Map"), theirs: than("Slice1us/workers=4", "conc"), bar: 1.05, aim: 1, form: times},
		{what: "Stream, time a job", short: "Stream, time a job", ours: stream, bar: 40, aim: 15, form: nanoseconds},
		{what: "Stream, how much faster than conc's stream", short: "conc stream / Stream", ours: stream, theirs: than(ordered, "conc"), faster: true, bar: 10, aim: 30, form: times},
		{what: "10,000 jobs of 10 ms, 1,000 workers, time relative to the bare pool", short: "Submit / bare pool, 10 ms jobs", ours: ours("Sleep10ms/workers=1000", "Submit"), theirs: than("Sleep10ms/workers=1000", contenders.Baseline), bar: 1.03, aim: 1, form: times},
		flat("Stream"),
		flat("Submit"),
		small("Stream"),
		small("Submit"),
	}
}

// judge compares. It is an error when something that a goal is about was not measured.
func judge(r *run, goals []goal) ([]verdict, error) {
	list := make([]verdict, len(goals))
	for i, g := range goals {
		v := verdict{goal: g}
		var err error
		if v.ours, err = r.best(g.ours); err != nil {
			return nil, fmt.Errorf("%s: %w", g.what, err)
		}
		values := atLeast(r.values[v.ours][g.ours.unit], g.least)
		if g.theirs != nil {
			if v.theirs, err = r.best(*g.theirs); err != nil {
				return nil, fmt.Errorf("%s: %w", g.what, err)
			}
			theirs := atLeast(r.values[v.theirs][g.theirs.unit], g.least)
			if len(theirs) != len(values) {
				return nil, fmt.Errorf("%s: %d rounds against %d", g.what, len(values), len(theirs))
			}
			if g.faster {
				values, theirs = theirs, values
			}
			values = ratios(values, theirs)
		}
		v.estimate = estimateOf(values)
		list[i] = v
	}
	return list, nil
}

// best returns the way of a side with the lowest median.
func (r *run) best(s side) (key, error) {
	var best key
	var least float64
	for _, k := range r.of(s.scenario) {
		values := r.values[k][s.unit]
		if k.lib != s.lib || len(values) == 0 || len(s.ways) > 0 && !slices.Contains(s.ways, k.way) {
			continue
		}
		if m := estimateOf(values).median; best == (key{}) || m < least {
			best, least = k, m
		}
	}
	if best == (key{}) {
		return best, fmt.Errorf("no %s of lib=%s, way=%v in %s", s.unit, s.lib, s.ways, s.scenario)
	}
	return best, nil
}

func atLeast(values []float64, least float64) []float64 {
	list := make([]float64, len(values))
	for i, v := range values {
		list[i] = max(v, least)
	}
	return list
}

// result says whether the bar holds: when the whole interval is on the right side of it.
func (v verdict) result() string {
	switch {
	case v.bar == 0:
		return "–"
	case !v.known():
		return "too few rounds"
	case v.faster && v.lo >= v.bar, !v.faster && v.hi <= v.bar:
		return "holds"
	case v.faster && v.hi < v.bar, !v.faster && v.lo > v.bar:
		return "missed"
	}
	return "undecided"
}

// toAim says by which factor the median is short of the aim.
func (v verdict) toAim() string {
	short := v.median / v.aim
	if v.faster {
		short = v.aim / v.median
	}
	if short <= 1 {
		return "reached"
	}
	return fmt.Sprintf("a factor of %.2f away", short)
}

// limit is the bar or the aim as the table shows it.
func (v verdict) limit(x float64) string {
	switch {
	case x == 0:
		return "–"
	case v.faster:
		return "at least " + v.form(x)
	}
	return "at most " + v.form(x)
}
