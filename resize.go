package workerpool

import (
	"maps"
	"slices"
)

// Resize sets how many workers the pool has: from 1 to 1<<20. It does not block.
//
// More workers start at once. Of fewer, those without a job leave at once, the
// others as their jobs end; until then no job from the queue starts. The error says
// what is wrong with a number out of bounds; after Close, or when the pool was
// cancelled, it wraps [ErrClosed].
func (p *Pool[T, R]) Resize(workers int) error {
	switch {
	case workers < 1:
		return newError(p.name, nil, "Resize(%d): must be at least 1", workers)
	case workers > maxWorkers:
		return newError(p.name, nil, "Resize(%d): must be at most %d", workers, maxWorkers)
	case !p.accepting():
		return p.closedError("Resize")
	}
	from, ok := p.setSize(workers)
	if !ok {
		return p.closedError("Resize")
	}
	p.wakeWorkers()
	p.wakeCalls()
	if p.observer != nil && from != workers {
		p.observer.resized(from, workers)
	}
	return nil
}

// setSize reports whether it did: a pool that is ending starts no workers.
func (p *Pool[T, R]) setSize(size int) (from int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return 0, false
	}
	from, p.size = p.size, size
	for p.live.Load() < int64(size) {
		p.startWorker()
	}
	p.countExcess()
	p.alarm()
	return from, true
}

// alarm makes all workers look around before they start a further job of a chunk. It is
// called with mu held.
func (p *Pool[T, R]) alarm() {
	for w := range p.workers {
		w.place.look.Store(true)
	}
}

// startWorker is called with mu held.
//
// The WaitGroup must not grow once it may have been zero. It can't have been: the
// first worker that leaves because the pool ends sets over, under the same mutex,
// before it is done; and one that leaves because the pool shrank is never the last.
func (p *Pool[T, R]) startWorker() {
	w := newWorker(p)
	w.wake = make(chan struct{}, 1)
	w.idle()
	p.workers[w] = struct{}{}
	p.live.Add(1)
	p.running.Add(1)
	go w.work()
}

// countExcess is called with mu held whenever size, live or stopped has changed, or the gate.
func (p *Pool[T, R]) countExcess() {
	excess := max(0, p.live.Load()-int64(p.size))
	p.excess.Store(excess)
	p.alert.Store(p.bound || p.stopped || excess > 0 || p.gate.shut.Load())
}

// wakeWorkers makes the workers that have no job look around.
func (p *Pool[T, R]) wakeWorkers() {
	p.mu.Lock()
	workers := make([]*worker[T, R], 0, len(p.workers))
	for w := range p.workers {
		workers = append(workers, w)
	}
	p.room.Broadcast()
	p.mu.Unlock()
	for _, w := range workers {
		select {
		case w.wake <- struct{}{}:
		default: // it has yet to look
		}
	}
}

// wakeCalls makes bulk calls look around: there may be more workers to be had.
func (p *Pool[T, R]) wakeCalls() {
	p.mu.Lock()
	calls := slices.Collect(maps.Keys(p.calls))
	p.mu.Unlock()
	for _, b := range calls {
		b.poke()
	}
}

// resign reports whether w is one worker too many and leaves.
func (p *Pool[T, R]) resign(w *worker[T, R]) bool {
	if p.excess.Load() == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live.Load() <= int64(p.size) {
		return false
	}
	w.resigned = true
	p.dismiss(w)
	return true
}

// dismiss is called with mu held, and w is a worker no more: those who hold may go on, also in a
// pool that ends.
func (p *Pool[T, R]) dismiss(w *worker[T, R]) {
	p.live.Add(-1)
	if w.parked {
		p.ledger.idle.Add(-1)
	}
	p.countExcess()
	p.room.Broadcast()
}

// hold makes a worker that has taken a job wait until there is room for it to run
// within the size of the pool, and reports whether it may run: not after the
// cancellation. A worker looks before it takes a job and again when it has; only
// one that had just looked when the pool shrank has to wait here.
//
// Those in hold don't count as workers, and neither do those that are held back: of two
// that hold while one may run, the second goes on, and resigns afterwards, whereupon the
// first goes on.
func (p *Pool[T, R]) hold(w *worker[T, R]) bool {
	w.chooseWay()
	if p.ctx.Err() != nil || p.excess.Load() == 0 {
		return p.ctx.Err() == nil
	}
	w.task = task[T, R]{} // of the job before
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger.idle.Add(1)
	p.held++
	for p.live.Load()-int64(p.held)-p.heldOwn.Load() >= int64(p.size) && p.ctx.Err() == nil {
		p.room.Wait()
	}
	p.held--
	p.ledger.idle.Add(-1)
	return p.ctx.Err() == nil
}

// leave is the last thing that a worker does.
func (p *Pool[T, R]) leave(w *worker[T, R]) {
	p.mu.Lock()
	if !w.resigned {
		p.over = true
		p.dismiss(w)
	}
	delete(p.workers, w)
	p.past.add(&w.place)
	p.mu.Unlock()
	p.running.Done()
}
