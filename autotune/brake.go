package autotune

import (
	"math"
	"time"
)

// least is the least that jobs took in the last minutes.
//
// It is a brake, for two tuners of one service above all: what each sees of the queue that
// both make seems to have come by itself, so that none would go back.
type least struct {
	spans [leastSpans]struct {
		at time.Time
		ln float64
	}
}

const (
	leastSpans = 5
	leastSpan  = time.Minute
	brakeAt    = 2.5
)

func (l *least) see(m *measure) {
	s := &l.spans[m.at.Unix()/int64(leastSpan.Seconds())%leastSpans]
	if ln := m.geometric(); m.at.Sub(s.at) >= leastSpan || ln < s.ln {
		s.at, s.ln = m.at, ln
	}
}

// braked reports whether jobs take so much longer than they did that there is no reason to
// have more of them at once.
func (l *least) braked(now *measure) bool {
	ln := now.geometric()
	for _, s := range l.spans {
		if now.at.Sub(s.at) < leastSpans*leastSpan && ln > s.ln+math.Log(brakeAt) {
			return true
		}
	}
	return false
}
