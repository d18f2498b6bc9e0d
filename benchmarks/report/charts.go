package main

import (
	"fmt"
	"slices"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

// chart is one chart. Its values are medians.
type chart struct {
	name, title string
	scenario    string // in whose section it stands
	scale       float64
	make        func(r *run) (labels []string, series []series)
	lines       bool // a line for each series, otherwise bars
}

// series is what a chart shows in one colour.
type series struct {
	name   string
	ours   bool      // it is of this library only
	values []float64 // NaN where there is none
}

// chartTable returns the charts of the document.
func chartTable() []chart {
	return []chart{
		{name: "noop", title: "Time a job, jobs that do nothing, 4 workers (ns; shorter is better)", scenario: "Noop/workers=4", scale: 1, make: oneScenario("Noop/workers=4")},
		{name: "workers", title: "Time a job by the number of workers, jobs that do nothing (ns; lower is better)", scenario: "Noop/workers=1000", scale: 1, make: byWorkers, lines: true},
		{name: "ordered", title: "Time a job, results in order (ns; shorter is better)", scenario: "Ordered/workers=4", scale: 1, make: oneScenario("Ordered/workers=4")},
		{name: "slice", title: "Time a job, a slice of jobs that do nothing (ns; shorter is better)", scenario: "Slice/workers=4", scale: 1, make: oneScenario("Slice/workers=4")},
		{name: "latency", title: "Latency, p99 (ms; shorter is better), sorted by that at 5,000 a second", scenario: "LoadSlow/workers=64", scale: 1e-6, make: byLoad},
		{name: "heap", title: "Peak heap (MiB; shorter is better), sorted by that of 10 million jobs", scenario: "Heap10M/workers=4", scale: 1.0 / (1 << 20), make: byHeap},
	}
}

// charts draws all charts, for a light and for a dark page.
func charts(r *run) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, c := range chartTable() {
		labels, list := c.make(r)
		if len(labels) == 0 {
			return nil, fmt.Errorf("chart %s: nothing was measured for it", c.name)
		}
		for i := range list {
			for j := range list[i].values {
				list[i].values[j] *= c.scale
			}
		}
		for _, dark := range []bool{false, true} {
			svg, err := draw(c, labels, list, dark)
			if err != nil {
				return nil, fmt.Errorf("chart %s: %w", c.name, err)
			}
			files["benchmarks/"+fileName(c.name, dark)] = svg
		}
	}
	return files, nil
}

func fileName(name string, dark bool) string {
	if dark {
		return name + ".dark.svg"
	}
	return name + ".light.svg"
}

// picture embeds a chart in a page, whose reader may prefer dark colours.
func picture(dir string, c chart) string {
	return fmt.Sprintf(`<picture>
  <source media="(prefers-color-scheme: dark)" srcset="%s">
  <img alt="%s" src="%s">
</picture>
`, dir+fileName(c.name, true), c.title, dir+fileName(c.name, false))
}

func scenarioOf(id string) scenarios.Scenario {
	for _, s := range scenarios.Table() {
		if s.ID() == id {
			return s
		}
	}
	panic("no scenario " + id)
}

func (r *run) median(k key, unit string) float64 {
	values := r.values[k][unit]
	if len(values) == 0 {
		return missing
	}
	return estimateOf(values).median
}

// charted returns the keys of a scenario, the best median first, without those of an
// earlier revision: a chart compares with others.
func charted(r *run, s scenarios.Scenario) []key {
	return slices.DeleteFunc(sorted(r, s), func(k key) bool { return k.lib == "previous" })
}

// oneScenario has a bar for each way in one scenario: this library in one colour, the
// others in another.
func oneScenario(id string) func(r *run) ([]string, []series) {
	return func(r *run) (labels []string, list []series) {
		s := scenarioOf(id)
		list = []series{{name: "this library", ours: true}, {name: "others"}}
		for _, k := range charted(r, s) {
			labels = append(labels, k.lib+" "+k.way)
			m := r.median(k, unit(s.Kind))
			ours, others := m, missing
			if k.lib != contenders.Ours {
				ours, others = missing, m
			}
			list[0].values = append(list[0].values, ours)
			list[1].values = append(list[1].values, others)
		}
		return labels, list
	}
}

// byWorkers has a line for the fastest way of each library at 4 workers, and of this one
// another for Submit, which is more like those of the others.
func byWorkers(r *run) (labels []string, list []series) {
	workers := []string{"1", "4", "64", "1000"}
	ours := 0
	seen := map[string]bool{contenders.Sequential: true}
	for _, k := range charted(r, scenarioOf("Noop/workers=4")) {
		if seen[k.lib] && (k.lib != contenders.Ours || k.way != "Submit") {
			continue
		}
		seen[k.lib] = true
		line := series{name: k.lib + " " + k.way, ours: k.lib == contenders.Ours}
		for _, n := range workers {
			k.scenario = "Noop/workers=" + n
			line.values = append(line.values, r.median(k, "ns/job"))
		}
		if k.lib == contenders.Ours { // in front of the others in the legend
			list = slices.Insert(list, min(ours, len(list)), line)
			ours++
		} else {
			list = append(list, line)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return []string{"1 worker", "4 workers", "64 workers", "1,000 workers"}, list
}

func byLoad(r *run) ([]string, []series) {
	return grouped(r, scenarios.LatencyUnit(99), 0,
		[]string{"Load5k/workers=64", "Load20k/workers=64", "LoadSlow/workers=64"},
		[]string{"5,000 a second", "20,000 a second", "5,000 a second, 1 in 50 slow"})
}

func byHeap(r *run) ([]string, []series) {
	return grouped(r, "peak-B", 1,
		[]string{"Heap1M/workers=4", "Heap10M/workers=4"},
		[]string{"1 million jobs", "10 million jobs"})
}

// grouped has bars of several scenarios for each way, in the order of one of them. Colours
// tell scenarios apart here, so that this library is marked in its labels.
func grouped(r *run, unit string, by int, ids, names []string) (labels []string, list []series) {
	for i, id := range ids {
		keys := charted(r, scenarioOf(ids[by]))
		keys = slices.DeleteFunc(keys, func(k key) bool { return k.lib == contenders.Sequential })
		one := series{name: names[i]}
		labels = labels[:0]
		for _, k := range keys {
			label := k.lib + " " + k.way
			if k.lib == contenders.Ours {
				label = "▸ " + label
			}
			labels = append(labels, label)
			k.scenario = id
			one.values = append(one.values, r.median(k, unit))
		}
		list = append(list, one)
	}
	return labels, list
}
