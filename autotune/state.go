package autotune

import (
	"fmt"
	"time"
)

// State is what a [Tuner] has done last, and why: see [Tuner.State].
type State struct {
	// Size is the number of workers that the tuner wants, and From that before. They are
	// equal if it has not moved yet, or goes on from a size that somebody else has set.
	Size int `json:"size"`
	From int `json:"from"`
	// Moved is when it went from the one to the other, or began, and Reason is why.
	Moved  time.Time `json:"moved"`
	Reason Reason    `json:"reason"`
	// Elasticity is by how much longer jobs took with more workers, as the last comparison
	// of two sizes has shown: 0 if they took as long, and 1 if they took longer by as much as
	// there were more of them, so that not one more got done. It is above 1 where more workers
	// get less done, and a little off by chance. It is 0 before the first comparison.
	Elasticity float64 `json:"elasticity"`
	// Ceiling is the greatest size for now, because attempts were turned away at a greater
	// one, and 0 if there is none.
	Ceiling int `json:"ceiling"`
	// Ended says that the tuner has: by Stop, with its context or with the pool.
	Ended bool `json:"ended"`
}

// String says the size and why, as for a page that shows it:
//
//	tuned from 20 to 18 workers 4s ago: attempts were turned away or timed out
func (s State) String() string {
	text := fmt.Sprintf("tuned to %d workers", s.Size)
	if s.From != s.Size {
		text = fmt.Sprintf("tuned from %d to %d workers %v ago", s.From, s.Size, time.Since(s.Moved).Round(time.Second))
	}
	if s.Ended {
		text += ", and ended"
	}
	return fmt.Sprintf("%s: %s", text, string(s.Reason))
}

// Reason is why a [Tuner] has moved: a text for people, one of the constants.
type Reason string

// The reasons. An increase and a decrease are tried first, and kept or taken back by what
// that shows.
const (
	Began      Reason = "began"                                     // with the size that the pool had, or the nearest within the bounds
	Grows      Reason = "more workers did not make jobs slower"     // up again after an increase that has paid
	TriesMore  Reason = "to see whether more workers get more done" // up, to be compared
	TriesLess  Reason = "to see whether fewer workers are enough"   // down, to be compared
	Shrinks    Reason = "fewer workers made jobs faster"            // down again after a decrease that has cost nothing
	NoGain     Reason = "more workers only made jobs slower"        // back down
	Loss       Reason = "fewer workers got less done"               // back up
	Slower     Reason = "jobs suddenly take longer"                 // down, since the other side may have less capacity
	Unrelated  Reason = "jobs take longer with fewer workers too"   // back up
	Throttled  Reason = "attempts were turned away or timed out"    // down, below a ceiling for some time
	Unused     Reason = "there is no evidence for so many workers"  // down, as they have never been used
	SetByOther Reason = "somebody else has resized the pool"        // from there it goes on
)
