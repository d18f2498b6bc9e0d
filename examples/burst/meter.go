package main

import (
	"fmt"
	"sync"
)

// counts is what one side has seen of the requests.
type counts struct {
	total    int // requests
	rejected int // those of them that were answered with 429
	most     int // requests at once
}

// String is for the progress.
func (c counts) String() string {
	return fmt.Sprintf("%d sent, %d rejected", c.total, c.rejected)
}

// meter counts requests, in the API or in the client. The zero meter is ready for
// use.
type meter struct {
	mu     sync.Mutex
	counts counts
	now    int // requests that have entered and not left
}

func (m *meter) enter() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now++
	m.counts.total++
	m.counts.most = max(m.counts.most, m.now)
}

func (m *meter) reject() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.rejected++
}

func (m *meter) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now--
}

func (m *meter) read() counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}
