package workerpool

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
)

// Stream runs the jobs that come from an input on the pool, and returns a sequence of
// their results in the order of the input. Results come while the input goes on:
//
//	results, errf := pool.Stream(ctx, jobs)
//	for r := range results {
//		fmt.Println(r.Job, r.Value, r.Err)
//	}
//	if err := errf(); err != nil {
//		return err // the input was not read to its end
//	}
//
// Nothing happens before the range begins. Then the input is read ahead, whether or not
// workers are free, by as much as a window of 16 x (Workers + Buffer) jobs before the
// results that the range has had, with the Workers that there are when it begins: by 2,112
// with 4 workers and the default buffer, by 64 with WithBuffer(0). So a stream may be
// endless, and takes memory for a window of jobs and values. It goes on after the errors of
// jobs, which are in their results.
//
// The range ends when the input has, and every job taken from it has had its result; or
// after a break, whenever it likes. It ends early too when ctx or the pool's context ends:
// then the results of all jobs that were taken come first, those of jobs that did not run
// with an Err that wraps [ErrNotRun] and the cause. When the range has ended, however it
// has, nothing of the stream is left: it waits for the jobs that run, whose context ends,
// and for the input to return from what it is doing, which nobody can interrupt. An input
// that waits for something, such as a channel, has to wait for ctx too, and who leaves the
// range then has to cancel ctx first.
//
// errf says, after the range, why the stream may have ended before its input: the error and
// cause of the context that ended before the last result was there, [ErrClosed], or the panic
// of the input, as a [*PanicError], or [ErrGoexit] if it called runtime.Goexit; or that ctx or
// jobs was nil. Else it is nil, and so it is if the range was left. An input that has an error
// of its own keeps it: everything that the input did happens before the range ends.
//
// jobs runs on a goroutine of the stream, so it must not be used elsewhere meanwhile. (In a
// job it works beside the body of the range, as any goroutine that a Func starts: G2.) The
// jobs run under ctx, values included, and are cancelled with the pool's context too. A
// stream that has begun before Close is finished whole, and Wait and Shutdown wait for it,
// so don't call them in the body of the range. Each range over the results is a stream of
// its own, over whatever jobs yields then.
//
// What else the pool has to do goes on meanwhile, by turns; see "Many jobs at once" in the
// documentation of the package, also for what jobs must not do. In a job, with the job's
// context, the job's place is lent while the range waits for a result.
func (p *Pool[T, R]) Stream(ctx context.Context, jobs iter.Seq[T]) (results iter.Seq[Result[T, R]], errf func() error) {
	return ranges(func(yield func(Result[T, R]) bool) error { return p.stream(ctx, "Stream", jobs, yield) })
}

// StreamUnordered is [Pool.Stream] with the results in the order in which the jobs end, so
// that none waits for a job before it that takes longer. (Short jobs run several in a row,
// and their results come together: those that share a chunk with a long one wait for it. See
// "Many jobs at once".)
func (p *Pool[T, R]) StreamUnordered(ctx context.Context, jobs iter.Seq[T]) (results iter.Seq[Result[T, R]], errf func() error) {
	return ranges(func(yield func(Result[T, R]) bool) error { return p.stream(ctx, "StreamUnordered", jobs, yield) })
}

// Stream is [Pool.Stream] on a pool of its own, which is made with opts when the range
// begins, and is gone when it ends. errf may return an error of [New] too. WithContext is not an
// option here: it is ctx that the jobs run under.
func Stream[T, R any](ctx context.Context, jobs iter.Seq[T], fn Func[T, R], opts ...Option) (results iter.Seq[Result[T, R]], errf func() error) {
	return ownStream(ctx, "Stream", jobs, fn, opts)
}

// StreamUnordered is [Stream] with the results in the order in which the jobs end.
func StreamUnordered[T, R any](ctx context.Context, jobs iter.Seq[T], fn Func[T, R], opts ...Option) (results iter.Seq[Result[T, R]], errf func() error) {
	return ownStream(ctx, "StreamUnordered", jobs, fn, opts)
}

func ownStream[T, R any](ctx context.Context, op string, jobs iter.Seq[T], fn Func[T, R], opts []Option) (iter.Seq[Result[T, R]], func() error) {
	return ranges(func(yield func(Result[T, R]) bool) error {
		p, err := newOwn(ctx, op, maxWorkers, fn, opts)
		if err != nil {
			if jobs == nil {
				err = errors.Join(noInput(newConfig(opts).name, op), err)
			}
			return err
		}
		defer p.end()
		return p.stream(ctx, op, jobs, yield)
	})
}

// ranges makes of a function that yields results and returns an error the two that a
// stream is.
func ranges[V any](run func(yield func(V) bool) error) (iter.Seq[V], func() error) {
	var mu sync.Mutex
	var last error
	set := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		last = err
	}
	results := func(yield func(V) bool) {
		set(nil) // for a consumer that panics or exits
		set(run(yield))
	}
	err := func() error {
		mu.Lock()
		defer mu.Unlock()
		return last
	}
	return results, err
}

// stream is a bulk call whose jobs come one by one, and whose results go as they are
// ready: where its jobs come from, and where its results go.
//
// Three goroutines have to do with it beside the workers. The feeder runs the input and
// puts jobs into a ring, from which the workers cut chunks. The consumer, on the caller's
// goroutine, takes chunks that have run. And there is the dispatcher.
type stream[T, R any] struct {
	bulk    *bulk[T, R]
	ordered bool
	window  int // how many jobs are taken from the input that the consumer has not had

	// The feeder's.
	ring  []T   // its length is a power of two; replaced with the mutex of the call held
	fed   int64 // how many jobs it has put there: more than an int holds, where that has 32 bits
	limit int64 // how many it may without a look
	_     cacheLine
	// What both sides look at.
	tail atomic.Int64  // fed, for those who cut
	bell atomic.Int64  // when fed is more, the dispatcher wants to know
	room chan struct{} // something comes on it when the consumer has had results
	_    cacheLine
	had  atomic.Int64 // how many results the consumer has had
	full atomic.Bool  // the feeder waits for room
	_    cacheLine

	// With the mutex of the call held.
	head        int64        // how many jobs are cut
	first, last *chunk[T, R] // in the order of the input, those that run and those that ran; or, not ordered, those that ran
	spare       []*chunk[T, R]
	inputEnded  bool
	inputErr    error
	goroutines  int // feeder and dispatcher
	waiting     bool
	news        chan struct{} // something comes on it when the consumer need not wait any more

	// The consumer's.
	nested   bool         // he is a job of the pool
	current  *chunk[T, R] // whose results he gets
	yielded  int          // how many of them he had
	complete bool         // he had all results
}

func noInput(name, op string) error { return newError(name, nil, "%s: jobs must not be nil", op) }

// stream carries out a whole stream, and returns why it ended early, if it did and the
// consumer does not know that himself.
func (p *Pool[T, R]) stream(ctx context.Context, op string, jobs iter.Seq[T], yield func(Result[T, R]) bool) error {
	if jobs == nil {
		return noInput(p.name, op)
	}
	b, err := p.newBulk(ctx, op)
	if err != nil {
		return err
	}
	return p.newStream(b, op).run(jobs, yield)
}

func (p *Pool[T, R]) newStream(b *bulk[T, R], op string) *stream[T, R] {
	s := &stream[T, R]{bulk: b, ordered: op == "Stream", goroutines: 2, nested: b.outer != nil}
	s.window = 16 * (p.places() + p.buffer)
	s.ring = make([]T, ringLength[T](s.window))
	s.limit = int64(min(s.window, len(s.ring)))
	s.room, s.news = make(chan struct{}, 1), make(chan struct{}, 1)
	b.longest = max(1, min(b.longest, s.window/4))
	b.source = s
	return s
}

func (s *stream[T, R]) run(jobs iter.Seq[T], yield func(Result[T, R]) bool) error {
	go s.feed(jobs)
	go func() {
		s.bulk.dispatch()
		s.goroutineEnds()
	}()
	defer s.leave()
	return s.consume(yield)
}

func (s *stream[T, R]) waits() bool { return s.waiting && !s.has() }
func (s *stream[T, R]) placeBack()  { s.tell() }

// has reports whether there are results for the consumer.
func (s *stream[T, R]) has() bool { return s.first != nil && s.first.done }

// tell wakes the consumer if he need not wait any more. He does as long as the place of
// his job is lent.
func (s *stream[T, R]) tell() {
	if s.waiting && !s.bulk.lent && (s.has() || s.goroutines == 0) {
		s.waiting = false
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
}

func (s *stream[T, R]) goroutineEnds() {
	s.bulk.mu.Lock()
	defer s.bulk.mu.Unlock()
	s.goroutines--
	s.tell()
}

// consume yields results until there are no more, and returns why there are not.
//
// A chunk is emptied when the consumer has had all of it, and not job by job: its memory
// was just written by another processor, and to write it too takes longer than to read it.
func (s *stream[T, R]) consume(yield func(Result[T, R]) bool) error {
	for c := s.receive(); c != nil; c = s.receive() {
		s.current, s.yielded = c, 0
		if n := len(c.jobs); n == 1 {
			var r Result[T, R]
			s.bulk.result(&r, c, 0)
			s.free(c)
			if !yield(r) {
				return nil
			}
			continue
		}
		for i := range c.jobs {
			s.yielded = i + 1
			var r Result[T, R]
			if s.bulk.result(&r, c, i); !yield(r) {
				return nil
			}
		}
		s.free(c)
	}
	s.complete = true
	switch {
	case s.bulk.err == nil:
		return s.inputErr
	case s.inputErr == nil:
		return s.bulk.err
	}
	return errors.Join(s.bulk.err, s.inputErr)
}

// receive returns the next chunk for the consumer, or nil when there is none any more.
func (s *stream[T, R]) receive() *chunk[T, R] {
	for {
		c, over := s.pop()
		if c != nil || over {
			return c
		}
		if s.nested {
			s.bulk.poke() // his place may be lent now
		}
		<-s.news
	}
}

func (s *stream[T, R]) pop() (c *chunk[T, R], over bool) {
	s.bulk.mu.Lock()
	defer s.bulk.mu.Unlock()
	if s.has() {
		c = s.first
		if s.first = c.next; s.last == c {
			s.last = c.next // nil, or what was split off
		}
		return c, false
	}
	s.waiting = s.goroutines > 0
	return nil, !s.waiting
}

// free is for a chunk whose results the consumer has had. It is used again, but not its parts,
// if it was split: there are more of them than chunks are cut.
func (s *stream[T, R]) free(c *chunk[T, R]) {
	n := len(c.jobs)
	s.current = nil
	clear(c.jobs)
	clear(c.values)
	c.errs, c.next = nil, nil
	if !c.part {
		s.bulk.mu.Lock()
		s.spare = append(s.spare, c)
		s.bulk.mu.Unlock()
	}
	s.had.Add(int64(n))
	if s.full.Load() {
		s.full.Store(false)
		select {
		case s.room <- struct{}{}:
		default:
		}
	}
}

// leave ends the call, if it has not ended yet, because the consumer has left, and waits
// until nothing of it is left.
func (s *stream[T, R]) leave() {
	b := s.bulk
	defer b.forget()
	if s.complete {
		return
	}
	b.stop(newError(b.pool.name, nil, "%s: the range was left", b.op), nil)
	for s.awaits() {
		<-s.news
	}
	s.logUnread()
}

// awaits reports whether the consumer has to wait for goroutines.
func (s *stream[T, R]) awaits() bool {
	s.bulk.mu.Lock()
	defer s.bulk.mu.Unlock()
	s.waiting = s.goroutines > 0
	return s.waiting
}

// logUnread logs the panics among the results that the consumer has left behind.
func (s *stream[T, R]) logUnread() {
	if c := s.current; c != nil {
		c.next, s.first = s.first, c
	}
	from := s.yielded
	for c := s.first; c != nil; c = c.next {
		for i := from; i < c.ran && c.errs != nil; i++ {
			s.bulk.pool.logLost(c.errs[i])
		}
		from = 0
	}
	var caught *PanicError
	if errors.As(s.inputErr, &caught) {
		logPanic(s.bulk.pool.name, "the input of a stream", caught)
	}
}
