package workerpool

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// backlog is the jobs that wait for their next attempt without a worker. There are at most
// as many as places in the queue, with those that have one there again; a job that finds no
// room waits in the place of its worker.
//
// A goroutine sends them on when they are due, those of Submit and Do through the queue like
// any job and those of a bulk call back to their call. It exists only while there are any. As
// long as there are, their entries in the ledger keep the jobs channel open; and a worker that
// starts it is counted itself, so that the pool's WaitGroup does not grow from zero.
//
// Rejected: a timer for each job. Those that are due while the queue is full would each need
// a goroutine to wait for a place.
type backlog[T, R any] struct {
	size    atomic.Int64 // with those that are about to be put here, and those that are back in the queue
	queued  atomic.Int64 // those that are back in the queue, or about to be
	inPlace atomic.Int64 // jobs that wait in the places of their workers

	mu      sync.Mutex
	waiting waitingHeap[T, R]
	runs    bool // the goroutine
	wake    chan struct{}
}

// waitingJob is a job of the backlog.
type waitingJob[T, R any] struct {
	due   time.Time
	seq   uint64      // of two that are due at once the first goes first
	call  *call[T, R] // of Submit and Do
	bulk  *bulk[T, R] // or else this call's,
	chunk *chunk[T, R]
}

type waitingHeap[T, R any] struct {
	jobs []*waitingJob[T, R]
	seq  uint64
}

func (h *waitingHeap[T, R]) Len() int { return len(h.jobs) }
func (h *waitingHeap[T, R]) Less(i, k int) bool {
	a, b := h.jobs[i], h.jobs[k]
	return a.due.Before(b.due) || a.due.Equal(b.due) && a.seq < b.seq
}
func (h *waitingHeap[T, R]) Swap(i, k int) { h.jobs[i], h.jobs[k] = h.jobs[k], h.jobs[i] }
func (h *waitingHeap[T, R]) Push(x any)    { h.jobs = append(h.jobs, x.(*waitingJob[T, R])) }
func (h *waitingHeap[T, R]) Pop() any {
	last := len(h.jobs) - 1
	x := h.jobs[last]
	h.jobs[last] = nil
	h.jobs = h.jobs[:last]
	return x
}

// reserve reports whether there is room for one more job, which has to be added then.
func (l *backlog[T, R]) reserve(most int) bool {
	if l.size.Add(1) > int64(most) {
		l.size.Add(-1)
		return false
	}
	return true
}

// waitInBacklog puts j where there was room. The caller is a worker.
func (p *Pool[T, R]) waitInBacklog(j *waitingJob[T, R]) {
	l := &p.backlog
	l.mu.Lock()
	defer l.mu.Unlock()
	if j.call != nil && j.call.state.Load() == callLeft { // dropWaiting may have looked before
		j.due = time.Time{}
	}
	j.seq = l.waiting.seq
	l.waiting.seq++
	heap.Push(&l.waiting, j)
	if !l.runs {
		l.runs = true
		p.running.Add(1)
		go p.sendDue()
		return
	}
	l.poke()
}

// poke is called with mu held.
func (l *backlog[T, R]) poke() {
	select {
	case l.wake <- struct{}{}:
	default: // it has yet to look
	}
}

// takeDue takes out what is due, or all of it, and reports when the next one is. If there
// are none any more and idle says that there is nothing else to do, the goroutine is over.
func (l *backlog[T, R]) takeDue(all, idle bool) (due []*waitingJob[T, R], next time.Time, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for l.waiting.Len() > 0 && (all || !l.waiting.jobs[0].due.After(now)) {
		due = append(due, heap.Pop(&l.waiting).(*waitingJob[T, R]))
	}
	if l.waiting.Len() > 0 {
		return due, l.waiting.jobs[0].due, false
	}
	l.runs = len(due) > 0 || !idle
	return due, next, !l.runs
}

// sendDue is the goroutine. One job that finds no place in the queue holds up those behind it
// that want one too, but not those of bulk calls: what every worker waits for may be among them.
func (p *Pool[T, R]) sendDue() {
	defer p.running.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	cancelled := p.ctx.Done()
	var calls []*call[T, R] // that are due
	for {
		due, next, over := p.backlog.takeDue(p.ctx.Err() != nil, len(calls) == 0)
		if over {
			return
		}
		for _, j := range due {
			if j.bulk != nil {
				p.backlog.size.Add(-1)
				j.bulk.putBack(j.chunk)
				continue
			}
			p.backlog.queued.Add(1)
			calls = append(calls, j.call)
		}
		var jobs chan<- task[T, R] // nil, on which nothing is ever sent, while nothing is due
		var first task[T, R]
		if len(calls) > 0 {
			jobs, first = p.jobs, task[T, R]{call: calls[0]}
			p.tickets.Add(1) // workers that help a bulk call look at that
		} else if next.IsZero() {
			continue // bulk calls have got all there was
		}
		var tick <-chan time.Time
		if !next.IsZero() {
			timer.Reset(time.Until(next))
			tick = timer.C
		}
		select {
		case jobs <- first:
			calls[0] = nil
			calls = calls[1:]
		case <-tick:
		case <-p.backlog.wake:
		case <-cancelled:
			cancelled = nil
		}
		if jobs != nil {
			p.tickets.Add(-1)
		}
	}
}

// dropWaiting makes the job of c due now, if it waits here: its caller has left.
func (l *backlog[T, R]) dropWaiting(c *call[T, R]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, j := range l.waiting.jobs {
		if j.call == c {
			j.due = time.Time{}
			heap.Fix(&l.waiting, i)
			l.poke()
			return
		}
	}
}

// release takes out the jobs of a bulk call, which has ended early.
func (l *backlog[T, R]) release(b *bulk[T, R]) (chunks []*chunk[T, R]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.waiting.jobs[:0]
	for _, j := range l.waiting.jobs {
		if j.bulk == b {
			chunks = append(chunks, j.chunk)
		} else {
			kept = append(kept, j)
		}
	}
	if len(chunks) == 0 {
		return nil
	}
	clear(l.waiting.jobs[len(kept):])
	l.waiting.jobs = kept
	heap.Init(&l.waiting)
	l.size.Add(-int64(len(chunks)))
	l.poke()
	return chunks
}

// takeBack returns the attempts that the job of c has had, when that has come through the queue.
func (l *backlog[T, R]) takeBack(c *call[T, R]) tries {
	l.queued.Add(-1)
	l.size.Add(-1)
	return c.tries // and leaves them there: a caller who leaves may read them
}

// waitingRetries returns how many jobs wait for their next attempt.
func (l *backlog[T, R]) waitingRetries() int { return int(l.size.Load() + l.inPlace.Load()) }
