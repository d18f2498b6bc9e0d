package workerpool

import (
	"context"
	"runtime/trace"
	"time"
)

// chunk is some jobs of a bulk call, neighbours in its input, which a worker runs one
// after the other. It takes the place of what a job that comes by itself costs: a place
// in the queue, a context, an entry in each count.
type chunk[T, R any] struct {
	first  int     // the index in the input of the first job
	jobs   []T     //
	values []R     // what Func returned for them
	errs   []error // and its errors; nil as long as there are none
	ran    int     // how many have run, once its worker is through with it

	failed, panicked uint64 // how many of them

	// For its call, with the call's mutex held.
	began time.Time
	place *place // in which it runs
	at    int    // its index among those that run
	late  bool   // it takes too long: the jobs that have yet to begin are for others, and who has it won't be back soon
	done  bool
	part  bool         // others have the rest of its memory
	next  *chunk[T, R] // in a list of a stream
}

// split leaves the first n jobs in c and returns a chunk of the others, which have not begun.
func (c *chunk[T, R]) split(n int) *chunk[T, R] {
	rest := &chunk[T, R]{first: c.first + n, jobs: c.jobs[n:], next: c.next, part: true}
	c.jobs, c.next, c.part = c.jobs[:n:n], rest, true
	if c.values != nil {
		c.values, rest.values = c.values[:n:n], c.values[n:]
	}
	return rest
}

// fail notes the error of the i-th job.
func (c *chunk[T, R]) fail(i int, err error, panicked bool) {
	c.failed++
	if panicked {
		c.panicked++
	}
	if c.errs == nil {
		c.errs = make([]error, len(c.jobs))
	}
	c.errs[i] = err
}

// result is the outcome of the i-th job of c. Why the call ended early is read only for a
// job that did not run: it may be noted while other results are read.
func (b *bulk[T, R]) result(c *chunk[T, R], i int) Result[T, R] {
	if i >= c.ran {
		return Result[T, R]{Job: c.jobs[i], Err: b.notRun}
	}
	r := Result[T, R]{Job: c.jobs[i], Value: c.values[i], Attempts: 1}
	if c.errs != nil {
		r.Err = c.errs[i]
	}
	return r
}

// help is what a worker does with the ticket of a bulk call: it runs chunks until there
// are none, or it is the turn of others.
func (w *worker[T, R]) help(b *bulk[T, R]) {
	w.task = task[T, R]{} // of the job before
	if b.join() {
		w.bulk, w.helps = b, time.Now()
		w.goOn()
	}
}

// goOn runs further chunks of the call that the worker helps, if it does. If a Func has
// panicked or exited, it begins with what is left of the chunk that the worker has.
func (w *worker[T, R]) goOn() {
	for b := w.bulk; w.bulk != nil; {
		lent := false
		if c := w.chunk; c != nil {
			w.runChunk(b, c)
			c.ran, w.place.ran = w.place.ran, 0
			lent = w.place.end(c.ran)
			w.passContexts(c.ran)
			w.place.failed.Add(c.failed)
			w.place.panicked.Add(c.panicked)
			b.source.keep(c)
		}
		if w.chunk = b.turn(w, w.chunk, lent); w.chunk == nil {
			w.bulk = nil
		}
		if lent {
			w.awaitPlace()
		}
	}
}

// runChunk runs the jobs of c that have yet to run.
//
// All of them have one context: to end it after each, as for jobs that come by themselves,
// is an atomic operation, which takes longer than some jobs do.
func (w *worker[T, R]) runChunk(b *bulk[T, R], c *chunk[T, R]) {
	p, fn := w.pool, w.pool.fn
	switch {
	case trace.IsEnabled():
		fn = p.attemptTraced
	case p.jobTimeout != 0:
		fn = p.attempt
	}
	at := &w.place.progress
	ctx := newContext(b.ctx, &w.place, &p.key)
	if c.values == nil {
		c.values = make([]R, len(c.jobs))
	}
	for at.ran < len(c.jobs) && w.mayGoOn(b, c) {
		end := len(c.jobs)
		if p.alert.Load() { // the pool's context may end without a further word: mayGoOn looks at it
			end = at.ran + 1
		}
		var err error
		w.inFunc = true
		switch {
		case w.view != nil:
			err = w.runChunkSeen(b, c, ctx, fn, end)
		case b.ends:
			err = c.runWatching(ctx, fn, end, at, b.ctx)
		default:
			err = c.run(ctx, fn, end, at)
		}
		w.inFunc = false
		if err != nil {
			w.failed(b, c, err, false)
		}
	}
}

// run runs the jobs of c before the end, from where at is on, until at.look is set, or one
// has an error, which it returns with at.ran still at that job.
//
// Of jobs that do next to nothing this loop is what they cost. So it has no condition and no
// variable too many: all are loaded anew after each call. Written this way, with an index
// that is stored and never read back, and the value of a job that failed apart, the compiler
// checks no bounds and loads the least.
func (c *chunk[T, R]) run(ctx context.Context, fn Func[T, R], end int, at *progress) error {
	jobs := c.jobs[:end]
	values := c.values[:len(jobs)]
	i := uint(at.ran)
	for ; i < uint(len(jobs)); i++ {
		at.ran = int(i)
		if at.look.Load() {
			return nil
		}
		value, err := fn(ctx, jobs[i])
		if err != nil {
			values[i] = value
			return err
		}
		values[i] = value
	}
	at.ran = int(i)
	return nil
}

// runWatching is run where the caller's context may end without a word to the workers. As
// in loop, only a look at it before each start keeps the next job from starting after that.
func (c *chunk[T, R]) runWatching(ctx context.Context, fn Func[T, R], end int, at *progress, caller context.Context) error {
	jobs := c.jobs[:end]
	values := c.values[:len(jobs)]
	i := uint(at.ran)
	for ; i < uint(len(jobs)); i++ {
		at.ran = int(i)
		if caller.Err() != nil || at.look.Load() {
			return nil
		}
		value, err := fn(ctx, jobs[i])
		if err != nil {
			values[i] = value
			return err
		}
		values[i] = value
	}
	at.ran = int(i)
	return nil
}

// runChunkSeen is run where the pool is observed.
func (w *worker[T, R]) runChunkSeen(b *bulk[T, R], c *chunk[T, R], ctx context.Context, fn Func[T, R], end int) error {
	for at := &w.place.progress; at.ran < end && b.caller.Err() == nil && !at.look.Load(); at.ran++ {
		out := w.runSeen(ctx, c.jobs[at.ran], nil, fn)
		c.values[at.ran] = out.value
		if out.err != nil {
			return out.err
		}
	}
	return nil
}

// concludeInChunk ends the job of c that runs, which did not return.
func (w *worker[T, R]) concludeInChunk(c *chunk[T, R], out outcome[R]) {
	if out.err != nil {
		w.failed(w.bulk, c, out.err, out.panicked)
		return
	}
	c.values[w.place.ran] = out.value // the goroutine ended after that
	w.place.ran++
}

// mayGoOn reports whether the next job of c may start here.
func (w *worker[T, R]) mayGoOn(b *bulk[T, R], c *chunk[T, R]) bool {
	if w.place.look.Load() {
		w.place.look.Store(false)
		tooMany := w.wake != nil && w.pool.excess.Load() > 0
		if tooMany || w.place.isLent() || b.cutsOff(c) { // lent to a goroutine that Func left behind
			return false
		}
	}
	return !b.ended()
}

// failed ends the job of c that runs, because of its error.
func (w *worker[T, R]) failed(b *bulk[T, R], c *chunk[T, R], err error, panicked bool) {
	i := w.place.ran
	w.place.ran++
	c.fail(i, err, panicked)
	if b.failFast {
		b.fail(c.first+i, err)
	}
}
