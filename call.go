package workerpool

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/trace"
	"sync/atomic"
)

// call is a Do that waits for the result of its one job. The job runs under the
// context of its caller and may be taken back by him until it begins.
//
// A job of Submit is one too if the pool is observed, and while it waits for another attempt:
// its result goes to Results then, and of what follows it has ctx, job, record and tries.
type call[T, R any] struct {
	caller context.Context // of a Do
	ctx    context.Context // for the job: ends with its caller's, a moment later
	cancel context.CancelCauseFunc
	state  atomic.Uint32
	job    T             // until it begins or is taken back
	result Result[T, R]  // from when done is closed until it is taken
	done   chan struct{} // closed when the job is finished

	forResults bool
	record     *record     // nil if nobody observes the pool
	task       *trace.Task // of a Do while a trace is being taken
	bulk       *bulk[T, R] // it is a ticket of this one
	tries      tries       // that it has had, when it waits for another; of a Do written before state says so
}

// The states of a call. Exactly one side wins each step: the pool begins or refuses
// a queued job, or its caller takes it back; the worker finishes a running one, or
// its caller has left before. The same goes for one that waits for its next attempt: it
// begins that, or its caller has left.
const (
	callQueued uint32 = iota
	callRunning
	callBetween // two attempts; a job of Submit runs meanwhile
	callFinished
	callLeft
	callTakenBack // left by a caller whom the pool would have let have his turn
)

func (p *Pool[T, R]) newCall(ctx context.Context, job T, r *record) *call[T, R] {
	c := &call[T, R]{caller: ctx, job: job, record: r, done: make(chan struct{})}
	if trace.IsEnabled() {
		ctx, c.task = trace.NewTask(ctx, p.taskType())
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// newSubmitted is for a job of Submit that somebody observes.
func (p *Pool[T, R]) newSubmitted(job T, r *record) *call[T, R] {
	return &call[T, R]{ctx: p.ctx, job: job, forResults: true, record: r}
}

// over is for when the job of c has an outcome, or was taken back.
func (c *call[T, R]) over() {
	if c.task != nil {
		c.task.End()
	}
}

// do is Do, and TryDo where wait is false.
func (p *Pool[T, R]) do(ctx context.Context, op string, job T, wait bool) (R, error) {
	var none R
	if err := p.mayStart(ctx, op, ErrNotRun); err != nil {
		return none, p.turnedAway(ctx, nil, job, err)
	}
	r, err := p.bring(ctx, op, job, wait)
	if err != nil {
		return none, err
	}
	if outer := p.jobOf(ctx); outer != nil {
		lent, err := p.borrow(ctx, op, outer, wait)
		if err != nil {
			return none, p.turnedAway(ctx, r, job, err)
		}
		if lent {
			return p.doInside(ctx, op, outer, p.newCall(ctx, job, r))
		}
	}
	c, err := p.queueCall(ctx, op, job, r, wait)
	if err != nil {
		return none, p.turnedAway(ctx, r, job, err)
	}
	return p.await(ctx, op, ctx.Done(), c)
}

// queueCall puts a job that its caller waits for in the queue.
func (p *Pool[T, R]) queueCall(ctx context.Context, op string, job T, r *record, wait bool) (*call[T, R], error) {
	enter := p.enter
	if !wait {
		enter = p.tryEnter
	}
	if err := enter(op); err != nil {
		return nil, err
	}
	c := p.newCall(ctx, job, r)
	t := task[T, R]{call: c}
	var err error
	if wait {
		err = p.send(ctx, op, t)
	} else {
		err = p.trySend(op, t)
	}
	if err != nil {
		c.cancel(nil)
		c.over()
		return nil, err
	}
	return c, nil
}

// doInside is do for a job whose place is lent by outer. It waits for the end of
// the job, whose context ends with ctx, and not for ctx: only then is the place
// back.
func (p *Pool[T, R]) doInside(ctx context.Context, op string, outer *jobContext, c *call[T, R]) (R, error) {
	back := p.runLent(outer, task[T, R]{call: c})
	value, err := p.await(ctx, op, nil, c)
	<-back
	return value, err
}

// begin reports whether the job may run; if not, its caller took it back.
func (c *call[T, R]) begin() bool { return c.state.CompareAndSwap(callQueued, callRunning) }

// ended returns which context has ended without which the job of a Do does not start, or nil.
// That of the caller comes first: of two jobs under it one may see the end, and be through,
// before the other one's context has.
func (c *call[T, R]) ended() context.Context {
	switch {
	case c.caller.Err() != nil:
		return c.caller
	case c.ctx.Err() != nil:
		return c.ctx
	}
	return nil
}

// takeJob takes the job out of the call, so that the call does not keep it.
func (c *call[T, R]) takeJob() T {
	var none T
	job := c.job
	c.job = none
	return job
}

// takeBackJob takes back the job of c if it has not begun, and reports whether it did.
func (p *Pool[T, R]) takeBackJob(c *call[T, R]) (job T, ok bool) {
	if p.ctx.Err() == nil {
		p.deserted.Add(1)
		if ok = c.state.CompareAndSwap(callQueued, callTakenBack); !ok {
			p.deserted.Add(-1)
		}
	} else {
		ok = c.state.CompareAndSwap(callQueued, callLeft)
	}
	if !ok {
		return job, false
	}
	c.cancel(nil)
	c.over()
	return c.takeJob(), true
}

// isTakenBack reports whether the job was, and is no longer one that the pool keeps from running.
func (c *call[T, R]) isTakenBack() bool { return c.state.Load() == callTakenBack }

// refuse finishes a job that has not begun with err, unless its caller has taken it
// back.
func (c *call[T, R]) refuse(o *observer, err error) {
	if c.state.CompareAndSwap(callQueued, callFinished) {
		c.result = c.neverRan(o, err)
		c.cancel(nil)
		close(c.done)
	}
}

// neverRan returns the result of a job that nobody will run, because of err.
func (c *call[T, R]) neverRan(o *observer, err error) Result[T, R] {
	job := c.takeJob()
	if o != nil {
		o.neverRan(c.ctx, c.record, job, err, false)
	}
	c.over()
	return Result[T, R]{Job: job, Err: err}
}

// pause says that the job has had attempts and waits for the next, unless its caller has left.
func (c *call[T, R]) pause(t tries) {
	c.tries = t
	if !c.forResults {
		c.state.CompareAndSwap(callRunning, callBetween)
	}
}

// goOn reports whether the next attempt may begin; if not, the caller has left.
func (c *call[T, R]) goOn() bool {
	return c.forResults || c.state.CompareAndSwap(callBetween, callRunning)
}

// leave says that the caller no longer waits for a job that has begun, and returns in which
// state that was; if it is callFinished, the result is there.
func (c *call[T, R]) leave() (was uint32) {
	for {
		was = c.state.Load()
		if was == callFinished || c.state.CompareAndSwap(was, callLeft) {
			return was
		}
	}
}

// finish puts the result there for the caller, and reports whether he still waits.
func (c *call[T, R]) finish(r Result[T, R]) (received bool) {
	c.result = r
	received = c.state.CompareAndSwap(callRunning, callFinished) || c.state.CompareAndSwap(callBetween, callFinished)
	c.cancel(nil)
	close(c.done)
	return received
}

// takeResult takes the result out of a call that is done.
func (c *call[T, R]) takeResult() Result[T, R] {
	r := c.result
	c.result = Result[T, R]{}
	return r
}

// handOver gives the result to the caller of c. A panic that he is no longer there
// to receive is logged: it must not vanish.
func (p *Pool[T, R]) handOver(c *call[T, R], r Result[T, R]) {
	if !c.finish(r) {
		p.logLost(r.Err)
	}
}

// logLost logs the outcome of a job that nobody is there to receive, if it is a panic.
func (p *Pool[T, R]) logLost(err error) {
	if p.observer != nil && p.observer.seesDone() {
		return // it is received
	}
	if last, ok := err.(*RetryError); ok { //nolint:errorlint // as below
		err = last.Err
		if caught, ok := as[*PanicError](last.Stopped); ok { // of the limiter
			err = caught
		}
	}
	what := "a job"
	if asked, ok := err.(*askedError); ok { //nolint:errorlint // as below
		what, err = "a job's "+asked.what, asked.failed
	}
	if err, ok := err.(*PanicError); ok { //nolint:errorlint // the pool's own, not one that Func returned wrapped
		logPanic(p.name, what, err)
	}
}

// logPanic returns when the panic is logged: whoever waits for the pool, and then ends the
// program, would lose it otherwise. It takes a goroutine of its own, since a log handler may
// do what a Func may.
func logPanic(pool, what string, err *PanicError) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		slog.Error("workerpool: "+what+" panicked, and nobody is there to receive that",
			"pool", pool, "panic", fmt.Sprint(err.Value), "stack", string(err.Stack))
	}()
	<-done
}

// await waits for the result of c, or until its caller leaves because ctx has ended.
func (p *Pool[T, R]) await(ctx context.Context, op string, left <-chan struct{}, c *call[T, R]) (R, error) {
	var none R
	cancelled := p.ctx.Done()
	for {
		select {
		case <-c.done:
			r := c.takeResult()
			return r.Value, r.Err
		case <-left:
			if job, ok := p.takeBackJob(c); ok {
				err := p.contextError(ctx, op+": job not run "+p.load().String(), ErrNotRun)
				if o := p.observer; o != nil {
					o.neverRan(ctx, c.record, job, err, false)
				}
				return none, err
			}
			switch c.leave() {
			case callRunning:
				return none, p.contextError(ctx, op+": gave up while the job was running")
			case callBetween:
				p.backlog.dropWaiting(c)
				return none, c.tries.failure(c.tries.err, p.contextError(ctx, op+": gave up before the next attempt"))
			}
			left = nil // it has just finished
		case <-cancelled:
			// Nobody else has to watch the pool for a job that runs: its caller
			// does. One in the queue is refused by the pool.
			c.cancel(context.Cause(p.ctx))
			cancelled = nil
		}
	}
}
