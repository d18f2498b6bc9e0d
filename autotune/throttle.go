package autotune

import (
	"math"
	"time"
)

const (
	// throttleShare of the attempts may be turned away or time out: fewer are chance.
	throttleShare = 0.01
	// cutTo is what is left of the size when more are.
	cutTo = 0.9
	// ceilingFirst and ceilingMost are how long a size that was too much is not tried again:
	// twice as long each time.
	ceilingFirst = 10 * time.Second
	ceilingMost  = 60 * time.Second
	// remembered is how long a size that was not is a safe one, and where cuts because of time
	// began.
	remembered = 5 * time.Minute
)

// throttle is what is known of sizes at which attempts were turned away.
//
// As AIMD does, it goes down by a tenth, and once for all attempts that were under way
// together. Unlike it, it remembers: a size at which nothing was turned away a short while ago
// is where it goes back to, and from there up to the size that was too much it halves
// the distance each time. So a bound on requests at once is found to the one, and
// not run into with every increase; it is tried again, ever more seldom, in case it is gone.
type throttle struct {
	mark    reading   // since when is counted
	deaf    time.Time // until then what is turned away was under way at the last cut
	success uint64    // successful attempts at the last cut

	good   int       // nothing was turned away with so many,
	goodAt time.Time // at this time
	bad    int       // something was with so many, or 0
	badTo  time.Time // until then it is not tried again
	wait   time.Duration

	floor   int       // not below which attempts that time out bring the size,
	floorTo time.Time // until then
}

// turnedAway sees whether attempts are turned away, and if so goes down. It reports whether it did.
func (k *knee) turnedAway(r reading) bool {
	if r.paused || k.last.paused {
		return k.pausing(r)
	}
	if r.at.Before(k.deaf) {
		k.mark = r
		return false
	}
	attempts, away, late := r.attempts-k.mark.attempts, r.throttled-k.mark.throttled, r.timedOut-k.mark.timedOut
	switch took := r.at.Sub(k.mark.at); {
	case tooMany(away, attempts) && !k.cfg.IgnoreThrottled:
		k.mark = r
		return k.cut(r)
	case tooMany(late, attempts):
		k.mark = r
		return k.mayBeSize(r) && k.cut(r)
	case took >= windowMin && attempts >= enoughJobs || took >= windowLong:
		k.mark = r
	}
	return false
}

// tooMany reports whether n of all is beyond what may be chance.
func tooMany(n, all uint64) bool {
	usual := throttleShare * float64(all)
	return float64(n) > usual+3*math.Sqrt(usual)+1
}

// mayBeSize reports whether fewer workers may help against attempts that time out. If they
// have not with half as many as there were, they would at any size; then for some minutes
// how long the others take has to say it all.
func (k *knee) mayBeSize(r reading) bool {
	if !r.at.Before(k.floorTo) {
		k.floor, k.floorTo = (k.size+1)/2, r.at.Add(remembered)
	}
	if k.size <= k.floor {
		k.floor = k.cfg.Max // until floorTo
		k.bad = 0
	}
	return k.size > k.floor
}

// pausing is for when the gate of the pool is shut or has just opened. That it was shut is
// reason enough to go down, and so it is each time, also if it had only just opened: to wait
// until the size has settled would be to wait for ever where each time a few too many start.
func (k *knee) pausing(r reading) bool {
	k.mark = r
	if !r.paused { // those that were under way are yet to end
		k.deaf = r.at.Add(k.settling())
		k.settled = k.deaf
		return false
	}
	return k.shutAgain(r) && !k.cfg.IgnoreThrottled && k.cut(r)
}

// shutAgain reports whether the gate, which is shut, was open at the last reading, or has been
// since: it may be for less time than there is between two of them. Then the time until when
// it is shut is a new one, and the one before is over. (Those who were under way put it
// off, too, but before.)
func (k *knee) shutAgain(r reading) bool {
	return !k.last.paused || r.until.After(r.at) && !r.at.Before(k.last.until)
}

// cut goes down, unless nothing has succeeded since it last did: it is an outage then, and
// no size would be right. It reports whether it did.
func (k *knee) cut(r reading) bool {
	k.deaf = r.at.Add(k.settling())
	if r.run.Count() == k.success {
		return false
	}
	k.success = r.run.Count()
	size := min(k.size-1, int(math.Round(cutTo*float64(k.size))))
	if k.good < k.size && r.at.Sub(k.goodAt) < remembered {
		size = max(size, k.good)
	} else {
		k.good = 0
	}
	k.noteBad(r.at)
	k.first = false
	k.move(r, k.clamp(float64(size)), Throttled)
	k.rest(r.at, true)
	return true
}

// noteBad notes that attempts were turned away with as many workers as there are. A greater
// number than one that is known already says nothing new.
func (k *knee) noteBad(now time.Time) {
	switch {
	case k.bad == 0:
		k.wait = ceilingFirst
	case !now.Before(k.badTo):
		k.wait = min(ceilingMost, 2*k.wait)
	}
	if k.bad == 0 || k.size < k.bad {
		k.bad = k.size
	}
	k.badTo = now.Add(k.wait)
}

// survived notes that nothing was turned away with so many at once.
func (k *knee) survived(now time.Time, size int) {
	if size >= k.good || now.Sub(k.goodAt) >= remembered {
		k.good, k.goodAt = size, now
	}
	if k.bad != 0 && size >= k.bad { // the bound is gone
		k.bad = 0
	}
}

// below returns the next size up, at most size: as long as there is a ceiling halfway to it,
// and afterwards the one that was too many.
func (k *knee) below(now time.Time, size int) int {
	if k.bad == 0 || size < k.bad {
		return size
	}
	if now.Before(k.badTo) {
		return max(k.size, min(size, (k.size+k.bad)/2))
	}
	return max(k.size, min(size, k.bad))
}

// ceiling returns the greatest size for now, or 0.
func (k *knee) ceiling(now time.Time) int {
	if k.bad == 0 || !now.Before(k.badTo) {
		return 0
	}
	return max(k.cfg.Min, k.bad-1)
}
