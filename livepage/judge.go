package livepage

import (
	"fmt"
	"math"
	"time"
)

// State is what a pool is like.
type State string

// The states. Of several that fit, the last one here is given.
const (
	Idle      State = "idle"      // has nothing to do
	Working   State = "working"   // does what comes
	Busy      State = "busy"      // all workers have a job, and the queue does not grow
	Saturated State = "saturated" // more comes than is done
	Failing   State = "failing"   // at least half of the jobs fail
	Stuck     State = "stuck"     // all workers have a job, and nothing ends for far longer than jobs take
	Blocked   State = "blocked"   // nobody reads the results, or not fast enough
	Draining  State = "draining"  // closed, and finishes what it has
	Closed    State = "closed"    // and finished
)

// judge says what a pool is like, and what could be done. trend is by how many the jobs that
// wait have grown, and usual is the longest that nearly all jobs have ever taken.
func judge(p Pool, trend int, usual float64) (State, string) {
	all := p.Busy >= p.Workers
	isQuiet := all && p.Quiet >= quiet.Seconds()
	switch {
	case p.Closed && p.Busy == 0 && p.Queued == 0:
		return Closed, "Closed. It accepts nothing, and has finished all." + p.refuses()
	case all && p.blocked(isQuiet):
		return Blocked, fmt.Sprintf("Nobody reads the results, or not fast enough: %d wait, and the workers have one more each. Read Results, or use WithoutResults.", p.Unread)
	case isQuiet && usual > 0 && p.Longest > 10*usual:
		return Stuck, fmt.Sprintf("Nothing ends, for %s: the longest job has run for %s, where 99 of 100 take at most %s. See which below.",
			duration(p.Quiet), duration(p.Longest), duration(usual))
	case p.Closed:
		return Draining, fmt.Sprintf("Closed. %s, %d more in the queue.", p.busy(), p.Queued) + p.refuses()
	case p.Rates.Completed > 0 && p.Rates.Failed > 0 && p.Rates.Failed >= p.Rates.Completed/2:
		return Failing, fmt.Sprintf("%.0f%% of the jobs fail. See the errors below.", 100*p.Rates.Failed/p.Rates.Completed)
	case isQuiet:
		return Busy, fmt.Sprintf("%s, and nothing has ended for %s. If jobs do not take that long, see what runs.", p.busy(), duration(p.Quiet))
	case all && p.saturated(trend):
		return Saturated, p.saturation()
	case all:
		return Busy, p.busy() + ", and the queue does not grow."
	case p.Busy > 0 || p.Rates.Come > 0:
		return Working, p.busy() + "."
	}
	return Idle, "Nothing to do."
}

// blocked is asked where all workers have a job. Where times are taken it is known which of
// them run; else it tells that Results is full and nothing ends.
func (p Pool) blocked(isQuiet bool) bool {
	full := p.Unread >= p.Capacity
	if p.Timed {
		return full && len(p.Running) == 0
	}
	return full && p.Capacity > 0 && isQuiet
}

// saturated reports whether more comes than is done: the queue is full, or grows, or jobs
// wait for far longer than they run.
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
		s += fmt.Sprintf(", %d waiting for a place", p.Waiting)
	}
	need := int(math.Ceil(p.Need))
	switch {
	case !p.Timed:
		return s + ". With WithTiming this page could say how many workers it takes."
	case need > p.Workers:
		return s + fmt.Sprintf(". At %s a job, %d workers instead of %d would keep up, if what they use can take it.", duration(p.Run.Mean), need, p.Workers)
	}
	return s + fmt.Sprintf(". More than %d workers would empty the queue.", p.Workers)
}

func (p Pool) busy() string { return fmt.Sprintf("%d of %d workers busy", p.Busy, p.Workers) }

func (p Pool) refuses() string {
	if p.Rates.Rejected == 0 {
		return ""
	}
	return fmt.Sprintf(" %s/s come all the same, and are refused.", rate(p.Rates.Rejected))
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
