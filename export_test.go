package workerpool

import "time"

// AddTo counts d in h.
func AddTo(h *Histogram, d time.Duration) { h.add(d) }
