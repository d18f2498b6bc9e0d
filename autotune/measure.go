package autotune

import (
	"math"
	"slices"
	"time"

	"github.com/boundedgo/workerpool"
)

// quantiles is into how many equal parts the times of a window are divided.
const quantiles = 64

// measure is how long the successful attempts of a window took, and how many there were at
// once. Times are seconds.
type measure struct {
	at    time.Time
	took  time.Duration // of the window
	size  int           // of the pool
	ln    float64       // the logarithm of the mean number of attempts at once
	count float64
	mean  float64
	cv2   float64 // the square of the coefficient of variation
	// sorted is the times of 1/128, 3/128, 5/128 … of the attempts, shortest first.
	sorted [quantiles]float64
}

// measure is for a window that some attempts have ended in.
func (w *window) measure(r reading) measure {
	h := r.run.Sub(w.from.run)
	m := measure{
		at: r.at, took: r.at.Sub(w.from.at), size: r.size, count: float64(h.Count()),
		ln:   math.Log(max(0.5, float64(w.busy)/float64(max(1, w.polls)))),
		mean: max(1e-9, spent(w.from.run, r.run)/float64(h.Count())),
	}
	m.cv2 = max(0, h.SumSquares()/m.count/(m.mean*m.mean)-1)
	m.sort(h)
	return m
}

// sort reads the quantiles off a histogram, as if the times in a bucket were spread evenly.
func (m *measure) sort(h workerpool.Histogram) {
	i, below := 0, 0.0
	for b := range h.Buckets() {
		in := float64(b.Count)
		for ; i < quantiles; i++ {
			rank := (float64(i) + 0.5) / quantiles * m.count
			if rank > below+in {
				break
			}
			part := max(0, rank-below) / in
			m.sorted[i] = max(1e-9, b.From.Seconds()*(1-part)+b.To.Seconds()*part)
		}
		below += in
	}
	for ; i > 0 && i < quantiles; i++ { // of fractions that did not add up
		m.sorted[i] = m.sorted[i-1]
	}
}

// run returns the mean time of an attempt.
func (m *measure) run() time.Duration { return time.Duration(m.mean * float64(time.Second)) }

// geometric returns the logarithm of the geometric mean.
func (m *measure) geometric() (sum float64) {
	for _, t := range m.sorted {
		sum += math.Log(t)
	}
	return sum / quantiles
}

// change is the difference of two measures. Times and numbers are logarithms: what counts is
// ratios.
type change struct {
	slower float64 // of the times
	err    float64 // its standard error
	more   float64 // of the attempts at once

	// What follows from their throughput alone, with the same noise left out: longer is of the mean time.
	longer, longerErr float64
}

// from returns by how much slower b is than a.
//
// Most noise in a mean of times is of which jobs a window happened to have: one long one
// more of a few makes twice the difference that a size does. So times are compared rank
// by rank, the median with the median and so on, and the ranks with the largest differences
// in either direction left out: they are where one kind of jobs goes over into another, which
// in the other window was at a rank a little higher. That is a trimmed mean of a
// quantile-quantile plot.
//
// The mean of logarithms is the better judge of two as long as all jobs are slowed down
// alike. Where most of them never see the bottleneck, as with a cache in front of it, it
// hardly moves though fewer and fewer get done. So the mean time, from which throughput follows, has
// a say where it speaks, beyond its error, against the greater size.
func (b *measure) from(a *measure) change {
	kept := alike(a, b)
	logs := compare(a, b, kept, math.Log)
	times := compare(a, b, kept, func(t float64) float64 { return t })
	times.slower, times.err = math.Log1p(max(-0.99, times.slower/a.middle(kept))), times.err/a.middle(kept)
	exact := change{
		slower: math.Log(b.mean / a.mean),
		err:    math.Sqrt(a.cv2/a.count + b.cv2/b.count),
	}
	if exact.err < times.err { // as where all take the same time, and buckets are too coarse
		times = exact
	}
	c := change{slower: logs.slower, err: logs.err, more: b.ln - a.ln, longer: times.slower, longerErr: times.err}
	sign := math.Copysign(1, c.more)
	if least := times.slower - sign*times.err; sign*least > sign*c.slower {
		c.slower, c.err = least, times.err
	}
	return c
}

// trimmed is how many ranks are left out at either end.
const trimmed = quantiles / 10

// alike returns the ranks that are not left out.
func alike(a, b *measure) (kept [quantiles]bool) {
	var differences, order [quantiles]float64
	for i := range differences {
		differences[i] = math.Log(b.sorted[i] / a.sorted[i])
	}
	order = differences
	slices.Sort(order[:])
	low, high := order[trimmed], order[quantiles-1-trimmed]
	for i, d := range differences {
		kept[i] = d >= low && d <= high
	}
	return kept
}

// compare returns the mean difference of the ranks that are kept, and its standard error.
func compare(a, b *measure, kept [quantiles]bool, scale func(float64) float64) (c change) {
	n := 0.0
	for i, ok := range kept {
		if ok {
			c.slower += scale(b.sorted[i]) - scale(a.sorted[i])
			n++
		}
	}
	c.slower /= n
	c.err = math.Sqrt(a.variance(kept, scale)/a.count + b.variance(kept, scale)/b.count)
	return c
}

// variance is that of one time as it goes into a mean of the ranks that are kept: the steps to
// others are not in it, so neither is which kind of job it is.
func (m *measure) variance(kept [quantiles]bool, scale func(float64) float64) float64 {
	var at, sum, squares float64
	for i := range kept {
		if i > 0 && kept[i] && kept[i-1] {
			at += scale(m.sorted[i]) - scale(m.sorted[i-1])
		}
		sum += at
		squares += at * at
	}
	return max(0, squares/quantiles-(sum/quantiles)*(sum/quantiles))
}

// middle returns the mean time of the ranks that are kept.
func (m *measure) middle(kept [quantiles]bool) float64 {
	sum, n := 0.0, 0.0
	for i, ok := range kept {
		if ok {
			sum, n = sum+m.sorted[i], n+1
		}
	}
	return sum / n
}

// elasticity is how much of the increase of attempts at once went into longer times.
func (c change) elasticity() float64 {
	if c.more == 0 {
		return 0
	}
	return c.slower / c.more
}
