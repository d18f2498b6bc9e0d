package autotune

import (
	"math"
	"time"

	"github.com/boundedgo/workerpool"
)

// reading is what matters of the Stats of a pool at one time. Counters only grow.
type reading struct {
	at        time.Time
	size      int
	busy      int       // workers inside Func
	full      bool      // all workers are, and more jobs wait for one
	paused    bool      // nothing starts, or only probes do
	until     time.Time // when the pause is over, or was
	attempts  uint64    // that have ended
	throttled uint64    // of attempts: those turned away
	timedOut  uint64    // of attempts
	run       workerpool.Histogram
	failed    workerpool.Histogram
}

func readingOf(now time.Time, s *workerpool.Stats) reading {
	return reading{
		at:   now,
		size: s.Workers,
		busy: s.Busy,
		// A worker that waits for somebody to read its result counts as busy too.
		full:      s.Busy >= s.Workers && s.Queued+s.Waiting+s.Short > 0 && (s.Unread < s.Capacity || s.Unread == 0),
		paused:    !s.PausedUntil.IsZero(),
		until:     s.PausedUntil,
		attempts:  s.Attempts,
		throttled: s.Throttled,
		timedOut:  s.TimedOut,
		run:       s.Timing.Run,
		failed:    s.Timing.Failed,
	}
}

// spent returns the sum of the times that have come to a histogram, in seconds.
//
// The sum that it has of all ends at some 292 years, which a thousand workers spend in a
// hundred days. From then on it is taken from the buckets.
func spent(from, to workerpool.Histogram) (seconds float64) {
	if to.Sum() < math.MaxInt64 {
		return (to.Sum() - from.Sum()).Seconds()
	}
	for b := range to.Sub(from).Buckets() {
		seconds += float64(b.Count) * (b.From.Seconds() + b.To.Seconds()) / 2
	}
	return seconds
}

// window is what was seen since a reading.
type window struct {
	from    reading
	polls   int
	full    int // polls that found the pool full
	busy    int // over all polls
	largest int // of busy
}

func windowFrom(r reading) window { return window{from: r} }

func (w *window) see(r reading) {
	w.polls++
	w.busy += r.busy
	w.largest = max(w.largest, r.busy)
	if r.full {
		w.full++
	}
}

// saturated reports whether there was more to do than the workers could: else what the
// size has to do with how long jobs take does not show. That more than half of the time was
// spent inside Func is asked too, for workers may wait for who reads their results.
func (w *window) saturated(r reading) bool {
	inFunc := (spent(w.from.run, r.run) + spent(w.from.failed, r.failed)) / max(1e-9, r.at.Sub(w.from.at).Seconds())
	return 2*w.full >= w.polls && w.polls > 0 && 2*inFunc >= float64(r.size)
}
