package sim

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// Steps is a value that changes over time, in steps: in the order of their times.
type Steps []Step

// Step says that a value holds from a time on.
type Step struct {
	From  time.Duration
	Value float64
}

// Always is a value that does not change.
func Always(v float64) Steps { return Steps{{0, v}} }

// Every is values that follow each other, each for as long as every; the last one stays.
func Every(every time.Duration, values ...float64) (s Steps) {
	for i, v := range values {
		s = append(s, Step{time.Duration(i) * every, v})
	}
	return s
}

// At returns the value at a time, and before the first step that of the first.
func (s Steps) At(t time.Duration) float64 {
	v := s[0].Value
	for _, step := range s[1:] {
		if step.From > t {
			break
		}
		v = step.Value
	}
	return v
}

// Mean returns the mean of the value between two times.
func (s Steps) Mean(from, to time.Duration) float64 {
	sum, at := 0.0, from
	for _, step := range s[1:] {
		if step.From > at && step.From < to {
			sum += s.At(at) * float64(step.From-at)
			at = step.From
		}
	}
	return (sum + s.At(at)*float64(to-at)) / float64(to-from)
}

// Around draws times around a mean, with a log-normal distribution whose logarithm has the
// standard deviation sigma.
func Around(mean time.Duration, sigma float64) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		return time.Duration(float64(mean) * math.Exp(sigma*r.NormFloat64()-sigma*sigma/2))
	}
}

// Bimodal draws from one of two: from long with the probability share.
func Bimodal(short, long func(*rand.Rand) time.Duration, share float64) func(*rand.Rand) time.Duration {
	return func(r *rand.Rand) time.Duration {
		if r.Float64() < share {
			return long(r)
		}
		return short(r)
	}
}

// servers are those who work on calls, first come first served: when each of them will be
// free. As the answer to a call is certain when it comes, nothing has to wait but the caller.
type servers []time.Duration

func (s servers) Len() int           { return len(s) }
func (s servers) Less(i, k int) bool { return s[i] < s[k] }
func (s servers) Swap(i, k int)      { s[i], s[k] = s[k], s[i] }
func (s *servers) Push(x any)        { *s = append(*s, x.(time.Duration)) }
func (s *servers) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// serve returns how long a call that comes at a time takes which is worked on for work. Of
// servers that become fewer those go that are free first: what was promised holds.
func (s *servers) serve(at, work time.Duration, n int) time.Duration {
	for s.Len() > max(1, n) {
		heap.Pop(s)
	}
	for s.Len() < n {
		heap.Push(s, at)
	}
	free := &(*s)[0]
	*free = max(*free, at) + work
	took := *free - at
	heap.Fix(s, 0)
	return took
}

// bucket is a token bucket, full at first.
type bucket struct {
	used bool
	left float64
	at   time.Duration
}

// take reports whether there was a token.
func (b *bucket) take(at time.Duration, rate, most float64) bool {
	if !b.used {
		b.used, b.left, b.at = true, most, at
	}
	b.left = min(most, b.left+rate*(at-b.at).Seconds())
	b.at = at
	if b.left < 1-1e-6 { // of adding up fractions, and of nanoseconds
		return false
	}
	b.left--
	return true
}
