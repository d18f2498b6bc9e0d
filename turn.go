package workerpool

import (
	"math"
	"slices"
	"time"
)

// join reports whether the worker that has received a ticket is still needed.
func (b *bulk[T, R]) join() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.inside++
	return true
}

// drop gives up a ticket that nobody will use, because the pool was cancelled.
func (b *bulk[T, R]) drop() {
	b.mu.Lock()
	b.helpers--
	b.mu.Unlock()
	b.poke()
}

// turn ends c, if there is one, and returns the next chunk for w, or nil when w has to
// leave the call: also if its place is lent, as it must not keep jobs while it waits.
func (b *bulk[T, R]) turn(w *worker[T, R], c *chunk[T, R], lent bool) (next *chunk[T, R]) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if c != nil {
		b.finish(c, now)
	}
	if !lent {
		next = b.take(w, now)
	}
	if next == nil {
		b.inside--
		b.helpers--
	}
	b.noteShort()
	watch := !b.watched && b.mustWatch()
	b.watched = b.watched || watch
	if b.wants() || watch || len(b.running) == 0 || b.couldLend() {
		b.poke()
	}
	return next
}

// runsNoMore takes c out of the chunks that run.
func (b *bulk[T, R]) runsNoMore(c *chunk[T, R]) {
	last := len(b.running) - 1
	b.running[c.at] = b.running[last]
	b.running[c.at].at = c.at
	b.running[last] = nil
	b.running = b.running[:last]
	b.countChunk(c, -1)
	c.place = nil
}

// setAside is for c, whose only job waits for its next attempt.
func (b *bulk[T, R]) setAside(c *chunk[T, R]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runsNoMore(c)
	c.late = false
	b.aside++
}

// putBack is for c, when that may start.
func (b *bulk[T, R]) putBack(c *chunk[T, R]) {
	b.mu.Lock()
	b.aside--
	b.rests = append(b.rests, c)
	b.mu.Unlock()
	b.poke()
}

func (b *bulk[T, R]) finish(c *chunk[T, R], now time.Time) {
	b.runsNoMore(c)
	b.adapt(c.ran, now.Sub(c.began))
	if c.ran < len(c.jobs) {
		b.rests = append(b.rests, c.split(c.ran))
	}
	c.done = true
	b.source.finish(c)
}

// adapt sets the length of chunks by what the last one took.
func (b *bulk[T, R]) adapt(ran int, took time.Duration) {
	switch {
	case took < chunkTime && ran >= b.length:
		b.length = min(2*b.length, b.longest)
	case took > 4*chunkTime:
		b.length = max(1, min(b.length, int(int64(ran)*int64(chunkTime)/int64(took))))
	}
}

// take returns the next chunk for w, or nil.
func (b *bulk[T, R]) take(w *worker[T, R], now time.Time) *chunk[T, R] {
	if b.over || b.err != nil || b.ended() || b.leaves(w, now) {
		return nil
	}
	c := b.cut(b.part())
	if c == nil {
		b.share()
		return nil
	}
	c.began, c.place, c.at = now, &w.place, len(b.running)
	b.running = append(b.running, c)
	b.countChunk(c, 1)
	return c
}

// share is for a worker that finds nothing to do: where no more will come, what has yet to
// begin of the chunks that run is for all.
func (b *bulk[T, R]) share() {
	if _, more := b.ready(); more || b.long == 0 {
		return
	}
	for _, c := range b.running {
		b.cutShort(c)
	}
}

// leaves reports whether w has to leave the call though there may be more to do.
func (b *bulk[T, R]) leaves(w *worker[T, R], now time.Time) bool {
	p := b.pool
	if w.wake == nil { // it has the place of the job that calls
		return !b.source.waits()
	}
	return p.excess.Load() > 0 || now.Sub(w.helps) > chunkTime && p.othersWait(b.helpers-b.inside)
}

// othersWait reports whether anything waits for a worker beside as many tickets of one's
// own.
func (p *Pool[T, R]) othersWait(own int) bool {
	return len(p.jobs)+int(p.waiting.Load()+p.tickets.Load()) > own
}

// part is how many jobs the next chunk has at most. When no more will come it is a part of
// what there is, so that all are through at about the same time: guided self-scheduling, of
// Polychronopoulos and Kuck (1987).
func (b *bulk[T, R]) part() int {
	if b.pool.gate.shut.Load() {
		return 1
	}
	n, more := b.ready()
	if more {
		return b.length
	}
	return max(1, min(b.length, n/(b.inside+1)))
}

// cut returns the next jobs, first those that were cut off, at most so many, or nil if
// there are none.
func (b *bulk[T, R]) cut(most int) *chunk[T, R] {
	if len(b.rests) == 0 {
		n, _ := b.source.ready()
		if n = min(n, most); n == 0 {
			return nil
		}
		b.pool.taken.Add(uint64(n))
		return b.source.cut(n)
	}
	first := 0
	for i, c := range b.rests {
		if c.first < b.rests[first].first {
			first = i
		}
	}
	c := b.rests[first]
	if len(c.jobs) > most {
		b.rests[first] = c.split(most)
	} else {
		b.rests = slices.Delete(b.rests, first, first+1)
	}
	return c
}

// ready returns how many jobs there are for helpers, and whether more may come.
func (b *bulk[T, R]) ready() (n int, more bool) {
	n, ended := b.source.ready()
	for _, c := range b.rests {
		n += len(c.jobs)
	}
	return n, !ended
}

// wants reports whether there is something to do for one more helper.
//
// Those that have received their ticket come back for the next chunk: soon, where chunks
// are of several jobs, since such a chunk does not take long. So what they will take does
// not need another helper. Where it does take long, watch says so.
func (b *bulk[T, R]) wants() bool {
	if b.err != nil || b.over {
		return false
	}
	expected := (b.helpers - b.inside) * b.length
	if b.length > 1 {
		expected = (b.helpers - b.late) * b.length
	}
	if b.helpers >= b.pool.places() {
		expected = math.MaxInt
	}
	from := expected
	if b.mayLend() {
		from = 0 // any job is one to lend the place for: helpers may never receive their tickets
	}
	b.source.announce(from) // before ready: a job that comes in between is seen by one of the two
	n, _ := b.ready()
	return n > expected
}

// noteShort counts the call, for Stats, as long as it has jobs and every worker helps it.
func (b *bulk[T, R]) noteShort() {
	short := false
	if b.err == nil && !b.over {
		n, _ := b.ready()
		short = n > 0 && b.helpers >= b.pool.places()
	}
	if short == b.short {
		return
	}
	if b.short = short; short {
		b.pool.short.Add(1)
	} else {
		b.pool.short.Add(-1)
	}
}

// mayLend reports whether the place of the job that calls may be lent.
func (b *bulk[T, R]) mayLend() bool {
	return b.outer != nil && !b.lent && !b.over && b.err == nil && b.source.waits()
}

// couldLend reports whether there are jobs to lend it for.
func (b *bulk[T, R]) couldLend() bool {
	if !b.mayLend() {
		return false
	}
	n, _ := b.ready()
	return n > 0
}

// leaveOut gives up the jobs that will not run. It is called with mu held.
func (b *bulk[T, R]) leaveOut() {
	for c := b.cut(math.MaxInt); c != nil; c = b.cut(math.MaxInt) {
		b.pool.notRun.Add(uint64(len(c.jobs)))
		c.done = true
		b.source.leaveOut(c)
	}
}
