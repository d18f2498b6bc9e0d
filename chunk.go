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
	first  int64   // the index in the input of the first job
	jobs   []T     //
	values []R     // what Func returned for them
	errs   []error // and its errors; nil as long as there are none
	ran    int     // how many have run, once its worker is through with it

	failed, panicked uint64 // how many of them

	// Of its only job, where Func may be called for it several times, or never.
	tries tries
	unrun bool      // the limiter did not let it run, or not again
	aside bool      // it is to wait for its next attempt
	due   time.Time // until then

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
	rest := &chunk[T, R]{first: c.first + int64(n), jobs: c.jobs[n:], next: c.next, part: true}
	c.jobs, c.next, c.part = c.jobs[:n:n], rest, true
	if n == 0 {
		rest.tries, c.tries = c.tries, tries{}
	}
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

// attempts is how often Func was called for a job of c that is through.
func (c *chunk[T, R]) attempts() int {
	if c.unrun {
		return c.tries.n
	}
	return max(1, c.tries.n)
}

// result puts the outcome of the i-th job of c into r, which is zero. Why the call ended
// early is read only for a job that did not run: it may be noted while other results are read.
//
// It does not return r: the compiler would store that word by word and then copy it in larger
// pieces, and a processor that loads at once what it has just stored in parts has to wait until
// all of them are in its cache. That took longer than all else here.
func (b *bulk[T, R]) result(r *Result[T, R], c *chunk[T, R], i int) {
	r.Job = c.jobs[i]
	if i >= c.ran {
		r.Err = b.notRun
		return
	}
	r.Value, r.Attempts = c.values[i], c.attempts()
	if c.errs != nil {
		r.Err = c.errs[i]
	}
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
			if c.aside {
				lent = w.setAside(b, c)
			} else {
				lent = w.endChunk(b, c)
			}
		}
		if w.chunk = b.turn(w, w.chunk, lent); w.chunk == nil {
			w.bulk = nil
		}
		if lent {
			w.awaitPlace()
		}
	}
}

// endChunk counts what has run of c. It reports whether the place is lent.
func (w *worker[T, R]) endChunk(b *bulk[T, R], c *chunk[T, R]) (lent bool) {
	c.ran, w.place.ran = w.place.ran, 0
	n := c.ran
	if c.unrun {
		n = 0
	}
	lent = w.place.end(n)
	w.passContexts(n)
	w.place.failed.Add(c.failed)
	w.place.panicked.Add(c.panicked)
	b.source.keep(c)
	return lent
}

// setAside puts the only job of c where it waits for its next attempt. It reports whether
// the place is lent.
func (w *worker[T, R]) setAside(b *bulk[T, R], c *chunk[T, R]) (lent bool) {
	lent = w.endTry()
	w.passContexts(1)
	w.chunk, c.aside = nil, false
	b.setAside(c)
	w.pool.waitInBacklog(&waitingJob[T, R]{due: c.due, bulk: b, chunk: c})
	b.poke() // the call may have ended meanwhile
	return lent
}

// endTry counts an attempt that another one will follow.
func (w *worker[T, R]) endTry() (lent bool) {
	w.pool.followed.Add(1) // first: Stats takes them from the attempts that have ended
	return w.place.end(1)
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
		if p.guards() {
			if w.tryInChunk(b, c, fn) {
				continue
			}
			return
		}
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
		if err != nil && w.view == nil { // else it was seen
			p.throttledBy(err)
		}
		w.inFunc = false
		if err != nil {
			w.failed(b, c, err, false)
		}
	}
}

// tryInChunk gives the next job of c an attempt where jobs may have to wait for that, and
// reports whether to go on with c. Where they may have several, a chunk has a single one.
func (w *worker[T, R]) tryInChunk(b *bulk[T, R], c *chunk[T, R], fn Func[T, R]) bool {
	p, i := w.pool, w.place.ran
	w.tries = c.tries
	err := w.permit(b.ctx)
	if b.ended() || err == nil && w.wake != nil && p.excess.Load() > 0 {
		w.tries = tries{}
		return false
	}
	if err != nil {
		w.limitedInChunk(b, c, err)
		return true
	}
	ctx := newContext(b.ctx, &w.place, &p.key)
	w.inFunc = true
	out := w.call(ctx, b.ctx, c.jobs[i], nil, fn)
	w.inFunc = false
	if out.again {
		return w.againInChunk(b, c, out)
	}
	c.values[i] = out.value
	w.endTries(c)
	if out.err != nil {
		w.failed(b, c, out.err, false)
	} else {
		w.place.ran++
	}
	return true
}

// againInChunk is again for the only job of c.
func (w *worker[T, R]) againInChunk(b *bulk[T, R], c *chunk[T, R], out outcome[R]) (here bool) {
	w.tries.err = out.err
	c.tries = w.tries
	if w.pool.backlog.reserve(w.pool.buffer) {
		c.aside, c.due, w.tries = true, time.Now().Add(out.wait), tries{}
		return false
	}
	lent := w.endTry()
	w.passContexts(1)
	if lent {
		w.awaitPlace()
	}
	w.waitHere(b.ctx, out.wait)
	w.tries = tries{}
	return true
}

// endTries notes how many attempts a job of c has had that is through.
func (w *worker[T, R]) endTries(c *chunk[T, R]) {
	if w.tries.n > 1 || c.unrun {
		w.tries.err = nil
		c.tries = w.tries
	}
	w.tries = tries{}
}

// limitedInChunk ends the only job of c, which the limiter does not let start, or not again.
func (w *worker[T, R]) limitedInChunk(b *bulk[T, R], c *chunk[T, R], err error) {
	p := w.pool
	if w.tries.n > 0 {
		err = p.abandon(b.ctx, c.jobs[w.place.ran], w.tries, nil, p.stoppedByLimiter(err)).Err
	} else {
		p.notRun.Add(1)
		err = p.notRunByLimiter(err)
	}
	c.unrun = true
	w.endTries(c)
	w.failed(b, c, err, false)
	c.failed = 0 // that is counted already, if it has to be
}

// run runs the jobs of c before the end, from where at is on, until at.look is set, or one
// has an error, which it returns with at.ran still at that job.
//
// Of jobs that do next to nothing this loop is what they cost. So it has no condition and no
// variable too many: all are loaded anew after each call, also both words of an interface,
// which ctx therefore isn't. Written this way, with an index that is stored and never read
// back, and the value of a job that failed apart, the compiler checks no bounds and loads the
// least.
func (c *chunk[T, R]) run(ctx *jobContext, fn Func[T, R], end int, at *progress) error {
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
func (c *chunk[T, R]) runWatching(ctx *jobContext, fn Func[T, R], end int, at *progress, caller context.Context) error {
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
		out := w.seeRun(ctx, c.jobs[at.ran], fn)
		c.values[at.ran] = out.value
		if out.err != nil {
			return out.err
		}
	}
	return nil
}

// concludeInChunk ends the job of c that runs, which did not return.
func (w *worker[T, R]) concludeInChunk(c *chunk[T, R], out outcome[R]) {
	w.endTries(c)
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
		paused := w.pool.gate.shut.Load() && len(c.jobs)-w.place.ran > 1
		if tooMany || paused || w.place.isLent() || b.cutsOff(c) { // lent to a goroutine that Func left behind
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
		b.fail(int(c.first)+i, err)
	}
}
