package main

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// confidence of all intervals.
const confidence = 0.95

// estimate is a median and its confidence interval, which is infinite when there are fewer
// than six values.
type estimate struct {
	median, lo, hi float64
}

// estimateOf makes no assumption on how the values are distributed: the bounds of the
// interval are two of the values, chosen by their rank. The interval is two-sided, so that
// each of its bounds alone is right in at least 97.5% of all runs.
func estimateOf(values []float64) estimate {
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	s := benchmath.AssumeNothing.Summary(sample, confidence)
	return estimate{s.Center, s.Lo, s.Hi}
}

// known reports whether there were enough values for an interval.
func (e estimate) known() bool { return !math.IsInf(e.lo, 0) && !math.IsInf(e.hi, 0) }

// ratios divides values of the same round.
func ratios(over, under []float64) []float64 {
	list := make([]float64, len(over))
	for i := range over {
		list[i] = over[i] / under[i]
	}
	return list
}
