package main

import (
	"slices"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

// loss is somebody who is better in a scenario than the best way of this library.
type loss struct {
	scenario    scenarios.Scenario
	ours, other key
	ratio       estimate // of ours to the other's
}

// losses returns those whose ratio is above 1 with its whole interval. The sequential loop
// and an earlier revision of the library are not among them.
func losses(r *run, s scenarios.Scenario) (list []loss) {
	ours, err := r.best(side{scenario: s.ID(), lib: contenders.Ours, unit: unit(s.Kind)})
	if err != nil {
		return nil // it was not measured
	}
	for _, k := range sorted(r, s) {
		if k.lib == contenders.Ours || k.lib == contenders.Sequential || k.lib == "previous" {
			continue
		}
		if ratio := relative(r, s, ours, k); ratio.known() && ratio.lo > 1 {
			list = append(list, loss{s, ours, k, ratio})
		}
	}
	return list
}

// relative is what one way takes, relative to another in the same rounds.
func relative(r *run, s scenarios.Scenario, over, under key) estimate {
	u, least := unit(s.Kind), 0.0
	if s.Kind == scenarios.Heap {
		least = minHeap
	}
	return estimateOf(ratios(atLeast(r.values[over][u], least), atLeast(r.values[under][u], least)))
}

// Slower reports whether a way of this library takes longer than the best one of another
// contender, beyond what chance makes likely. The text of the document depends on it.
func (p page) Slower(id, way, lib string) (bool, error) {
	s := scenarioOf(id)
	ours, err := p.r.best(side{id, contenders.Ours, []string{way}, unit(s.Kind)})
	if err != nil {
		return false, err
	}
	other, err := p.r.best(side{scenario: id, lib: lib, unit: unit(s.Kind)})
	if err != nil {
		return false, err
	}
	ratio := relative(p.r, s, ours, other)
	return ratio.known() && ratio.lo > 1, nil
}

// Spread says how many times as long as the fastest the slowest takes, of those who are
// concurrent.
func (p page) Spread(id string) string {
	s := scenarioOf(id)
	keys := slices.DeleteFunc(sorted(p.r, s), func(k key) bool { return k.lib == contenders.Sequential })
	u := unit(s.Kind)
	return times(p.r.median(keys[len(keys)-1], u) / p.r.median(keys[0], u))
}

// lossTable is the table of all of them.
func lossTable(r *run) string {
	var rows [][]string
	for _, s := range scenarios.Table() {
		for _, l := range losses(r, s) {
			rows = append(rows, []string{
				s.Title, l.other.lib + " " + l.other.way, l.ours.way, times(l.ratio.median), l.ratio.between(times),
			})
		}
	}
	if len(rows) == 0 {
		return "None.\n"
	}
	return table(3, []string{"scenario", "who is better", "than", "by", confidenceHead()}, rows)
}
