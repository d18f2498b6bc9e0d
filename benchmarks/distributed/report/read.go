package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// key is what was measured. What it does not have is empty.
type key struct {
	scenario, group, lib, way string
	workers                   int
	kill                      bool
}

// run is what the benchmarks have measured. The n-th value of one key and the n-th of
// another are from the same round.
type run struct {
	config map[string]string
	keys   []key // in the order in which they first come
	values map[key]map[string][]float64
}

// read reads the format of benchmarks.
func read(in io.Reader, name string) (*run, error) {
	r := &run{config: map[string]string{}, values: map[key]map[string][]float64{}}
	lines := benchfmt.NewReader(in, name)
	for lines.Scan() {
		switch line := lines.Result().(type) {
		case *benchfmt.Result:
			if err := r.add(line); err != nil {
				return nil, err
			}
		case *benchfmt.SyntaxError:
			return nil, line
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return r, r.complete(name)
}

func (r *run) add(line *benchfmt.Result) error {
	for _, c := range line.Config {
		r.config[c.Key] = string(c.Value)
	}
	k, err := keyOf(line.Name)
	if err != nil {
		return err
	}
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
	return nil
}

func keyOf(name benchfmt.Name) (k key, err error) {
	base, parts := name.Parts()
	k.scenario = strings.TrimPrefix(string(base), "Benchmark")
	for _, part := range parts {
		what, value, _ := strings.Cut(strings.TrimPrefix(string(part), "/"), "=")
		switch what {
		case "group":
			k.group = value
		case "lib":
			k.lib = value
		case "way":
			k.way = value
		case "workers":
			k.workers, err = strconv.Atoi(value)
		case "kill":
			k.kill, err = strconv.ParseBool(value)
		}
		if err != nil {
			return k, fmt.Errorf("%s: %w", name, err)
		}
	}
	return k, nil
}

// complete reports when something was measured less often than something else: then values of
// the same number are not of the same round.
func (r *run) complete(name string) error {
	if len(r.keys) == 0 {
		return fmt.Errorf("%s: no benchmarks", name)
	}
	rounds, err := strconv.Atoi(r.config["rounds"])
	if err != nil {
		return fmt.Errorf("%s: rounds: %w", name, err)
	}
	for _, k := range r.keys {
		for unit, values := range r.values[k] {
			if len(values) != rounds {
				return fmt.Errorf("%s: %s of %v: %d values in %d rounds", name, unit, k, len(values), rounds)
			}
		}
	}
	return nil
}

// estimate is a median, and the least and the greatest value.
type estimate struct{ median, lo, hi float64 }

func estimateOf(values []float64) estimate {
	s := slices.Sorted(slices.Values(values))
	m := s[len(s)/2]
	if len(s)%2 == 0 {
		m = (m + s[len(s)/2-1]) / 2
	}
	return estimate{m, s[0], s[len(s)-1]}
}

// of returns the values of a key, or none.
func (r *run) of(k key, unit string) []float64 { return r.values[k][unit] }

// ratios divides values of the same round.
func ratios(over, under []float64) []float64 {
	list := make([]float64, min(len(over), len(under)))
	for i := range list {
		list[i] = over[i] / under[i]
	}
	return list
}
