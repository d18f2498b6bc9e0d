package autotune

import (
	"math"
	"time"
)

// pace is what a [Limiter] has learned, and when the next attempt may start. It has no clock
// and no lock.
//
// It takes the quota for a token bucket, which is empty when an attempt is turned away. From
// that two things follow. What was let in between two such times, over the time, is never more
// than the rate at which it fills. And if the rate of attempts grew until one was turned away,
// the bucket, whose depth the first volley has shown, was emptied since the one was as high
// as the other: which says how high that was. The greater of the two is where the search goes
// on, more slowly each time.
//
// That a 429 bounds a rate, and that nothing is limited before the first, is as in the adaptive
// retry mode of the AWS SDKs. Their cubic curve comes back to a known bound again and again, and
// so leaves unused what this one finds by looking seldom.
type pace struct {
	rate  float64   // attempts a second, or 0: no bound was seen yet
	from  float64   // what it was when it was resumed
	bound float64   // the rate at which an attempt was turned away last
	stage int       // of the search, an index of growth
	next  time.Time // when the next attempt may start
	last  time.Time // when the last one did

	since   time.Time // the bucket was empty
	started float64   // attempts, since then
	resumed time.Time // the first of them may have
	depth   float64   // of the bucket, at most, less one
	waited  bool      // the attempt that is next had to: a higher rate would be used

	// Between the first that is turned away and the time to go on.
	paused bool
	epoch  int // counts these times
	until  time.Time
	at     time.Time // of the first
	away   float64   // attempts that were turned away: all are taken for started before
}

// growth is that of the logarithm of the rate, in a second, in each stage of the search: twice
// the rate in half a second at first, half a percent a second in the last stage.
var growth = [...]float64{1.4, 0.05, 0.005}

const (
	lastStage = len(growth) - 1
	// steadyFor is how long the rate stays as it is in the last stage before it grows.
	steadyFor = time.Minute
	// soon after going on none is turned away in the last stage, unless the quota is less now.
	soon = 4 * time.Second
	// newQuota is how far above the bound that was none is turned away only if it is more now:
	// in any stage, for an outage leaves a bound that is none.
	newQuota = 1.1
	// margin is how much of what the quota seems to be is used, and cutMostRate how much of
	// the rate is left at least, in case that it only seems so.
	margin      = 0.985
	cutMostRate = 0.6
	// pauseSpan is how long a pause, and the time before the first, count as at least.
	pauseSpan = time.Second
	// idleMost is how long a time without a start counts as at most, as long as there is no rate.
	idleMost = time.Minute
	// shortest is how long a pause is at least, so that what was under way is seen.
	shortest = 250 * time.Millisecond
	// probeMost is how long those who were waiting stand aside for others at most.
	probeMost = 500 * time.Millisecond
	// slack is what is made up for when timers are late, where starts are so close that it
	// matters: a bucket of one turns away what comes a moment too early.
	slack = 2 * time.Millisecond
)

func (p *pace) limits() bool { return p.rate > 0 || p.paused }

// start counts the start of an attempt, if it may be now. Else it returns how long to wait
// before asking again.
func (p *pace) start(now time.Time) (wait time.Duration) {
	if p.paused {
		if now.Before(p.until) {
			return p.until.Sub(now)
		}
		p.resume(now)
	}
	if p.rate > 0 && now.Before(p.next) {
		p.waited = true
		return p.next.Sub(now)
	}
	switch idle := now.Sub(p.last); {
	case p.since.IsZero():
		p.since, p.resumed = now, now
	case p.rate == 0 && idle > idleMost: // hours without a job say nothing of how many are let in
		p.since = p.since.Add(idle - idleMost)
	}
	p.started++
	if p.rate > 0 {
		p.grow(now)
		gap := time.Duration(float64(time.Second) / p.rate)
		p.next = maxTime(p.next, now.Add(min(0, gap/4-slack))).Add(gap)
	}
	p.last, p.waited = now, false
	return 0
}

// grow raises the rate by what is due since the last start, if it is used.
func (p *pace) grow(now time.Time) {
	if !p.waited || p.stage == lastStage && now.Sub(p.resumed) < steadyFor {
		return
	}
	if p.rate > newQuota*p.bound {
		p.stage = 0
	}
	p.rate *= math.Exp(growth[p.stage] * min(1, now.Sub(p.last).Seconds()))
}

// turnedAway is for an attempt that was, and is to be tried again after a while.
func (p *pace) turnedAway(now time.Time, after time.Duration) {
	if !p.paused {
		p.paused, p.at, p.until, p.away = true, now, now, 0
		p.epoch++
		after = max(after, shortest)
	}
	p.away++
	p.until = maxTime(p.until, now.Add(after))
}

// resume goes on, at another rate. What was under way at the first that was turned away is
// taken to have ended, so that how many were let in is known.
func (p *pace) resume(now time.Time) {
	letIn := max(0, p.started-p.away)
	least := letIn / max(pauseSpan, p.at.Sub(p.since)).Seconds()
	if p.rate == 0 {
		p.rate, p.bound, p.stage = least, math.Inf(1), 0
		p.depth = max(0, letIn-1)
	} else {
		p.bound = p.rate
		p.rate = min(p.rate, margin*max(least, p.filledAt(letIn), cutMostRate*p.rate))
		if p.stage == lastStage && p.at.Sub(p.resumed) < soon {
			p.stage = 0
		}
		p.stage = min(lastStage, p.stage+1)
	}
	if allowed := 1 / max(pauseSpan, p.until.Sub(p.at)).Seconds(); p.rate < allowed { // by the pause
		p.rate, p.stage = allowed, min(p.stage, lastStage-1) // no quota, but an outage
	}
	p.from = p.rate
	p.since, p.started = p.at, 0
	p.resumed, p.last, p.next = now, now, now
	p.paused = false
}

// filledAt returns at which rate the bucket is filled, if it is as deep as was seen: it was
// emptied since a growing rate was as high as that, or if that was at once, since it was
// resumed.
//
// A rate that has grown to r at a relative speed of g a second was q some ln(r/q)/g seconds
// ago, and has taken (r-q)/g tokens since: more than were filled in by the depth.
func (p *pace) filledAt(letIn float64) float64 {
	low, high := 0.0, p.rate
	for range 30 { // halvings: a billionth of the rate
		q := (low + high) / 2
		if p.rate-q-q*math.Log(p.rate/q) > growth[p.stage]*p.depth {
			low = q
		} else {
			high = q
		}
	}
	if low >= p.from {
		return low
	}
	return (letIn - p.depth) / max(time.Millisecond, p.at.Sub(p.resumed)).Seconds()
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
