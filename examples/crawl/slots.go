package main

import (
	"context"
	"sync"
)

// slots lets only so many in at once, and knows how many there were at most.
type slots struct {
	taken chan struct{} // one element for each that is in

	mu     sync.Mutex
	most   int
	missed int // how often tryEnter found none
}

func newSlots(n int) *slots { return &slots{taken: make(chan struct{}, n)} }

// enter waits for a slot, or until ctx ends, and returns why then.
func (s *slots) enter(ctx context.Context) error {
	select {
	case s.taken <- struct{}{}:
		s.count()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tryEnter takes a slot if there is one.
func (s *slots) tryEnter() bool {
	select {
	case s.taken <- struct{}{}:
		s.count()
		return true
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.missed++
		return false
	}
}

func (s *slots) leave() { <-s.taken }

// count is called by everyone who has entered, so that no maximum goes by unseen.
func (s *slots) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, len(s.taken))
}

func (s *slots) counts() (most, missed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most, s.missed
}
