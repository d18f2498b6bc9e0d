package modeltest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/boundedgo/workerpool"
)

// begin begins a call. It doesn't wait for its end, except for time to pass.
func (w *world) begin(c *call) {
	if c.op == callSleep {
		time.Sleep(w.units(c.n))
		return
	}
	p := w.enterCall(c)
	w.spawn(func() { w.perform(p, c.n) })
}

func (w *world) enterCall(c *call) *pending {
	if c.bulk != nil {
		return w.enterBulk(context.Background(), c.op, c.bulk, nil, c.patience)
	}
	return w.enter(context.Background(), c.op, c.job, nil, c.patience)
}

func (w *world) perform(p *pending, n int) {
	defer w.leave(p)
	w.call(p, n)
}

// callKey is the key of the value by which a job knows its Do.
type callKey struct{}

// enter notes that a call begins.
func (w *world) enter(ctx context.Context, op callOp, j, inside *job, patience int) *pending {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &pending{op: op, job: j, inside: inside, began: w.tick()}
	ctx = context.WithValue(ctx, callKey{}, p)
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	switch {
	case patience > 0:
		time.AfterFunc(w.units(patience), func() { p.cancel(errPatience) })
	case patience < 0:
		p.cancel(errPatience)
	}
	p.late = p.ctx.Err() != nil && op != callTrySubmit
	w.calls = append(w.calls, p)
	if j != nil {
		j.call, j.parent, j.ends = p, inside, make(chan struct{})
		w.jobs = append(w.jobs, j)
	}
	return p
}

// enterBulk notes that a bulk call begins.
func (w *world) enterBulk(ctx context.Context, op callOp, b *bulk, inside *job, patience int) *pending {
	p := w.enter(ctx, op, nil, inside, patience)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.bulk, b.news = b, make(chan struct{}, 1)
	for _, j := range b.jobs {
		j.call, j.parent, j.ends = p, inside, make(chan struct{})
	}
	w.jobs = append(w.jobs, b.jobs...)
	w.manyAtOnce = true
	return p
}

// leave notes that a call has returned.
func (w *world) leave(p *pending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.returned, p.returnedAt = true, w.tick()
	if p.job == nil || p.job.accepted || p.job.refused {
		p.cancel(nil) // of a Do that was left it has ended already
	}
}

func (w *world) call(p *pending, n int) {
	switch p.op {
	case callSubmit, callTrySubmit:
		w.submit(p)
	case callDo, callTryDo:
		w.do(p)
	case callMap, callCollect, callStream, callUnordered:
		w.performBulk(p)
	case callRead:
		w.read(n)
	case callRange:
		w.spawn(func() {
			for r := range w.pool.Results() {
				w.receive(r)
			}
			w.sawClosed()
		})
	case callSleep: // whatever it is good for: nothing depends on what happens meanwhile
		time.Sleep(w.units(n))
	case callRelease:
		w.release(n)
	case callAbandon:
		w.abandon(n)
	case callWait:
		w.wait(p)
	case callResize:
		w.resize(n)
	case callClose:
		w.close()
		w.pool.Close()
		w.hasClosed()
	case callShutdown:
		w.shutdown(p)
	case callStop:
		w.stop()
	case callCancel:
		if w.bound {
			w.close()
			w.cancels()
			w.cancel(errCancelled)
			w.hasClosed()
		}
	}
}

func (w *world) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = true
}

// hasClosed notes that a call has returned after which nothing is accepted any more.
func (w *world) hasClosed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closedAt == 0 {
		w.closedAt = w.tick()
	}
}

func (w *world) mustBeOpen(p *pending) {
	w.must(w.closedAt == 0 || p.began < w.closedAt, "%s after Close accepts its job", callNames[p.op])
}

func (w *world) cancels() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancelled = true
}

func (w *world) submit(p *pending) {
	var err error
	if p.op == callSubmit {
		err = w.pool.Submit(p.ctx, p.job)
	} else {
		err = w.pool.TrySubmit(p.job)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mustHaveRoom(p, err)
	w.must(err != nil || !p.late, "Submit accepts a job though its context has ended")
	if err == nil {
		w.mustBeOpen(p)
		p.job.accepted, p.job.acceptedAt = true, w.tick()
		return
	}
	w.refuse(p, err)
}

// mustHaveRoom judges a TrySubmit with nobody else about: what it says is exact then.
func (w *world) mustHaveRoom(p *pending, err error) {
	if p.op != callTrySubmit || p.inside != nil || !w.alone || w.closing {
		return
	}
	room := w.last.Queued < w.last.Capacity || w.last.Busy+w.last.Held < w.last.Workers
	w.must(w.again != retryNot || room == (err == nil), "TrySubmit says %v: %+v", err, w.last)
}

// refuse judges the error of a call that did not accept its job.
func (w *world) refuse(p *pending, err error) {
	p.job.refused = true
	w.rejected++
	ended := p.ctx.Err()
	switch {
	case errors.Is(err, workerpool.ErrClosed):
		w.must(w.closing, "%s says %v, and nobody has closed", callNames[p.op], err)
	case errors.Is(err, workerpool.ErrFull):
		w.must(p.op == callTrySubmit || p.op == callTryDo, "%s says %v", callNames[p.op], err)
		w.must(p.op != callTryDo || p.inside == nil || !p.inside.running() || w.hasRival(p), "%v, and nobody has the place", err)
	default:
		w.must(errors.Is(err, workerpool.ErrNotRun) == !p.op.forResults(), "%s says %v", callNames[p.op], err)
		w.must(p.op != callTrySubmit && ended != nil && errors.Is(err, ended) && errors.Is(err, context.Cause(p.ctx)),
			"%s says %v, and its context %v", callNames[p.op], err, ended)
	}
}

// hasRival reports whether another call from inside the same job overlaps with p.
func (w *world) hasRival(p *pending) bool {
	return slices.ContainsFunc(w.calls, func(o *pending) bool {
		return o != p && o.inside == p.inside && (o.returnedAt == 0 || o.returnedAt > p.began)
	})
}

func (w *world) do(p *pending) {
	call := w.pool.Do
	if p.op == callTryDo {
		call = w.pool.TryDo
	}
	value, err := call(p.ctx, p.job)
	w.mu.Lock()
	defer w.mu.Unlock()
	ended, notRun := p.ctx.Err(), errors.Is(err, workerpool.ErrNotRun)
	switch {
	case isGivenUp(err) && strings.Contains(err.Error(), "gave up before the next attempt"):
		w.mustBeOpen(p)
		w.must(ended != nil && hasCause(err), "%v", err)
		p.job.accepted, p.job.acceptedAt, p.job.left = true, w.tick(), true
	case isOutcome(err), notRun && strings.Contains(err.Error(), "job not run"):
		w.mustBeOpen(p)
		p.job.accepted = true
		w.judge(p.job, value, err)
	case ended != nil && errors.Is(err, ended) && errors.Is(err, context.Cause(p.ctx)) && !errors.Is(err, workerpool.ErrClosed) && !notRun:
		w.mustBeOpen(p)
		p.job.accepted, p.job.acceptedAt, p.job.left = true, w.tick(), true // it runs, or is about to
	default:
		w.refuse(p, err)
	}
}

// read takes up to n results that are there.
func (w *world) read(n int) {
	for range n {
		select {
		case r, ok := <-w.pool.Results():
			if !ok {
				w.sawClosed()
				return
			}
			w.receive(r)
		default:
			return
		}
	}
}

func (w *world) receive(r workerpool.Result[*job, int]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.must(r.Job.call.op.forResults(), "the outcome of a Do on Results")
	w.must(w.watch&watchAlone == 0, "a result in spite of WithoutResults")
	w.judgeResult(r)
}

// judge judges the outcome of a job.
func (w *world) judge(j *job, value int, err error) {
	j.received++
	w.must(j.received == 1, "one outcome too many, %v: %s", err, j.fateString())
	if isGivenUp(err) {
		j.gaveUp = true
		w.must(j.began == 0 && j.flopped > 0 && value == 0, "%v: %s", err, j.fateString())
		w.must(w.cancelled || w.doomed || j.call.ctx.Err() != nil, "nobody has cancelled, and yet %v: %s", err, j.fateString())
		w.must((hasCause(err) || isFlop(err) || j.call.bulk != nil) && !errors.Is(err, workerpool.ErrNotRun), "%v", err)
		return
	}
	if errors.Is(err, workerpool.ErrNotRun) && !isOutcome(err) {
		j.notRun = true
		w.must(j.began == 0 && value == 0, "%v: %s", err, j.fateString())
		w.must(hasCause(err), "no cause: %v", err)
		return
	}
	w.must(j.ended == 1, "an outcome %v, %v before the end: %s", value, err, j.fateString())
	w.must(j.matches(value, err), "the outcome of %v is %d, %v", j, value, err)
}

// hasCause reports whether err says why, as all of the pool's do that come from a context.
func hasCause(err error) bool {
	causes := []error{workerpool.ErrStopped, errCancelled, errPatience, errAbandoned, workerpool.ErrJobTimeout, context.Canceled}
	return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) }) ||
		errors.Is(err, workerpool.ErrGoexit) || errors.As(err, new(*jobError)) || errors.As(err, new(*workerpool.PanicError)) // of another job, in a Map
}

func (w *world) sawClosed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// mustBeFinished is for when a call says that the pool was idle since it began: all
// that was accepted before has ended.
func (w *world) mustBeFinished(name string, before int) {
	for _, j := range w.jobs {
		if j.call.bulk != nil {
			w.must(j.began == 0 || j.beganAt > before || j.ended == 1 || w.cancelled || w.doomed, "%s has returned: %s", name, j.fateString())
		} else if j.accepted && j.acceptedAt < before {
			w.must(j.ended == 1 || j.notRun || j.gaveUp || w.mayGiveUp(j) || w.cancelled || w.doomed, "%s has returned: %s", name, j.fateString())
		}
	}
}

func (w *world) wait(p *pending) {
	err := w.pool.Wait(p.ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alone && p.late && !w.hasBulk() { // which may be through, or not
		w.must(w.wasIdle() == (err == nil), "Wait with an ended context says %v: %+v", err, w.last)
	}
	if err != nil {
		w.must(errors.Is(err, context.Cause(p.ctx)) && p.ctx.Err() != nil, "Wait says %v", err)
		return
	}
	w.mustBeFinished("Wait", p.began)
}

// wasIdle is for a call with nobody else about.
func (w *world) wasIdle() bool {
	return w.last.Accepted == w.last.Completed+w.last.NotRun && w.last.Busy == 0
}

func (w *world) shutdown(p *pending) {
	w.close()
	w.mu.Lock()
	exact := w.alone && p.late && !w.cancelled && !w.doomed && !w.hasBulk()
	w.doomed = true
	w.mu.Unlock()
	err := w.pool.Shutdown(p.ctx)
	w.hasClosed()
	w.mu.Lock()
	defer w.mu.Unlock()
	if exact {
		w.mustCount(err)
	}
	if err == nil {
		w.mustBeFinished("Shutdown", w.clock)
		return
	}
	var e *workerpool.ShutdownError
	w.must(errors.As(err, &e), "Shutdown says %v", err)
	w.must(hasCause(err), "Shutdown says %v", err) // that of its own context, or of what else has cancelled
	w.cancelled = true
}

// mustCount judges a Shutdown that gave up at once with nobody else about: it says what
// there was.
func (w *world) mustCount(err error) {
	w.must(w.wasIdle() == (err == nil), "Shutdown with an ended context says %v: %+v", err, w.last)
	var e *workerpool.ShutdownError
	if errors.As(err, &e) {
		w.must(w.again != retryNot || e.Running == w.last.Busy && e.NotRun == w.last.Queued-w.unclaimed && e.Unread == w.last.Unread, "%v: %+v", err, w.last)
	}
}

func (w *world) stop() {
	w.close()
	w.cancels()
	unread := w.pool.Stop()
	w.hasClosed()
	for _, r := range unread {
		w.receive(r)
	}
	select {
	case _, ok := <-w.pool.Results():
		w.sawClosed()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.must(!ok, "a result after Stop")
		w.must(w.active() == 0, "%d jobs run after Stop", w.active())
	default:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fail("Results is open after Stop")
	}
}

func (w *world) resize(n int) {
	w.mu.Lock()
	w.resized = true
	w.sizes = append(w.sizes, n)
	w.allowance = max(w.allowance, n)
	w.mu.Unlock()
	err := w.pool.Resize(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.must(err == nil || w.closing && errors.Is(err, workerpool.ErrClosed), "Resize(%d) says %v", n, err)
}

// release lets the n-th of the jobs that wait at a gate go on.
func (w *world) release(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.gates) > 0 {
		n %= len(w.gates)
		close(w.gates[n])
		w.gates = append(w.gates[:n], w.gates[n+1:]...)
	}
}

// abandon cancels the context of the n-th of the calls that may wait.
func (w *world) abandon(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var waiting []*pending
	for _, p := range w.calls {
		if !p.returned && p.op != callStop && p.op != callRange {
			waiting = append(waiting, p)
		}
	}
	if len(waiting) > 0 {
		waiting[n%len(waiting)].cancel(errAbandoned)
	}
}
