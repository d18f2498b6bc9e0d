// Package outcomes counts what became of the jobs of a pool, for those who export it.
package outcomes

import (
	"sync"

	"github.com/boundedgo/workerpool"
)

// Counts are how many jobs had which outcome, and how many attempts.
type Counts struct {
	Submitted, OK, Failed, Panicked, NotRun, Rejected uint64
	Attempts, Retries, Throttled, TimedOut            uint64
}

// Counter makes Counts of the Stats of one pool, such that none ever goes back: Stats has
// readings of slightly different moments, and of two of them the difference may go back a
// little. Who collects counters takes that for a restart of the program.
type Counter struct {
	mu   sync.Mutex
	most Counts
}

// Of returns the counts in s.
func (c *Counter) Of(s workerpool.Stats) Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &c.most
	*m = Counts{
		Submitted: max(m.Submitted, s.Accepted),
		OK:        max(m.OK, s.Completed-s.Failed),
		Failed:    max(m.Failed, s.Failed-s.Panicked),
		Panicked:  max(m.Panicked, s.Panicked),
		NotRun:    max(m.NotRun, s.NotRun),
		Rejected:  max(m.Rejected, s.Rejected),
		Attempts:  max(m.Attempts, s.Attempts),
		Retries:   max(m.Retries, s.Retries),
		Throttled: max(m.Throttled, s.Throttled),
		TimedOut:  max(m.TimedOut, s.TimedOut),
	}
	return *m
}
