package workerpool

import (
	"context"
	"iter"
	"time"
)

// AddTo counts d in h.
func AddTo(h *Histogram, d time.Duration) { h.add(d) }

// HoldOneMore gives p a worker more than it may have, which waits in hold: as one does that had
// just looked when the pool shrank, and then got a ticket of a call that was over.
func HoldOneMore[T, R any](p *Pool[T, R]) {
	p.mu.Lock()
	w := newWorker(p)
	p.workers[w] = struct{}{}
	p.live.Add(1)
	p.running.Add(1)
	p.countExcess()
	p.mu.Unlock()
	go func() {
		p.hold(w)
		p.leave(w)
	}()
}

// StreamFrom is a Stream, or unordered, that has had n results already.
func StreamFrom[T, R any](p *Pool[T, R], op string, n int64, jobs iter.Seq[T], yield func(Result[T, R]) bool) error {
	b, err := p.newBulk(context.Background(), op)
	if err != nil {
		return err
	}
	s := p.newStream(b, op)
	s.fed, s.head = n, n
	s.limit += n
	s.tail.Store(n)
	s.had.Store(n)
	return s.run(jobs, yield)
}
