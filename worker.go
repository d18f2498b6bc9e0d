package workerpool

import (
	"context"
	"runtime/trace"
	"time"
)

// task is a job in the queue. A job of the pool's own Results is here itself; one
// that belongs to a call is with that call, which may take it back.
type task[T, R any] struct {
	job  T
	call *call[T, R] // nil: the result goes to Results
}

// forResults reports whether the result of t goes to Results.
func (t task[T, R]) forResults() bool { return t.call == nil || t.call.forResults }

// notRun is what the error of a caller wraps who gives up before t is in the queue. That
// of Do has to say whether its job may have run; a Submit that fails never accepted it.
func (t task[T, R]) notRun() []error {
	if t.forResults() {
		return nil
	}
	return []error{ErrNotRun}
}

// context is what the job of t is to run under.
func (t task[T, R]) context(pool context.Context) context.Context {
	if t.call != nil {
		return t.call.ctx
	}
	return pool
}

// isTicket reports whether t is no job, but asks for a worker.
func (t task[T, R]) isTicket() bool { return t.call != nil && t.call.bulk != nil }

// worker runs jobs one after the other in its place. It is a worker of the pool,
// or runs a single job in a place that was lent to it.
type worker[T, R any] struct {
	pool     *Pool[T, R]
	wake     chan struct{} // a worker without a job looks around when something comes on it
	resigned bool          // it leaves because the pool shrank
	special  bool          // jobs do not run in the way of loop, for now

	// What only the worker's own goroutine touches.
	contexts    *contextBlock // of the jobs that run, ran and will run
	nextContext int           // the index of that for the next job
	task        task[T, R]    // the job that is inside Func when inFunc is set
	inFunc      bool
	inLimiter   bool        // and it is the limiter that is called, not Func
	tries       tries       // of the job that the worker has; zero when it has none
	pass        passage     // through the gate, of that
	told        bool        // the limiter, of its last attempt
	asked       asked       // about that, now
	exitPanic   *PanicError // a panic of what Func deferred, while it exited by Goexit
	parked      bool        // counted as idle; so is one that has yet to begin
	finished    uint64      // jobs that the ledger has not been told of yet
	bulk        *bulk[T, R]
	chunk       *chunk[T, R]
	helps       time.Time
	view        *view[T, R] // nil if nobody observes the pool

	place place
}

func newWorker[T, R any](p *Pool[T, R]) *worker[T, R] {
	w := &worker[T, R]{pool: p, nextContext: contextsPerBlock}
	w.observed()
	return w
}

// work is the goroutine of a worker of the pool.
func (w *worker[T, R]) work() {
	w.settleIn()
	defer func() {
		if w.inFunc {
			// Func called runtime.Goexit: this goroutine is ending, and another
			// goes on as the same worker. The pool's WaitGroup counts workers,
			// so nothing changes for it.
			w.conclude(w.exitPanic)
			go w.work()
		}
	}()
	for {
		caught := w.fence(w.loop)
		if caught == nil {
			break
		}
		w.conclude(caught)
	}
	if !w.resigned {
		w.idle()
	}
	w.task = task[T, R]{} // whoever keeps a job's context keeps w
	w.tell()
	w.pool.leave(w)
}

// loop takes jobs and runs them until the worker has to leave: the pool shrank or was
// cancelled, or the jobs channel is closed and empty.
//
// This is the way of nearly every job, and all in one piece because a call costs
// as much here as a job may. What is rare is elsewhere.
func (w *worker[T, R]) loop() {
	p := w.pool
	w.goOn()
	if p.alert.Load() && p.resign(w) { // the job before panicked or exited
		return
	}
	t, ok := w.park()
	for ok {
		// The look at the context before each start is in hold. Closing the intake
		// when the context ends takes a goroutine that starts later; this look
		// alone keeps a job that waits in the queue from starting after the
		// cancellation.
		if p.alert.Load() && !p.hold(w) {
			w.refuse(t)
			return
		}
		if t.call != nil || w.special {
			w.run(t)
		} else {
			if w.nextContext == contextsPerBlock {
				w.newContexts()
			}
			ctx := &w.contexts.jobs[w.nextContext]
			w.nextContext++
			w.task, w.inFunc = t, true
			value, err := p.fn(ctx, t.job)
			if err != nil {
				p.throttledBy(err)
			}
			w.inFunc = false
			lent := w.place.end(1)
			if err != nil {
				w.place.failed.Add(1)
			}
			r := Result[T, R]{Job: t.job, Value: value, Err: err, Attempts: 1}
			if p.alert.Load() {
				w.sendResult(r)
			} else {
				p.results <- r
			}
			w.finished++
			if lent {
				w.awaitPlace()
			}
		}
		if p.alert.Load() && p.resign(w) {
			return
		}
		select {
		case t, ok = <-p.jobs:
		default:
			t, ok = w.park()
		}
	}
}

// fence calls body and returns the panic of a Func that body called, else nil.
//
// It stands around the loop and not around each job: setting it up costs as much
// as a tenth of a channel operation, and a panic is rare enough to leave the loop
// for. Of a Goexit there is nothing to return, since no function returns then:
// the goroutine's own deferred function, in work or lent, sees to it. That is also
// how it is told from a panic(nil) of old.
func (w *worker[T, R]) fence(body func()) (caught *PanicError) {
	defer func() {
		if !w.inFunc {
			return
		}
		value := recover()
		caught = newPanicError(value)
		if value != nil {
			w.exitPanic = caught // for when a Goexit goes on now: nothing is returned then
		}
	}()
	body()
	return nil
}

// park waits for a job. It reports false when the worker has to leave.
func (w *worker[T, R]) park() (t task[T, R], ok bool) {
	p := w.pool
	w.idle()
	w.task = task[T, R]{}
	w.tell()
	for !ok {
		select {
		case t, ok = <-p.jobs:
			if !ok {
				return t, false
			}
		case <-w.wake:
			if p.ctx.Err() != nil || p.resign(w) {
				return t, false
			}
		}
	}
	w.parked = false
	w.chooseWay()
	p.ledger.idle.Add(-1)
	return t, true
}

// chooseWay decides how the next jobs run. It is called when the worker was parked, has new
// contexts or has run a job the other way, since a look for each job at whether a trace is
// being taken costs some 3% of a job that does nothing.
func (w *worker[T, R]) chooseWay() {
	w.special = w.pool.special || trace.IsEnabled() || w.pool.gate.shut.Load()
}

// idle counts the worker as one that has no job, if it is not yet.
func (w *worker[T, R]) idle() {
	if !w.parked {
		w.parked = true
		w.pool.ledger.idle.Add(1)
	}
}

// run runs one job, whatever it belongs to.
func (w *worker[T, R]) run(t task[T, R]) {
	w.chooseWay()
	if t.isTicket() {
		w.help(t.call.bulk)
		return
	}
	if t.call != nil && t.call.tries.n > 0 {
		t.job, w.tries = t.call.takeJob(), w.pool.backlog.takeBack(t.call)
	}
	for again := true; again; {
		again = w.try(&t)
	}
}

// begin returns the context for a job, or reports that it does not run, because
// its caller has taken it back, or is about to: his context has ended.
func (w *worker[T, R]) begin(t *task[T, R]) (*jobContext, bool) {
	p := w.pool
	if c := t.call; c != nil && w.tries.n == 0 {
		if !c.forResults {
			if ended := c.ended(); ended != nil {
				c.refuse(p.observer, p.contextError(ended, "job not run", ErrNotRun))
			}
		}
		if !c.begin() {
			p.notRun.Add(1)
			if c.isTakenBack() {
				p.deserted.Add(-1)
			} else if p.ctx.Err() != nil { // its caller has seen that before this worker
				p.refused.Add(1)
			}
			w.finished++
			return nil, false
		}
		t.job = c.takeJob()
	} else if c != nil && !c.goOn() {
		w.abandon(*t, p.contextError(c.caller, "not tried again"))
		return nil, false
	}
	w.passContexts(1)
	return newContext(t.context(p.ctx), &w.place, &p.key), true
}

// passContexts leaves out those of the next n jobs, which have others: a context goes with
// a job by its number.
func (w *worker[T, R]) passContexts(n int) {
	w.nextContext = min(w.nextContext+n, contextsPerBlock)
}

// newContexts makes contexts for the next jobs.
func (w *worker[T, R]) newContexts() {
	w.contexts = newContexts(w.pool.ctx, &w.place, &w.pool.key)
	w.nextContext = 0
	w.chooseWay()
}

// conclude finishes the job whose Func did not return, but panicked, or else exited.
func (w *worker[T, R]) conclude(caught *PanicError) {
	w.inFunc, w.exitPanic = false, nil
	out := outcome[R]{err: ErrGoexit}
	if caught != nil {
		out = outcome[R]{err: caught, panicked: true}
	}
	if w.inLimiter {
		w.inLimiter = false
		w.concludeLimiter(out.err)
		return
	}
	if !w.told {
		w.tellLimiter(out.err)
	}
	if w.asked.what != "" {
		out.err, w.asked = &askedError{w.pool.name, w.asked, out.err}, asked{}
	}
	out.err = w.tries.failure(out.err, nil)
	out = w.endsAbnormally(out)
	if c := w.chunk; c != nil {
		w.concludeInChunk(c, out)
		return
	}
	if lent := w.finish(w.task, out); lent {
		w.awaitPlace()
	}
}

// finish ends the job t, whose Func is through, and delivers its result. It reports whether the
// place is lent: then awaitPlace comes next.
func (w *worker[T, R]) finish(t task[T, R], out outcome[R]) (lent bool) {
	if t.call != nil {
		t.call.over()
	}
	lent = w.place.end(1)
	if out.err != nil {
		w.place.failed.Add(1)
	}
	if out.panicked {
		w.place.panicked.Add(1)
	}
	r := Result[T, R]{Job: t.job, Value: out.value, Err: out.err, Attempts: max(1, w.tries.n)}
	w.tries = tries{}
	w.deliver(t, r)
	w.finished++
	return lent
}

// awaitPlace waits until the place is back: a goroutine that Func left behind is
// inside a call to the pool, whose job runs in it.
func (w *worker[T, R]) awaitPlace() {
	w.task = task[T, R]{} // not to keep a job whose result is delivered
	w.place.awaitBack()
}

// refuse finishes a job that comes after the cancellation.
func (w *worker[T, R]) refuse(t task[T, R]) {
	if t.isTicket() {
		t.call.bulk.drop()
		return
	}
	if r, forResults := w.pool.refuse(t); forResults {
		w.deliver(t, r)
	}
	w.finished++
}

// deliver hands a result over: to its call, or to Results.
func (w *worker[T, R]) deliver(t task[T, R], r Result[T, R]) {
	switch {
	case !t.forResults():
		w.pool.handOver(t.call, r)
	case w.pool.noResults:
		w.pool.logLost(r.Err)
	default:
		w.sendResult(r)
	}
}

// sendResult puts r on Results, or after the cancellation into the hands of sweep,
// whichever has room first.
//
// The loop sends by itself as long as there is no alert, and waits for room on Results
// and for nothing else: a select, or only a look whether there is room, makes a job a
// tenth dearer. A worker that waits so when the cancellation comes is freed by sweep.
func (w *worker[T, R]) sendResult(r Result[T, R]) {
	p := w.pool
	select { // a select of several channels locks them all
	case p.results <- r:
		return
	default:
	}
	select {
	case p.results <- r:
	case p.late <- r:
		p.kept.Add(1)
	}
}

// tell enters in the ledger what the worker has finished since it last did. It is
// called when the worker runs out of jobs, and not for each job: as long as it has
// one the pool isn't idle anyway.
func (w *worker[T, R]) tell() {
	n := w.finished
	if n == 0 {
		return
	}
	w.finished = 0
	w.pool.ledger.finished.Add(n)
	w.pool.settle()
}
