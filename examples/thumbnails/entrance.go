package main

import "sync"

// entrance counts the requests in flight, and lets no more in once it is closed.
type entrance struct {
	mu     sync.Mutex
	closed bool
	inside int
	empty  chan struct{} // closed when nobody is inside and nobody comes any more
}

func newEntrance() *entrance { return &entrance{empty: make(chan struct{})} }

// enter reports whether a request may come in. Then it has to leave.
func (e *entrance) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.inside++
	}
	return !e.closed
}

func (e *entrance) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inside--
	e.look()
}

// close closes it, once.
func (e *entrance) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.look()
}

func (e *entrance) look() {
	if e.closed && e.inside == 0 {
		close(e.empty)
	}
}

func (e *entrance) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}
