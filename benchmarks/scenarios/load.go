package scenarios

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

// percentiles of the latency that are reported.
var percentiles = []float64{50, 90, 99, 99.9}

// load measures the latency of jobs that arrive by a timetable.
//
// The load is open: an arrival does not wait until the jobs before it are done, just as the
// clients of a server do not know of each other. The latency counts from the time at which
// the timetable had the arrival, not from that of the call. So what a stall does to all who
// come meanwhile is in it, and also what makes the arrival itself late. To count from the
// call, or to let arrivals wait for each other, would leave out just the worst ones
// (coordinated omission).
func (s Scenario) load(make contenders.Calls) (Measurement, error) {
	fn := s.Work.Func()
	idle()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call, end := make(s.size(), fn)
	latencies, err := arrivals(call, s.Jobs, time.Second/time.Duration(s.Rate))
	end()
	runtime.ReadMemStats(&after)
	slices.Sort(latencies)
	m := Measurement{Jobs: s.Jobs}
	for _, p := range percentiles {
		m.Metrics = append(m.Metrics, Metric{float64(percentile(latencies, p)), LatencyUnit(p)})
	}
	m.Metrics = append(m.Metrics, memory(s.Jobs, &before, &after)...)
	return m, err
}

// LatencyUnit is the unit of a percentile of the latency.
func LatencyUnit(p float64) string { return fmt.Sprintf("p%v-ns", p) }

// percentile returns the least latency, of a sorted list, which p percent don't exceed.
func percentile(sorted []time.Duration, p float64) time.Duration {
	rank := int(math.Ceil(p*float64(len(sorted))/100 - 1e-9)) // 99.9 is a little more than it
	return sorted[max(0, min(rank, len(sorted))-1)]
}

// arrivals makes n calls, one every interval, each from a goroutine of its own.
func arrivals(call contenders.Call, n int, interval time.Duration) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	latencies := make([]time.Duration, n)
	wrong := make([]error, n)
	var wg sync.WaitGroup
	start := time.Now()
	arrive := func(i int) {
		due := time.Duration(i) * interval
		value, err := call(ctx, i)
		latencies[i] = time.Since(start) - due
		if err != nil || value != i {
			wrong[i] = fmt.Errorf("job %d: value %d, error %w", i, value, err)
		}
	}
	for i := range n {
		time.Sleep(time.Duration(i)*interval - time.Since(start)) // not at all, when late
		wg.Go(func() { arrive(i) })
	}
	wg.Wait()
	return latencies, errors.Join(wrong...)
}

// callers measures callers who make their next call when they have the result of the last.
func (s Scenario) callers(make contenders.Calls) (Measurement, error) {
	const callers = 8
	fn := s.Work.Func()
	wrong := [callers]error{}
	m := timed(s.Jobs, func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		call, end := make(s.size(), fn)
		defer end()
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := c; i < s.Jobs; i += callers {
					if value, err := call(ctx, i); err != nil || value != i {
						wrong[c] = fmt.Errorf("job %d: value %d, error %w", i, value, err)
					}
				}
			})
		}
		wg.Wait()
	})
	return m, errors.Join(wrong[:]...)
}
