// Package sim has models of services, for tests of what finds out how much a service can
// take. Their time is that of package time, so that inside a testing/synctest bubble half an
// hour of a service takes a second or so.
//
// A [Service] is what its fields say. It draws from a source of its own, once for each call in
// the order in which calls come, so that a run with the same seed is the same run whichever
// goroutine makes which call.
package sim

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrOverloaded is how a service turns a call away that is too much for it.
var ErrOverloaded = errors.New("sim: 429 too many requests")

// Service is a model of something that is called over a network, or of processors. The zero
// Service answers at once, whatever the load. Fields are set before the first call.
type Service struct {
	// Work draws how long the service works on one call.
	Work func(r *rand.Rand) time.Duration
	// Capacity is how many calls it can work on at once, over time: its knee. Nil is no bound.
	Capacity Steps
	// Discipline says what becomes of calls beyond the capacity.
	Discipline Discipline
	// Slower multiplies all times, over time. Nil is 1.
	Slower Steps
	// Hits is the share of calls that a cache answers, in HitTime, without any of the above.
	Hits    float64
	HitTime time.Duration
	// Limit is how many calls it lets in at once; those beyond it are turned away. 0 is no limit.
	Limit int
	// Quota is how many calls a second it lets in, over time; those beyond it are turned away.
	// Nil is no quota. Burst is how many it saves up.
	Quota Steps
	Burst float64
	// Refusal is how long it takes to turn a call away.
	Refusal time.Duration
	// Jitter draws how long a call is on its way to the service. Nil is not at all.
	Jitter func(r *rand.Rand) time.Duration
	// Outages are when calls that come hang until the end.
	Outages []Span
	// Seed is of what it draws.
	Seed uint64

	once    sync.Once
	mu      sync.Mutex
	began   time.Time
	random  *rand.Rand
	inside  int     // calls that were let in and have not been answered
	servers servers // for Queue
	bucket  bucket
	tally   Tally
}

// Discipline is what becomes of the calls that are more than a service can work on at once.
type Discipline int

// Disciplines.
const (
	// Queue has them wait, first come first served: a call takes longer by its wait, and as
	// many are answered as without it.
	Queue Discipline = iota
	// Share has all take turns, as processors do: each call takes longer by as much as there
	// are too many.
	Share
	// Collapse has all take turns and lose by it: with twice as many calls as it can work
	// on, half as many are answered.
	Collapse
	// Gradual has no knee: calls take longer bit by bit from the beginning, and a little more
	// gets done with each, without end.
	Gradual
)

// Span is from a time to another, since the first call.
type Span struct{ From, To time.Duration }

// Tally is what a service counts.
type Tally struct {
	Came   uint64 // calls
	Turned uint64 // those of them that were turned away
	Done   uint64 // those that were answered
}

// Start sets the time from which that of the service counts. The first call does it otherwise.
func (s *Service) Start() {
	s.once.Do(func() {
		s.began = time.Now()
		s.random = rand.New(rand.NewPCG(s.Seed, 0x5eed)) //nolint:gosec // of a model
	})
}

// Call makes one call, and returns when it is answered: with nil, with an error that wraps
// ErrOverloaded, or with that of ctx, which ends the wait for an answer.
func (s *Service) Call(ctx context.Context) error {
	s.Start()
	if s.Jitter != nil {
		if err := sleep(ctx, s.onItsWay()); err != nil {
			return err
		}
	}
	if !s.arrive(time.Since(s.began)) {
		return errors.Join(sleep(ctx, s.Refusal), ErrOverloaded)
	}
	err := s.hang(ctx)
	if err == nil {
		err = sleep(ctx, s.work(time.Since(s.began)))
	}
	s.leave(err == nil)
	return err
}

// Tally returns what was counted so far.
func (s *Service) Tally() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tally
}

func (s *Service) onItsWay() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Jitter(s.random)
}

// arrive is for a call that comes at a time. It reports whether it was let in: then it has
// to leave.
func (s *Service) arrive(at time.Duration) (in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tally.Came++
	if !s.admits(at) {
		s.tally.Turned++
		return false
	}
	s.inside++
	return true
}

// hang waits until the end of an outage, if there is one.
func (s *Service) hang(ctx context.Context) error {
	at := time.Since(s.began)
	for _, o := range s.Outages {
		if at >= o.From && at < o.To {
			return sleep(ctx, o.To-at)
		}
	}
	return nil
}

// admits reports whether the limit and the quota let one more call in. It is called with mu held.
func (s *Service) admits(at time.Duration) bool {
	if s.Limit > 0 && s.inside >= s.Limit {
		return false
	}
	return s.Quota == nil || s.bucket.take(at, s.Quota.At(at), s.Burst)
}

// work returns how long it takes from a time on until a call is answered.
func (s *Service) work(at time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Hits > 0 && s.random.Float64() < s.Hits {
		return s.HitTime
	}
	var took time.Duration
	if s.Work != nil {
		took = s.Work(s.random)
	}
	if s.Slower != nil {
		took = time.Duration(float64(took) * s.Slower.At(at))
	}
	if s.Capacity == nil {
		return took
	}
	capacity := s.Capacity.At(at)
	excess := max(1, float64(s.inside)/capacity)
	switch s.Discipline {
	case Share:
		return time.Duration(float64(took) * excess)
	case Collapse:
		return time.Duration(float64(took) * excess * excess)
	case Gradual:
		return time.Duration(float64(took) * math.Sqrt(1+math.Pow(float64(s.inside)/capacity, 2)))
	default:
		return s.servers.serve(at, took, int(math.Round(capacity)))
	}
}

func (s *Service) leave(answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
	if answered {
		s.tally.Done++
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Done() == nil || d <= 0 {
		time.Sleep(d)
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
