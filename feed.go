package workerpool

import (
	"iter"
	"math"
	"math/bits"
	"reflect"
	"slices"
)

// feed is the goroutine of the input.
func (s *stream[T, R]) feed(jobs iter.Seq[T]) {
	p := s.bulk.pool
	err := newError(p.name, []error{ErrGoexit}, "%s: the input called runtime.Goexit", s.bulk.op)
	defer func() {
		s.bulk.mu.Lock()
		s.inputEnded, s.inputErr = true, err
		if s.bulk.over { // else the dispatcher sees to it
			s.bulk.leaveOut()
		}
		s.bulk.mu.Unlock()
		s.bulk.poke()
		s.goroutineEnds()
	}()
	caught := s.pull(jobs)
	if s.bulk.ended() { // perhaps nobody else has seen it yet, and would take the input for short
		s.bulk.stopByContext()
	}
	if err = nil; caught != nil {
		err = newError(p.name, []error{caught}, "%s: the input panicked: %v", s.bulk.op, caught.Value)
	}
}

// pull takes jobs from the input until it ends, or the call does. It returns the panic of
// the input, if it panicked.
func (s *stream[T, R]) pull(jobs iter.Seq[T]) (caught *PanicError) {
	returned := false
	defer func() {
		if !returned {
			if v := recover(); v != nil {
				caught = newPanicError(v)
			}
		}
	}()
	for job := range jobs {
		if !s.put(job) {
			break
		}
	}
	returned = true
	return nil
}

// put puts a job from the input where workers take it. It reports whether to go on.
func (s *stream[T, R]) put(job T) bool {
	s.ring[int(s.fed)&(len(s.ring)-1)] = job
	s.fed++
	s.tail.Store(s.fed)
	if s.fed > s.bell.Load() && !s.ringBell() {
		return false
	}
	return s.fed < s.limit || s.awaitRoom()
}

// ringBell tells the dispatcher of jobs for one more helper.
func (s *stream[T, R]) ringBell() bool {
	s.bulk.mu.Lock()
	defer s.bulk.mu.Unlock()
	if s.bulk.err != nil || s.bulk.ended() {
		return false
	}
	s.bell.Store(math.MaxInt64) // until it has looked
	s.bulk.poke()
	return true
}

// awaitRoom waits until there are fewer than a window of jobs between the input and the
// consumer. It reports false if the call ends.
func (s *stream[T, R]) awaitRoom() bool {
	for {
		s.full.Store(true)
		if limit := s.had.Load() + int64(s.window); s.fed < limit {
			s.full.Store(false)
			s.limit = min(limit, s.ringLimit())
			return true
		}
		select {
		case <-s.room:
		case <-s.bulk.ctx.Done():
			return false
		case <-s.bulk.pool.ctx.Done():
			return false
		}
	}
}

// ringLength returns the length of the ring at first, for jobs of type T: what many streams
// do with. Where jobs are large and few a window of them would be a waste.
func ringLength[T any](window int) int {
	const size = 16 << 10
	n := max(16, size/max(1, int(reflect.TypeFor[T]().Size())))
	return 1 << bits.Len(uint(min(n, window)-1))
}

// ringLimit returns how many jobs may be fed before the ring is full. If it is full now it
// grows first: there is never more than a window of jobs in it.
func (s *stream[T, R]) ringLimit() int64 {
	s.bulk.mu.Lock()
	defer s.bulk.mu.Unlock()
	if n := len(s.ring); int(s.fed-s.head) == n {
		ring := make([]T, 2*n)
		for i := s.head; i < s.fed; i++ {
			ring[int(i)&(2*n-1)] = s.ring[int(i)&(n-1)]
		}
		s.ring = ring
	}
	return s.head + int64(len(s.ring))
}

// ready and the other methods of a source follow.
func (s *stream[T, R]) ready() (n int, ended bool) { return int(s.tail.Load() - s.head), s.inputEnded }

func (s *stream[T, R]) cut(n int) *chunk[T, R] {
	c := s.newChunk(n)
	c.first = s.head
	at := int(s.head) & (len(s.ring) - 1)
	m := copy(c.jobs, s.ring[at:])
	clear(s.ring[at : at+m])
	copy(c.jobs[m:], s.ring)
	clear(s.ring[:n-m])
	s.head += int64(n)
	if s.ordered {
		s.push(c)
	}
	return c
}

func (s *stream[T, R]) newChunk(n int) *chunk[T, R] {
	if len(s.spare) == 0 {
		return &chunk[T, R]{jobs: make([]T, n), values: make([]R, n)}
	}
	c := s.spare[len(s.spare)-1]
	s.spare = s.spare[:len(s.spare)-1]
	*c = chunk[T, R]{jobs: slices.Grow(c.jobs[:0], n)[:n], values: slices.Grow(c.values[:0], n)[:n]}
	return c
}

func (s *stream[T, R]) push(c *chunk[T, R]) {
	c.next = nil
	if s.first == nil {
		s.first, s.last = c, c
		return
	}
	for s.last.next != nil { // it was split
		s.last = s.last.next
	}
	s.last.next = c
	s.last = c
}

func (s *stream[T, R]) keep(*chunk[T, R]) {}

func (s *stream[T, R]) finish(c *chunk[T, R]) {
	if !s.ordered {
		s.push(c)
	}
	s.tell()
}

func (s *stream[T, R]) leaveOut(c *chunk[T, R]) {
	if !s.ordered {
		s.push(c)
	}
	s.tell()
}

func (s *stream[T, R]) announce(expected int) {
	bell := int64(math.MaxInt64)
	if int64(expected) < math.MaxInt64-s.head {
		bell = s.head + int64(expected)
	}
	s.bell.Store(bell)
}
