package autotune

import (
	"math"
	"time"

	"github.com/boundedgo/workerpool"
)

const (
	// share is what the search makes as large as it can: n to the power of share, over how long
	// a job takes with n at once. That is Kleinrock's power (throughput to some power over
	// response time), written with the number at once instead of the throughput. A change of
	// n is for the better if the times grow by less than this share of it. One half is what
	// Kleinrock has; less keeps two tuners of one service, each of whom sees half of what it
	// causes, from driving each other up.
	share = 0.4

	// A change of the times decides when it is so many standard errors beyond that, or when
	// the window is windowMost long.
	sure       = 2
	windowMin  = time.Second
	windowMost = 8 * time.Second
	// A window lasts at least windowRuns mean times of a job, unless that is longer than
	// windowLong, and has enoughJobs; after windowMost fewestJobs are enough.
	windowRuns = 2
	windowLong = 10 * time.Second
	enoughJobs = 20
	fewestJobs = 5
	// recentJobs is of how many attempts the times say how long one takes at most, at least.
	recentJobs = 100
	// settle is how long after a move nothing counts, at least: until jobs are of the new size.
	settle = 200 * time.Millisecond

	// So long a size is held before fewer workers are tried, which costs something while it
	// lasts, and before more are.
	holdDown = 4 * time.Second
	holdUp   = 2500 * time.Millisecond

	// By which part the size is changed: until an increase was taken back, by stepAtFirst;
	// then at first by something between stepLeast and stepMost, and by twice as much each time
	// that it was kept, up to stepUpMost and stepDownMost.
	stepAtFirst  = 1.0
	stepLeast    = 0.10
	stepMost     = 0.25
	stepUpMost   = 0.5
	stepDownMost = 0.3

	// A jump of the times is one of at least jumpLeast, and jumpSure standard errors, beyond
	// jumpPart times what the size has changed. It cuts the size to cutMost at most.
	jumpLeast = 0.25
	jumpSure  = 4
	jumpPart  = 1.2
	cutMost   = 0.3
)

// phase is what the search is waiting for.
type phase int

const (
	measuring phase = iota // how long jobs take with the size that there is
	probing                // the same with another size
	holding                // the time until the next probe
	checking               // whether jobs that were suddenly slow are faster with fewer at once
)

// knee is the search for the size, one step for each reading. It has no clock and no lock.
//
// It compares the size with one a little above or below: does it pay? While it does it goes
// on in that direction, with larger steps; else it goes back, and tries the other one a
// moment later. As it compares neighbours within seconds, it has no use for the least time
// that was ever seen, which is where searches go wrong that do: it is of another load. (There
// is a brake that has, far off.)
type knee struct {
	cfg   Config
	state State

	size    int
	last    reading
	phase   phase
	settled time.Time // until then what is seen is of the size before
	window  window
	open    bool // the window is
	until   time.Time

	base   measure // at the size before the move
	before int     // that size
	up     bool    // where the probe goes, or the next one
	step   float64
	first  bool // no increase has been taken back yet

	proven  int                  // the largest size that there was work for
	stalled bool                 // no attempt has ended for a while
	ended   time.Time            // when one last had
	older   workerpool.Histogram // of times, some attempts ago
	newer   workerpool.Histogram // the same, fewer attempts ago
	mean    time.Duration
	least   least
	throttle
}

func newKnee(cfg Config, r reading) *knee {
	k := &knee{cfg: cfg, size: r.size, last: r, up: true, step: stepAtFirst, first: true, ended: r.at}
	k.state = began(r)
	k.mark, k.older, k.newer = r, r.run, r.run
	if size := k.clamp(float64(r.size)); size != r.size {
		k.move(r, size, Began)
	}
	return k
}

// see takes what is read, and returns the size that there should be.
func (k *knee) see(r reading) int {
	if r.size != k.size {
		k.adopt(r)
	}
	k.progress(r)
	cut := k.turnedAway(r)
	k.last = r
	switch {
	case cut:
	case r.paused || r.at.Before(k.settled):
		k.open = false
	case !k.open:
		k.window, k.open = windowFrom(r), true
	default:
		k.window.see(r)
		k.weigh(r)
	}
	k.state.Ceiling = k.ceiling(r.at)
	return k.size
}

// began is the state before anything was done.
func began(r reading) State { return State{Size: r.size, From: r.size, Moved: r.at, Reason: Began} }

// adopt goes on from a size that somebody else has set.
func (k *knee) adopt(r reading) {
	k.size = r.size // so that State says from where
	k.move(r, k.clamp(float64(r.size)), SetByOther)
	k.measureAnew()
}

// progress sees whether attempts end at all. Those of an outage that hangs end all at once
// when it is over, and say nothing of the size.
func (k *knee) progress(r reading) {
	if r.attempts != k.last.attempts {
		if k.stalled {
			k.stalled = false
			k.settled = r.at.Add(k.settling())
			k.measureAnew()
		}
		k.ended = r.at
	}
	if r.busy == 0 {
		k.ended = r.at
	}
	if r.run.Count()-k.newer.Count() >= recentJobs {
		k.older, k.newer = k.newer, r.run
	}
	if quiet := r.at.Sub(k.ended); quiet > windowMin && quiet > k.longRecently(r) {
		k.stalled = true
	}
}

// longRecently is longer than nearly all of the last attempts took. Those of long ago do not
// count: a million of short jobs would have it that every job of another kind is an outage.
func (k *knee) longRecently(r reading) time.Duration {
	recent := r.run.Sub(k.older)
	if recent.Count() == 0 {
		return math.MaxInt64 // nobody knows
	}
	return 2 * recent.Quantile(0.99)
}

// weigh decides, if the window is long enough.
func (k *knee) weigh(r reading) {
	took := r.at.Sub(k.window.from.at)
	if took < windowMin || k.stalled {
		return
	}
	if !k.window.saturated(r) {
		if took >= min(windowLong, max(windowMin, windowRuns*k.mean)) {
			k.unsaturated(r)
		}
		return
	}
	n := r.run.Count() - k.window.from.run.Count()
	if n < fewestJobs || n < enoughJobs && took < windowMost {
		return
	}
	mean := spent(k.window.from.run, r.run) / float64(n)
	if took.Seconds() < min(windowLong.Seconds(), windowRuns*mean) {
		return
	}
	m := k.window.measure(r)
	k.mean = m.run()
	k.proven = max(k.proven, k.size)
	k.least.see(&m)
	k.decide(r, m, took)
}

// unsaturated is for a window in which there were workers enough. More of them have done
// what they are for; whether fewer do as well shows only when there is more to do.
func (k *knee) unsaturated(r reading) {
	if k.phase == probing && !k.up {
		k.move(r, k.before, Loss)
	}
	// A size that was set before there was work for it may be far too large when there is. A
	// pool that does nothing says nothing of that.
	most := k.clamp(float64(max(k.proven, k.window.largest+k.window.largest/2+1)))
	if k.window.largest > 0 && k.size > most {
		k.move(r, most, Unused)
	}
	k.measureAnew()
}

// measureAnew begins with the size that there is.
func (k *knee) measureAnew() {
	k.phase, k.open, k.up = measuring, false, true
}

// decide is for a window that is long enough to be compared.
func (k *knee) decide(r reading, m measure, took time.Duration) {
	if k.phase == measuring || k.base.count == 0 {
		k.base = m
		k.survived(r.at, k.size)
		k.probe(r)
		return
	}
	c := m.from(&k.base)
	if k.phase == holding {
		k.hold(r, m, c)
		return
	}
	gap := c.slower - share*c.more
	if math.Abs(gap) < sure*c.err && took < windowMost {
		return
	}
	k.state.Elasticity = c.elasticity()
	k.survived(r.at, k.size)
	switch {
	case k.phase == checking:
		k.checked(r, m, c, gap < 0)
	case gap < 0:
		k.accept(r, m)
	default:
		k.reject(r, c)
	}
}

// jump reports whether the times have changed by far more than the size can have caused, in
// a direction: up is 1, and down -1.
//
// It asks the mean time, and not how most jobs fare, which a queue slows down by more than
// the throughput: the cut that follows would be too deep.
func (c change) jump(direction float64) bool {
	return direction*c.longer > jumpPart*math.Abs(c.more)+max(jumpLeast, jumpSure*c.longerErr)
}

// suspect has fewer workers at once, as many as would be right if the other side had lost
// capacity, and then sees whether it has.
func (k *knee) suspect(r reading, m measure, c change) {
	k.base, k.before = m, k.size
	size := k.clamp(float64(k.size) * max(cutMost, math.Exp(-c.longer)))
	if size == k.size {
		k.measureAnew()
		return
	}
	k.move(r, size, Slower)
	k.phase = checking
}

// checked is for jobs that were suddenly slower, and now have been seen with fewer at once.
func (k *knee) checked(r reading, m measure, c change, helped bool) {
	k.base = m
	if helped {
		k.up, k.step = false, k.firstStep(c)
		k.probe(r)
		return
	}
	k.up, k.step = true, stepUpMost
	k.probeFor(r, Unrelated)
}

// hold watches the size that there is, and tries another when it is time.
func (k *knee) hold(r reading, m measure, c change) {
	if c.jump(1) {
		k.suspect(r, m, c)
		return
	}
	if c.jump(-1) { // there is room again
		k.up = true
	} else if r.at.Before(k.until) {
		return
	}
	k.survived(r.at, k.size)
	k.base, k.step = m, k.firstStep(c)
	k.probe(r)
}

// firstStep is as large as it has to be to show, beyond what is chance, in as long as what it
// is to be compared with has taken.
func (k *knee) firstStep(c change) float64 {
	return max(stepLeast, min(stepMost, sure/share*c.err))
}

// accept keeps the size of a probe, and goes on in the same direction.
func (k *knee) accept(r reading, m measure) {
	k.base = m
	switch {
	case k.up && k.first:
	case k.up:
		k.step = min(stepUpMost, 2*k.step)
	default:
		k.step = min(stepDownMost, 2*k.step)
	}
	reason := Grows
	if !k.up {
		reason = Shrinks
	}
	k.probeFor(r, reason)
}

// reject goes back to the size before a probe, or if that is more to where what it has
// shown puts the knee. The next probe goes the other way.
func (k *knee) reject(r reading, c change) {
	size, reason := k.before, Loss
	if k.up {
		reason = NoGain
		size = min(k.size-1, max(k.before, int(math.Round(float64(k.size)*math.Exp(-c.longer)))))
	}
	k.first = false
	k.move(r, k.clamp(float64(size)), reason)
	k.rest(r.at, !k.up)
}

// rest holds the size for a while.
func (k *knee) rest(now time.Time, up bool) {
	k.phase, k.up, k.until = holding, up, now.Add(holdDown)
	if up {
		k.until = now.Add(holdUp)
	}
}

func (k *knee) probe(r reading) {
	reason := TriesMore
	if !k.up {
		reason = TriesLess
	}
	k.probeFor(r, reason)
}

// probeFor tries another size, a step up or down. Where there is none it rests.
func (k *knee) probeFor(r reading, reason Reason) {
	size := k.target(r.at)
	if size == k.size {
		k.open = false
		k.rest(r.at, !k.up)
		return
	}
	k.before = k.size
	k.move(r, size, reason)
	k.phase = probing
}

// target returns the size of the next probe.
func (k *knee) target(now time.Time) int {
	n := float64(k.size)
	if !k.up {
		return k.clamp(min(n-1, math.Round(n*(1-k.step))))
	}
	if k.least.braked(&k.base) {
		return k.size
	}
	size := k.clamp(max(n+1, math.Round(n*(1+k.step))))
	return k.below(now, size)
}

func (k *knee) clamp(n float64) int {
	return int(max(float64(k.cfg.Min), min(float64(k.cfg.Max), n)))
}

// move sets the size. What is seen before jobs have settled to it does not count.
func (k *knee) move(r reading, size int, reason Reason) {
	k.state.From, k.state.Size, k.state.Moved, k.state.Reason = k.size, size, r.at, reason
	k.size, k.open = size, false
	k.settled = r.at.Add(k.settling())
}

func (k *knee) settling() time.Duration { return max(settle, k.mean) }
