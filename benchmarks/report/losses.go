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

// losses returns those whose ratio is above 1 with its whole interval, or, when there were
// too few rounds for intervals (known is false then), with its median. The sequential loop and an
// earlier revision of the library are not among them.
func losses(r *run, s scenarios.Scenario) (list []loss, known bool) {
	known = true
	ours, err := r.best(side{scenario: s.ID(), lib: contenders.Ours, unit: unit(s.Kind)})
	if err != nil {
		return nil, true // it was not measured
	}
	for _, k := range sorted(r, s) {
		if k.lib == contenders.Ours || k.lib == contenders.Sequential || k.lib == contenders.Previous {
			continue
		}
		ratio := relative(r, s, ours, k)
		least := ratio.lo
		if !ratio.known() {
			known, least = false, ratio.median
		}
		if least > 1 {
			list = append(list, loss{s, ours, k, ratio})
		}
	}
	return list, known
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

// lossTable is the table of all of them. Where there are too few rounds for an interval it
// says so, as nobody is then known to be better.
func lossTable(r *run) string {
	var rows, unsure [][]string
	few := false
	for _, s := range scenarios.Table() {
		list, known := losses(r, s)
		few = few || !known
		for _, l := range list {
			row := []string{s.Title, l.other.lib + " " + l.other.way, l.ours.way, times(l.ratio.median)}
			if l.ratio.known() {
				rows = append(rows, append(row, l.ratio.between(times)))
			} else {
				unsure = append(unsure, row)
			}
		}
	}
	head := []string{"scenario", "who is better", "than", "by"}
	text := ""
	if len(rows) > 0 {
		text = table(3, append(slices.Clone(head), confidenceHead()), rows)
	}
	switch {
	case !few && len(rows) == 0:
		return "None.\n"
	case !few:
		return text
	case text != "":
		text += "\n"
	}
	text += "**Too few rounds to tell**, in some of the scenarios or in all: a median without an interval may be chance.\n"
	if len(unsure) > 0 {
		text += "By their medians alone these are better:\n\n" + table(3, head, unsure)
	}
	return text
}
