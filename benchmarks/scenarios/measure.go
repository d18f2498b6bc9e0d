package scenarios

import (
	"runtime"
	"time"
)

// setProcs sets GOMAXPROCS, and returns what sets it back.
func setProcs(n int) func() {
	if n == 0 {
		return func() {}
	}
	before := runtime.GOMAXPROCS(n)
	return func() { runtime.GOMAXPROCS(before) }
}

// idle waits until the goroutines of the contender before have ended, which some pools
// do not wait for, but not for ever: one leaves goroutines behind on purpose.
func idle() {
	last := runtime.NumGoroutine()
	for until := time.Now().Add(20 * time.Millisecond); time.Now().Before(until); {
		time.Sleep(time.Millisecond)
		n := runtime.NumGoroutine()
		if n == last {
			return
		}
		last = n
	}
}

// timed measures f, which does n jobs.
func timed(n int, f func()) Measurement {
	idle()
	runtime.GC() // each contender pays for its own garbage only
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	return Measurement{n, append([]Metric{{float64(elapsed.Nanoseconds()) / float64(n), "ns/job"}}, memory(n, &before, &after)...)}
}

// memory says what was allocated for each of n jobs.
func memory(n int, before, after *runtime.MemStats) []Metric {
	return []Metric{
		{float64(after.TotalAlloc-before.TotalAlloc) / float64(n), "B/job"},
		{float64(after.Mallocs-before.Mallocs) / float64(n), "allocs/job"},
	}
}
