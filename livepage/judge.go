package livepage

import (
	"fmt"
	"math"
	"time"
)

// State is what a pool is like.
type State string

// The states.
const (
	Idle      State = "idle"      // has nothing to do
	Working   State = "working"   // does what comes
	Busy      State = "busy"      // all workers have a job, and others wait no longer than that
	Saturated State = "saturated" // more comes than is done
	Blocked   State = "blocked"   // nobody reads the results
	Stuck     State = "stuck"     // jobs run far longer than they use to
	Failing   State = "failing"   // most jobs fail
)

// judge says what a pool is like, and what could be done. trend is by how many jobs the
// queue has grown.
func judge(p Pool, trend int) (State, string) {
	all := p.Busy >= p.Workers
	switch {
	case all && p.Unread > 0 && p.Rates.Completed == 0 && len(p.Running) == 0 && p.Queued > 0:
		return Blocked, fmt.Sprintf("Nobody reads the results: %d wait, and all %s with one more in hand. Read Results, or use WithoutResults.",
			p.Unread, count(p.Workers, "worker"))
	case all && p.Rates.Completed == 0 && p.Run.P99 > 0 && p.Longest > 10*p.Run.P99:
		return Stuck, fmt.Sprintf("Nothing ends: the longest job has run for %s, where 99 of 100 take at most %s. See which below.",
			duration(p.Longest), duration(p.Run.P99))
	case p.Rates.Failed > 0 && p.Rates.Failed >= p.Rates.Completed/2:
		return Failing, fmt.Sprintf("%.0f%% of the jobs fail. See the errors below.", 100*p.Rates.Failed/p.Rates.Completed)
	case all && p.saturated(trend):
		return Saturated, p.saturation()
	case all:
		return Busy, fmt.Sprintf("All %s busy, and the queue does not grow.", are(p.Workers, "worker"))
	case p.Busy > 0 || p.Rates.Come > 0:
		return Working, fmt.Sprintf("%d of %s busy.", p.Busy, are(p.Workers, "worker"))
	}
	return Idle, "Nothing to do."
}

// saturated reports whether more comes than is done: the queue is full, or grows, or jobs
// wait for longer than they run.
func (p Pool) saturated(trend int) bool {
	full := p.Capacity > 0 && p.Queued >= p.Capacity
	return full || p.Rates.Rejected > 0 || trend > p.Workers || p.Run.Count > 0 && p.Oldest > max(1, 10*p.Run.P95)
}

// saturation says why, and what to change.
func (p Pool) saturation() string {
	s := fmt.Sprintf("More comes than is done: %s/s come", rate(p.Rates.Come))
	if p.Rates.Rejected > 0 {
		s += fmt.Sprintf(" (%s/s refused)", rate(p.Rates.Rejected))
	}
	s += fmt.Sprintf(", %s/s are done", rate(p.Rates.Completed))
	if p.Capacity > 0 && p.Queued >= p.Capacity {
		s += ", the queue is full"
	}
	if p.Waiting > 0 {
		s += fmt.Sprintf(", %s for a place", wait(p.Waiting, "submitter"))
	}
	need := int(math.Ceil(p.Need))
	switch {
	case p.Need == 0:
		return s + ". With WithTiming this page could say how many workers it takes."
	case need > p.Workers:
		return s + fmt.Sprintf(". At %s a job, %d workers instead of %d would keep up, if what they use can take it.", duration(p.Run.Mean), need, p.Workers)
	}
	return s + fmt.Sprintf(". Submitters wait for places: more than %d workers would let them go on.", p.Workers)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func wait(n int, what string) string {
	if n == 1 {
		return "1 " + what + " waits"
	}
	return count(n, what) + " wait"
}

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return count(n, what) + " are"
}

// rate is a rate as people read it.
func rate(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.1f", r)
	}
	return fmt.Sprintf("%.0f", r)
}

// duration is a number of seconds as people read it, with two digits or three.
func duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	for _, unit := range []time.Duration{time.Hour, time.Minute, time.Second, time.Millisecond, time.Microsecond} {
		switch {
		case d >= 10*unit:
			return d.Round(unit / 10).String()
		case d >= unit:
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
