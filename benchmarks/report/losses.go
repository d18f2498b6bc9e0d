package main

import (
	"github.com/boundedgo/workerpool/benchmarks/contenders"
	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

// loss is somebody who is better in a scenario than the best way of this library.
type loss struct {
	scenario    scenarios.Scenario
	ours, other key
	ratio       estimate // of ours to the other's
}

// losses returns those whose ratio is above 1 with its whole interval. An earlier revision
// of the library is not another one.
func losses(r *run, id string) (list []loss) {
	for _, s := range scenarios.Table() {
		if s.ID() != id {
			continue
		}
		u := unit(s.Kind)
		ours, err := r.best(side{scenario: id, lib: contenders.Ours, unit: u})
		if err != nil {
			return nil // the library cannot do it, or it was not measured
		}
		for _, k := range sorted(r, s) {
			if k.lib == contenders.Ours || k.lib == "previous" {
				continue
			}
			ratio := estimateOf(ratios(r.values[ours][u], r.values[k][u]))
			if ratio.known() && ratio.lo > 1 {
				list = append(list, loss{s, ours, k, ratio})
			}
		}
	}
	return list
}

// lossTable is the table of all of them.
func lossTable(r *run) string {
	var rows [][]string
	for _, s := range scenarios.Table() {
		for _, l := range losses(r, s.ID()) {
			rows = append(rows, []string{
				s.Title, l.other.lib + " " + l.other.way, l.ours.way, times(l.ratio.median), l.ratio.between(times),
			})
		}
	}
	if len(rows) == 0 {
		return "Nobody is, beyond what chance makes likely.\n"
	}
	return table(3, []string{"scenario", "who is better", "than", "by", confidenceHead()}, rows)
}
