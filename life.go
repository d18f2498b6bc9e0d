package workerpool

import "context"

// Close closes the intake: from now on Submit, TrySubmit, Do, TryDo and bulk calls return
// [ErrClosed], and those that wait for a place do so at once. The jobs that
// were accepted are finished, and so are bulk calls and streams that have begun; then the
// workers leave and Results is closed.
//
// Close does not block. A second Close, or one after a cancellation, does nothing.
func (p *Pool[T, R]) Close() {
	p.open.Store(false)
	p.plain.Store(false)
	if p.ledger.closeIntake() {
		close(p.intake)
		p.settle()
	}
}

// Wait blocks until no accepted job is unfinished, at least for a moment: each has
// run, or was cancelled, and its result is on Results or was returned to its caller.
// It returns nil then, at once if it is so already, even if ctx has ended, and the cause
// of ctx when that ends first. It neither closes the pool nor changes anything else, so it may be
// called again and again.
//
// A bulk call is unfinished until it returns, and a stream until the last of its jobs has
// run. As for Submit, somebody has to read Results once it is full. Wait given the
// context of a job of this pool would wait for that job: it returns an error, as for a
// nil ctx.
func (p *Pool[T, R]) Wait(ctx context.Context) error { return p.wait(ctx, "Wait") }

func (p *Pool[T, R]) wait(ctx context.Context, op string) error {
	if err := p.mayWait(ctx, op); err != nil {
		return err
	}
	if idle := p.whenIdle(); !closedBefore(idle, ctx.Done()) {
		return p.contextError(ctx, op+": not idle "+p.load().String())
	}
	return nil
}

// Shutdown ends the pool in good order: it closes the intake as [Pool.Close] does,
// and waits until every accepted job is finished. nil means that every one of them
// ran, save those that a limiter has refused, what a caller of Do has taken back, the rest of a Map that has failed and of a
// stream that was left, and that its result is on Results
// (possibly unread) or was returned to its caller.
//
// When ctx ends first, Shutdown cancels the pool with the cause of ctx and returns
// at once, without waiting for the jobs that run, with a [*ShutdownError] that
// wraps the cause and counts what was left. No outcome is lost by that: they still
// come on Results, or from Stop. The jobs that run see that cause: one of your own, by
// [context.WithTimeoutCause], tells this end from deadlines of theirs, where they return it.
// If the pool is cancelled some other way, Shutdown
// returns the same kind of error with that cause, once the running jobs, or ctx, have
// ended.
//
// Jobs that submit jobs are refused from then on too. To let them finish their work,
// Wait first.
//
// As for Submit, somebody has to read Results once it is full. Shutdown given
// the context of a job of this pool would wait for that job: it closes the intake,
// does not wait, and returns an error. With a nil ctx it does nothing, and returns one.
func (p *Pool[T, R]) Shutdown(ctx context.Context) error {
	if ctx != nil {
		p.Close()
	}
	if err := p.mayWait(ctx, "Shutdown"); err != nil {
		return err
	}
	finished := closedBefore(p.whenIdle(), ctx.Done())
	switch {
	case p.cancelled():
		return p.shutdownError(p.ctx)
	case !finished:
		err := p.shutdownError(ctx)
		p.stop(context.Cause(ctx))
		return err
	}
	return nil
}

// mayWait returns why a call that would wait for the pool with ctx cannot.
func (p *Pool[T, R]) mayWait(ctx context.Context, op string) error {
	if ctx == nil {
		return newError(p.name, nil, "%s: context must not be nil", op)
	}
	if p.jobOf(ctx) != nil {
		return newError(p.name, nil, "%s: called from a job of the pool, it would wait for itself", op)
	}
	return nil
}

// closedBefore waits until one of the two is closed, and reports whether it is
// first, which it prefers when both are.
func closedBefore(first, second <-chan struct{}) bool {
	select {
	case <-first:
		return true
	default:
	}
	select {
	case <-first:
		return true
	case <-second:
		return false
	}
}

// Stop ends the pool now. It cancels it with the cause [ErrStopped]: jobs that run
// see their context cancelled, jobs in the queue do not run and get a Result whose
// error wraps [ErrNotRun], and nothing is accepted any more. Then Stop waits until
// the running jobs have returned, and returns every Result that nobody has read.
//
// Together with what was read from Results these are the outcomes of all jobs given
// to Submit and TrySubmit, once each. When others read Results at the same time, or
// call Stop, each Result goes to one of them. On a pool that has ended Stop returns
// what is left on Results, once, then nil.
//
// Stop waits for as long as a Func takes to return; nothing cuts it short. Called
// from inside a job it waits for that job, which waits for it: use Close there, or
// cancel the context of the pool.
//
// When Stop has returned, nothing of the pool is left: no goroutine, no timer, no
// entry in the context given to WithContext.
func (p *Pool[T, R]) Stop() []Result[T, R] {
	if p.ctx == nil { // the zero Pool
		return nil
	}
	p.stop(ErrStopped)
	var unread []Result[T, R]
	for r := range p.results {
		unread = append(unread, r)
	}
	return unread
}

// closeResults is the goroutine that waits for the workers and closes Results: they
// alone send on it, so after the last one has left nobody does. A pool that was
// cancelled it leaves to sweep.
func (p *Pool[T, R]) closeResults() {
	p.running.Wait()
	if !p.stopSweep() {
		return
	}
	if p.ctx.Err() != nil { // the workers have left before sweep could start
		p.sweep()
		return
	}
	p.cancelCtx(ErrClosed) // takes the pool out of the context given to WithContext
	close(p.results)
}

// sweep is the goroutine that ends a pool which was cancelled. It empties the queue,
// takes the results for which Results has no room, so that workers leave without
// waiting for a reader, and offers all of it on Results until it is read, or Stop has
// taken it.
//
// Its memory is bounded by what a pool holds: the queue, Results, and one result a
// worker.
func (p *Pool[T, R]) sweep() {
	p.Close()
	p.wakeWorkers()
	kept := p.freeWorkers()
	for jobs := p.jobs; jobs != nil || len(kept) > 0; {
		var out chan Result[T, R] // nil, on which nothing is ever sent, while there is nothing to send
		var first Result[T, R]
		if len(kept) > 0 {
			out, first = p.results, kept[0]
		}
		select {
		case t, ok := <-jobs:
			if !ok {
				jobs = nil // every job is finished: nothing comes on late either
				break
			}
			if t.isTicket() {
				t.call.bulk.drop()
				break
			}
			if r, forResults := p.refuse(t); forResults {
				kept = append(kept, r)
				p.kept.Add(1)
			}
			p.ledger.finished.Add(1)
			p.settle()
		case r := <-p.late:
			kept = append(kept, r) // the worker has counted it
		case out <- first:
			kept[0] = Result[T, R]{}
			kept = kept[1:]
			p.kept.Add(-1)
		}
	}
	p.running.Wait()
	close(p.results)
}

// freeWorkers takes results until none of the workers that were sending one when the
// cancellation came waits for room any more: none does while there is room.
//
// A worker that had looked at the context just before, and sends only when sweep has
// filled Results again, waits together with sweep for a reader or Stop. To exclude
// that would take another atomic operation for each job.
func (p *Pool[T, R]) freeWorkers() (taken []Result[T, R]) {
	for len(p.results) == cap(p.results) {
		p.kept.Add(1) // before the worker goes on, which may be the last thing that Shutdown waits for
		select {
		case r := <-p.results:
			taken = append(taken, r)
		default: // no room, since there never is any, and nobody waits
			p.kept.Add(-1)
			return taken
		}
	}
	return taken
}

// refuse gives up a job because the pool was cancelled. It hands the outcome to the
// job's call, or returns it when it is one for Results.
//
// One that has had attempts has run, and ends with what the last one brought.
func (p *Pool[T, R]) refuse(t task[T, R]) (r Result[T, R], forResults bool) {
	c := t.call
	if c == nil || c.tries.n == 0 {
		if c == nil || !c.isTakenBack() {
			p.refused.Add(1)
		}
		return p.neverRuns(t, p.notRunError())
	}
	r = p.abandon(c.ctx, c.takeJob(), p.backlog.takeBack(c), c.record, p.contextError(p.ctx, "not tried again"))
	c.over()
	if !c.forResults {
		p.handOver(c, r)
	}
	return r, c.forResults && !p.noResults
}

// neverRuns gives up a job that has had no attempt because of err, as refuse does.
func (p *Pool[T, R]) neverRuns(t task[T, R], err error) (r Result[T, R], forResults bool) {
	p.notRun.Add(1)
	switch {
	case t.call == nil:
		r = Result[T, R]{Job: t.job, Err: err}
	case t.call.forResults:
		r = t.call.neverRan(p.observer, err)
	default:
		if t.call.refuse(p.observer, err); t.call.isTakenBack() {
			p.deserted.Add(-1)
		}
	}
	return r, t.forResults() && !p.noResults
}

// whenIdle returns a channel that is closed when no accepted job is unfinished.
func (p *Pool[T, R]) whenIdle() <-chan struct{} {
	p.mu.Lock()
	if p.waiters == nil {
		p.waiters = make(chan struct{})
		p.watched.Store(true)
	}
	idle := p.waiters
	p.mu.Unlock()
	p.settle()
	return idle
}

// settle does what is due when nothing is unfinished: it closes the jobs channel if
// the intake is closed, and tells those who wait for the pool to be idle. Whoever
// makes the ledger balance calls it afterwards; of several who see the same
// balance one acts.
func (p *Pool[T, R]) settle() {
	idle, open := p.ledger.balance()
	if !idle {
		return
	}
	if !open && p.jobs != nil {
		p.complete()
	}
	if p.watched.Load() {
		p.tellWaiters()
	}
}

// complete closes the jobs channel. That everything has run is noted by whoever sees it,
// before he tells anybody, and not only by the one who closes.
func (p *Pool[T, R]) complete() {
	if p.ctx.Err() == nil {
		p.hasRun.Store(true)
	}
	if p.jobsClosed.CompareAndSwap(false, true) {
		close(p.jobs)
	}
}

// tellWaiters looks again: what settle saw may have been before these began to wait.
// If the ledger does not balance now, whoever balances it comes here.
func (p *Pool[T, R]) tellWaiters() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if idle, _ := p.ledger.balance(); idle && p.waiters != nil {
		close(p.waiters) // before watched: who sees that nobody is to be told relies on it
		p.waiters = nil
		p.watched.Store(false)
	}
}

// stop cancels the pool. The alert comes first, so that no worker misses it.
func (p *Pool[T, R]) stop(cause error) {
	p.mu.Lock()
	p.stopped = true
	p.countExcess()
	p.alarm()
	p.mu.Unlock()
	p.cancelCtx(cause)
}

// cancelled reports whether the pool was cancelled before it had finished.
func (p *Pool[T, R]) cancelled() bool {
	return p.ctx != nil && p.ctx.Err() != nil && !p.hasRun.Load()
}
