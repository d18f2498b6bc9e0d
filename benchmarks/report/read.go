package main

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

// key is one way of one contender in one scenario.
type key struct {
	scenario, lib, way string
}

// run is what the benchmarks have measured. The n-th value of one key and the n-th of
// another of the same scenario are from the same round.
type run struct {
	config map[string]string
	keys   []key // in the order in which they first come
	values map[key]map[string][]float64
}

// read reads the format of benchmarks.
func read(in io.Reader, name string) (*run, error) {
	r := &run{config: map[string]string{}, values: map[key]map[string][]float64{}}
	for lines := benchfmt.NewReader(in, name); ; {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return nil, err
			}
			break
		}
		switch line := lines.Result().(type) {
		case *benchfmt.Result:
			r.add(line)
		case *benchfmt.SyntaxError:
			return nil, line
		}
	}
	return r, r.complete(name)
}

func (r *run) add(line *benchfmt.Result) {
	for _, c := range line.Config {
		r.config[c.Key] = string(c.Value)
	}
	k := keyOf(line.Name)
	if r.values[k] == nil {
		r.keys = append(r.keys, k)
		r.values[k] = map[string][]float64{}
	}
	for _, v := range line.Values {
		value, unit := v.Value, v.Unit
		if v.OrigUnit != "" { // the reader turns ns into seconds
			value, unit = v.OrigValue, v.OrigUnit
		}
		r.values[k][unit] = append(r.values[k][unit], value)
	}
}

// keyOf takes the name of a benchmark apart. The number of processors at its end is in the
// configuration too, or, where the scenario sets it, in another part.
func keyOf(name benchfmt.Name) key {
	base, parts := name.Parts()
	k := key{scenario: strings.TrimPrefix(string(base), "Benchmark")}
	for _, part := range parts {
		p := string(part)
		if lib, ok := strings.CutPrefix(p, "/lib="); ok {
			k.lib = lib
		} else if way, ok := strings.CutPrefix(p, "/way="); ok {
			k.way = way
		} else if strings.HasPrefix(p, "/") {
			k.scenario += p
		}
	}
	return k
}

// complete reports when some contender of a scenario was measured less often than another:
// then values of the same number are not of the same round.
func (r *run) complete(name string) error {
	if len(r.keys) == 0 {
		return fmt.Errorf("%s: no benchmarks", name)
	}
	rounds := map[string]int{}
	for _, k := range r.keys {
		for unit, values := range r.values[k] {
			if n, seen := rounds[k.scenario]; seen && n != len(values) {
				return fmt.Errorf("%s: %s of %v: %d values, where others have %d", name, unit, k, len(values), n)
			}
			rounds[k.scenario] = len(values)
		}
	}
	return nil
}

// of returns the keys of a scenario.
func (r *run) of(scenario string) (list []key) {
	for _, k := range r.keys {
		if k.scenario == scenario {
			list = append(list, k)
		}
	}
	return list
}

// unit is the unit by which a kind of scenario compares.
func unit(kind scenarios.Kind) string {
	switch kind {
	case scenarios.Load:
		return scenarios.LatencyUnit(99)
	case scenarios.Heap:
		return "peak-B"
	default:
		return "ns/job"
	}
}
