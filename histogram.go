package workerpool

import (
	"encoding/json"
	"iter"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Histogram is how many of some times were how long, in buckets of which there are eight
// an octave: so each is at most an eighth longer than its neighbour, whether of
// nanoseconds or of hours. It is a value: what the pool counts later does not change it. The
// zero Histogram has counted nothing.
//
// The layout is that of Gil Tene's HdrHistogram, with three bits of precision.
type Histogram struct {
	counts  []uint64 // of buckets; shared by copies, and never written again; nil if there is none
	count   uint64
	sum     time.Duration
	squares float64
}

const (
	bucketBits  = 3
	octave      = 1 << bucketBits
	histBuckets = (63 - bucketBits + 1) * octave
)

// bucketOf returns the index of the bucket that d falls in.
func bucketOf(d time.Duration) int {
	v := uint64(max(0, d))
	if v < octave {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - bucketBits
	return shift*octave + int(v>>shift)
}

// bucketFrom returns the least time in a bucket: at histBuckets, the greatest there is.
func bucketFrom(i int) time.Duration {
	switch {
	case i < octave:
		return time.Duration(i)
	case i >= histBuckets:
		return math.MaxInt64
	}
	shift := i/octave - 1
	return time.Duration(octave+i%octave) << shift
}

// Count returns how many times there are.
func (h Histogram) Count() uint64 { return h.count }

// Sum returns the sum of the times, or the greatest Duration, some 292 years, if that is more.
func (h Histogram) Sum() time.Duration { return h.sum }

// SumSquares returns the sum of the squares of the times in seconds, from which
// follows how much they scatter.
func (h Histogram) SumSquares() float64 { return h.squares }

// Mean returns the mean of the times, or 0 if there are none.
func (h Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return time.Duration(float64(h.sum) / float64(h.count))
}

// Quantile returns a time of which a share q of all times is no longer, as in
// Quantile(0.99): the middle of the bucket which that time is in, and so at most a
// sixteenth off. A q below 0 or above 1 counts as 0 or 1. Without times it is 0.
func (h Histogram) Quantile(q float64) time.Duration {
	if q = min(q, 1); !(q > 0) { // so that NaN is 0 too
		q = 0
	}
	rank := min(max(1, uint64(math.Ceil(q*float64(h.count)))), h.count)
	var seen uint64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= rank {
			low := bucketFrom(i)
			return low + (bucketFrom(i+1)-1-low)/2
		}
	}
	return 0
}

// Bucket is one of the buckets of a [Histogram]: how many times were at least From and
// less than To.
type Bucket struct {
	From, To time.Duration
	Count    uint64
}

// Buckets yields the buckets that have counted something, short times first.
func (h Histogram) Buckets() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for i, n := range h.counts {
			if n > 0 && !yield(Bucket{bucketFrom(i), bucketFrom(i + 1), n}) {
				return
			}
		}
	}
}

// Add returns a histogram of the times in h and those in other.
func (h Histogram) Add(other Histogram) Histogram {
	h.counts = slices.Clone(h.counts)
	h.merge(other)
	return h
}

// Sub returns a histogram of the times that have come since an earlier state of h.
func (h Histogram) Sub(earlier Histogram) Histogram {
	diff := Histogram{
		counts: slices.Clone(h.counts), count: h.count - min(h.count, earlier.count),
		sum: max(0, h.sum-earlier.sum), squares: max(0, h.squares-earlier.squares),
	}
	for i, n := range earlier.counts {
		if i < len(diff.counts) {
			diff.counts[i] -= min(diff.counts[i], n)
		}
	}
	return diff
}

// MarshalJSON writes what people ask for: the count, and in seconds the sum and some
// quantiles.
func (h Histogram) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count uint64  `json:"count"`
		Sum   float64 `json:"sum"`
		P50   float64 `json:"p50"`
		P95   float64 `json:"p95"`
		P99   float64 `json:"p99"`
	}{h.count, h.sum.Seconds(), h.Quantile(0.5).Seconds(), h.Quantile(0.95).Seconds(), h.Quantile(0.99).Seconds()})
}

// merge counts what other has. As for add, only who has made h may, before others see it.
func (h *Histogram) merge(other Histogram) {
	if other.count == 0 {
		return
	}
	h.init()
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.count += other.count
	h.sum = sumOf(h.sum, other.sum)
	h.squares += other.squares
}

// sumOf is a + b, or the greatest there is.
func sumOf(a, b time.Duration) time.Duration {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxInt64
}

func (h *Histogram) init() {
	if h.counts == nil {
		h.counts = make([]uint64, histBuckets)
	}
}

// add counts d.
func (h *Histogram) add(d time.Duration) {
	h.init()
	d = max(0, d)
	h.counts[bucketOf(d)]++
	h.count++
	h.sum = sumOf(h.sum, d)
	h.squares += d.Seconds() * d.Seconds()
}
