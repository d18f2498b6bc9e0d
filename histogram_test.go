package workerpool_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// histogramOf is how a pool makes one.
func histogramOf(times ...time.Duration) workerpool.Histogram {
	var h workerpool.Histogram
	for _, d := range times {
		workerpool.AddTo(&h, d)
	}
	return h
}

func TestHistogram_EveryTimeIsInItsBucket(t *testing.T) {
	check := func(d time.Duration) {
		buckets := slices.Collect(histogramOf(d).Buckets())
		require.Len(t, buckets, 1)
		b := buckets[0]
		assert.Equal(t, uint64(1), b.Count)
		assert.LessOrEqual(t, b.From, d)
		if d < math.MaxInt64 {
			assert.Less(t, d, b.To)
		}
		assert.LessOrEqual(t, b.To-b.From, max(1, b.From/8), "%v", d)
	}
	for d := range time.Duration(4096) {
		check(d)
	}
	for shift := range 63 {
		at := time.Duration(1) << shift
		check(at - 1)
		check(at)
		check(at + at/8)
		check(at + at/8 - 1)
	}
	check(math.MaxInt64)
}

func TestHistogram_BucketsLeaveNoGap(t *testing.T) {
	var h workerpool.Histogram
	for d := time.Duration(1); d > 0; d += max(1, d/16) {
		workerpool.AddTo(&h, d)
	}
	last := time.Duration(1)
	for b := range h.Buckets() {
		assert.Equal(t, last, b.From)
		last = b.To
	}
	assert.Equal(t, time.Duration(math.MaxInt64), last)
}

func TestHistogram_Numbers(t *testing.T) {
	var times []time.Duration
	for i := range 1000 {
		times = append(times, time.Duration(i+1)*time.Millisecond)
	}
	h := histogramOf(times...)
	assert.Equal(t, uint64(1000), h.Count())
	assert.Equal(t, 500500*time.Millisecond, h.Sum())
	assert.Equal(t, 500500*time.Microsecond, h.Mean())
	assert.InEpsilon(t, 333.8335, h.SumSquares(), 1e-9)
	for _, q := range []float64{0.001, 0.25, 0.5, 0.95, 0.99, 1} {
		assert.InEpsilon(t, q, h.Quantile(q).Seconds(), 1.0/16, q)
	}
	assert.Equal(t, h.Quantile(0), h.Quantile(-1))
	assert.Equal(t, h.Quantile(1), h.Quantile(2))
	assert.Equal(t, h.Quantile(0), h.Quantile(math.NaN()))
	assert.InEpsilon(t, 0.001, h.Quantile(0).Seconds(), 1.0/16)
}

func TestHistogram_OfNothing(t *testing.T) {
	var h workerpool.Histogram
	assert.Zero(t, h.Quantile(0.5))
	assert.Zero(t, h.Mean())
	assert.Empty(t, slices.Collect(h.Buckets()))
	assert.Equal(t, h, h.Add(h))
	assert.Zero(t, h.Sub(histogramOf(5)).Count())
	assert.Equal(t, []workerpool.Bucket{{From: 5, To: 6, Count: 1}}, slices.Collect(h.Add(histogramOf(5)).Buckets()))
	text, err := json.Marshal(h)
	assert.NoError(t, err)
	assert.JSONEq(t, `{"count":0,"sum":0,"p50":0,"p95":0,"p99":0}`, string(text))
}

func TestHistogram_AddAndSub(t *testing.T) {
	before := histogramOf(3, 5)
	after := before.Add(histogramOf(5, time.Second))
	assert.Equal(t, uint64(2), before.Count(), "it is a value")
	assert.Equal(t, uint64(4), after.Count())
	since := after.Sub(before)
	assert.Equal(t, uint64(2), since.Count())
	assert.Equal(t, 5+time.Second, since.Sum())
	assert.InEpsilon(t, 1, since.SumSquares(), 1e-9)
	buckets := slices.Collect(since.Buckets())
	require.Len(t, buckets, 2)
	assert.Equal(t, workerpool.Bucket{From: 5, To: 6, Count: 1}, buckets[0])
	assert.Equal(t, uint64(1), buckets[1].Count)
	assert.Zero(t, after.Sub(after).Count())
	assert.Zero(t, after.Sub(after).Quantile(0.5))
}

func TestHistogram_SumsDoNotOverflow(t *testing.T) {
	h := histogramOf(math.MaxInt64, math.MaxInt64)
	assert.Equal(t, time.Duration(math.MaxInt64), h.Sum())
	assert.Positive(t, h.Mean())
	assert.Equal(t, time.Duration(math.MaxInt64), h.Add(h).Sum())
}
