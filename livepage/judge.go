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
	Limited   State = "limited"   // all workers have a job, and some may not start it yet
	Failing   State = "failing"   // at least half of the jobs, or of the attempts, fail
	Draining  State = "draining"  // closed, and finishes what it has
	Probing   State = "probing"   // a pause is over, and a few jobs go ahead to see whether the others may
	Paused    State = "paused"    // starts no job for a while, because of RetryAfter
	Stuck     State = "stuck"     // all workers have a job, and nothing ends for far longer than jobs take
	Blocked   State = "blocked"   // nobody reads the results, or not fast enough
	Closed    State = "closed"    // and finished
)

// judge says what a pool is like, and what could be done. trend is by how many the jobs that
// wait have grown, and usual is the longest that nearly all jobs have ever taken.
func judge(p Pool, trend int, usual float64) (State, string) {
	all := p.Busy >= p.Workers
	isQuiet := all && p.Quiet >= quiet.Seconds()
	switch {
	case p.Closed && p.Busy+p.Queued+p.Held+p.Retrying+p.Bulk == 0:
		return Closed, "Closed. It accepts nothing, and has finished all." + p.refuses()
	case all && p.blocked(isQuiet):
		return Blocked, fmt.Sprintf("Nobody reads the results, or not fast enough: %d wait, and the workers have one more each. Read Results, or use WithoutResults.", p.Unread)
	case isQuiet && usual > 0 && p.Longest > 10*usual:
		return Stuck, fmt.Sprintf("Nothing ends, for %s: the longest job has run for %s, where 99 of 100 take at most %s. See which below.",
			duration(p.Quiet), duration(p.Longest), duration(usual))
	case p.Paused > 0:
		return Paused, fmt.Sprintf("The other side wants to be left alone, for %s more: no job starts. %s.", toGo(p.Paused), p.left())
	case p.Probing:
		return Probing, fmt.Sprintf("The other side wanted to be left alone. That time is over, and a few jobs go ahead to see whether the others may. %s.", p.left())
	case p.Closed:
		return Draining, fmt.Sprintf("Closed. %s.", p.left()) + p.refuses()
	case p.Rates.Completed > 0 && p.Rates.Failed > 0 && p.Rates.Failed >= p.Rates.Completed/2:
		return Failing, fmt.Sprintf("%.0f%% of the jobs fail. See the errors below.", 100*p.Rates.Failed/p.Rates.Completed)
	case p.failedAttempts() >= 0.5:
		return Failing, fmt.Sprintf("%.0f%% of the attempts fail, and are made again. See the errors below.", 100*p.failedAttempts())
	case isQuiet:
		return Busy, fmt.Sprintf("%s, and nothing has ended for %s. If jobs do not take that long, see what runs.", p.busy(), duration(p.Quiet))
	case p.Held > 0 && p.Busy+p.Held >= p.Workers:
		return Limited, p.limited(trend)
	case all && p.saturated(trend):
		return Saturated, p.saturation()
	case all && p.Short > 0:
		return Busy, p.busy() + ", and " + p.wanted() + p.later() + "."
	case all:
		return Busy, p.busy() + ", and the queue does not grow" + p.later() + "."
	case p.Busy > 0 || p.Rates.Come > 0 || p.Retrying > 0:
		return Working, p.busy() + p.later() + "."
	}
	return Idle, "Nothing to do."
}

// failedAttempts is the share of the attempts that have failed, without those that were
// throttled, of which there is enough to be seen.
func (p Pool) failedAttempts() float64 {
	r := p.Rates
	again := r.Retried - r.Throttled
	if again <= 0 {
		return 0
	}
	return (r.Failed + again) / (r.Completed + r.Retried)
}

// limited says what holds workers back, and whether that is a trouble.
func (p Pool) limited(trend int) string {
	s := fmt.Sprintf("%s, and %d held back, with jobs that wait for the limiter or for another attempt%s.", p.busy(), p.Held, p.later())
	if p.saturated(trend) {
		s += " " + p.pressure() + ". More workers would not help: what holds them back has to let more through."
	}
	return s
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

// pressure says how much more comes than is done.
func (p Pool) pressure() string {
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
	return s
}

// saturation says that too, and what to change.
func (p Pool) saturation() string {
	s := p.pressure()
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

// wanted says that bulk calls have jobs for more workers, which are not in the queue.
func (p Pool) wanted() string {
	return number(p.Short, "a call with many jobs has some for more", "%d calls with many jobs have some for more")
}

// left is what a pool still has to do that starts nothing for now, or accepts nothing more.
func (p Pool) left() string {
	return fmt.Sprintf("%s, %d more in the queue", p.busy(), p.Queued) + p.goesOn() + p.later()
}

// goesOn says that there are calls with many jobs, which may have some that are in no queue.
func (p Pool) goesOn() string {
	return number(p.Bulk, ", 1 call with many jobs goes on", ", %d calls with many jobs go on")
}

// later says how many jobs wait for their next attempt.
func (p Pool) later() string {
	return number(p.Retrying, ", 1 job waits for another attempt", ", %d jobs wait for another attempt")
}

func (p Pool) refuses() string {
	if p.Rates.Rejected == 0 {
		return ""
	}
	return fmt.Sprintf(" %s/s come all the same, and are refused.", rate(p.Rates.Rejected))
}

// number says that there is one, or many, which has a place for how many; and nothing of none.
func number(n int, one, many string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return one
	}
	return fmt.Sprintf(many, n)
}

// rate is a rate as people read it.
func rate(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.1f", r)
	}
	return fmt.Sprintf("%.0f", r)
}

// toGo is a number of seconds that are still to pass: whole ones, and none too few.
func toGo(seconds float64) string { return duration(math.Ceil(seconds)) }

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
