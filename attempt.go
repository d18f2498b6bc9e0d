package workerpool

import (
	"context"
	"errors"
	"runtime/trace"
	"time"
)

// try gives a job an attempt, if it may have one. It reports whether it is to have another
// at once: it has waited for that here.
func (w *worker[T, R]) try(t *task[T, R]) (again bool) {
	p := w.pool
	w.task = *t // for a limiter that does not return
	if err := w.mayStart(t.context(p.ctx)); err != nil {
		w.giveUp(*t, err)
		return false
	}
	ctx, ok := w.begin(t)
	if !ok {
		return false
	}
	fn := p.attempt
	if trace.IsEnabled() && t.forResults() { // a Do has a task already
		fn = p.attemptTraced
	}
	var r *record
	if t.call != nil {
		r = t.call.record
	}
	w.task, w.inFunc = *t, true
	out := w.call(ctx, t.context(p.ctx), t.job, r, fn)
	w.inFunc = false
	if out.again {
		return w.again(t, out)
	}
	if lent := w.finish(*t, out); lent {
		*t = task[T, R]{} // not to keep the job meanwhile
		w.awaitPlace()
	}
	return false
}

// mayStart waits until an attempt may start whose context is ctx. If it may not, the error is of
// ctx, of the pool's context or of the limiter.
func (w *worker[T, R]) mayStart(ctx context.Context) error {
	p := w.pool
	for {
		if err := w.permit(ctx); err != nil {
			return err
		}
		if w.wake != nil && p.excess.Load() > 0 { // the pool has shrunk meanwhile
			t := w.task
			p.hold(w)
			w.task = t
		}
		if err := p.ctx.Err(); err != nil { // a limiter need not have looked at that
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.gate.stillHolds(w.pass) {
			return nil
		}
	}
}

// call calls Func once, through fn, and decides what becomes of its job, whose context is
// parent: ctx is that of the attempt.
func (w *worker[T, R]) call(ctx, parent context.Context, job T, r *record, fn Func[T, R]) (out outcome[R]) {
	w.tries.n++
	if w.tries.n == 1 {
		w.pool.budget.add()
	} else {
		w.pool.retries.Add(1)
	}
	w.told = false
	if w.view != nil {
		ctx = w.starts(ctx, job, r)
	}
	out.value, out.err = fn(ctx, job)
	w.judge(parent, &out)
	if w.view != nil {
		w.ends(out)
	}
	return out
}

// again is for a job that is to have another attempt. It leaves the worker to others
// meanwhile. If there is no room for that, or its place is a lent one, it waits here; then
// again reports true.
func (w *worker[T, R]) again(t *task[T, R], out outcome[R]) (here bool) {
	p := w.pool
	c := t.call
	if w.tries.err = out.err; c != nil {
		c.pause(w.tries)
	}
	if w.endTry() {
		w.awaitPlace()
	}
	if w.wake == nil || !p.backlog.reserve(p.buffer) {
		w.waitHere(t.context(p.ctx), out.wait)
		return true
	}
	if c == nil {
		c = p.newSubmitted(t.job, nil)
		c.state.Store(callRunning)
		c.pause(w.tries)
	}
	c.job, w.tries = t.job, tries{}
	w.task = task[T, R]{}
	p.waitInBacklog(&waitingJob[T, R]{due: time.Now().Add(out.wait), call: c})
	return false
}

// giveUp ends a job that may not start, or not again, because of err, the limiter's or of a
// context that has ended.
func (w *worker[T, R]) giveUp(t task[T, R], err error) {
	p, c := w.pool, t.call
	ended := t.context(p.ctx)
	if p.ctx.Err() != nil {
		ended = p.ctx
	}
	switch {
	case w.tries.n > 0 && ended.Err() != nil:
		w.abandon(t, p.contextError(ended, "not tried again"))
	case w.tries.n > 0:
		w.abandon(t, p.stoppedByLimiter(err))
	case p.ctx.Err() != nil:
		w.refuse(t)
	case c != nil && !c.forResults && ended.Err() != nil:
		w.begin(&t) // which sees that
	default:
		r, forResults := p.neverRuns(t, p.notRunByLimiter(err))
		if forResults {
			w.deliver(t, r)
		} else if t.forResults() {
			p.logLost(err)
		}
		w.finished++
	}
}

// abandon ends a job that has had attempts, and will have no more.
func (w *worker[T, R]) abandon(t task[T, R], stopped error) {
	c := t.call
	var r *record
	if c != nil {
		r = c.record
		c.over()
	}
	w.deliver(t, w.pool.abandon(t.context(w.pool.ctx), t.job, w.tries, r, stopped))
	w.tries = tries{}
	w.finished++
}

// attempt calls Func once, within the bound of WithJobTimeout.
func (p *Pool[T, R]) attempt(ctx context.Context, job T) (R, error) {
	if trace.IsEnabled() {
		defer trace.StartRegion(ctx, "run").End()
	}
	if p.jobTimeout == 0 {
		return p.fn(ctx, job)
	}
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(parent, p.jobTimeout, ErrJobTimeout)
	defer cancel()
	value, err := p.fn(ctx, job)
	// It is the context that tells whether the time was up: that of this attempt,
	// and not one further out, whose time may be up by now too. An error that looks
	// like it may be of a deadline of the job's own. Some, net/http among them, return
	// the cause of a context instead of its error: ErrJobTimeout is DeadlineExceeded too.
	//nolint:errorlint // the very one: what wraps it is somebody else's
	timedOut := context.Cause(ctx) == ErrJobTimeout && (context.Cause(parent) != ErrJobTimeout || endsBefore(ctx, parent))
	if timedOut {
		p.timedOut.Add(1)
	}
	if timedOut && errors.Is(err, context.DeadlineExceeded) {
		err = newError(p.name, append(contextErrors(ctx), err), "job timed out after %v: %v", p.jobTimeout, err)
	}
	return value, err
}

// endsBefore reports whether the deadline of ctx is before that of its parent.
func endsBefore(ctx, parent context.Context) bool {
	own, _ := ctx.Deadline()
	outer, ok := parent.Deadline()
	return !ok || own.Before(outer)
}
