package modeltest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/boundedgo/workerpool"
)

// world carries out a plan. It has the pool, and what the model knows about it.
type world struct {
	*plan
	pool   *workerpool.Pool[*job, int]
	cancel context.CancelCauseFunc // the pool's context
	unit   time.Duration           // of what a plan calls units of time
	open   chan struct{}           // closed at the end: no gate holds anybody any more

	spawned sync.WaitGroup

	mu    sync.Mutex
	wrong error // the first thing that was
	clock int   // counts what happens
	round int
	alone bool // the round has one call

	jobs  []*job // for which a call has begun
	calls []*pending
	gates []chan struct{} // of the jobs that wait at one

	allowance  int   // how many jobs may run: the size, or what is left of a larger one
	sizes      []int // that the pool may have, after the Resizes of this round
	resized    bool
	manyAtOnce bool // there was a bulk call
	closing    bool // something has closed the pool, or is about to
	cancelled  bool // something has cancelled it, or is about to
	doomed     bool // a Shutdown may cancel it at any time
	closedAt   int  // when a call that closes the pool had returned, on the clock
	closed     bool // somebody has seen Results closed
	over       bool // it was cancelled in an earlier round: nothing begins any more

	rejected, ended, failed, panicked uint64

	last      workerpool.Stats // when nobody could go on before the round
	unclaimed int              // jobs that were in the queue then, and whose callers had left
}

// pending is a call that has begun.
type pending struct {
	op         callOp
	job        *job
	bulk       *bulk
	inside     *job // the job that calls, if one does
	ctx        context.Context
	cancel     context.CancelCauseFunc
	began      int  // on the world's clock
	late       bool // its context had ended before
	returned   bool
	returnedAt int
}

var (
	errCancelled = errors.New("the pool's context was cancelled")
	errAbandoned = errors.New("the call was abandoned")
	errPatience  = errors.New("the caller's patience has ended")
)

// carryOut carries out p in a bubble, and returns what was wrong. It leaves the bubble
// as a value: a test that ended inside could not be shrunk.
func carryOut(t *testing.T, p *plan) (err error) {
	w := &world{plan: p}
	defer func() {
		// The bubble panics when somebody is left who can't go on. What the world
		// has found is nearer to the cause.
		if v := recover(); v != nil {
			err = errors.Join(w.wrong, fmt.Errorf("the bubble says: %v", v))
		}
	}()
	synctest.Test(t, func(*testing.T) { w.run() })
	return w.wrong
}

func (w *world) run() {
	if w.unit = time.Millisecond; !w.make() {
		return
	}
	synctest.Wait()
	w.check()
	for i, round := range w.rounds {
		w.next(i+1, round)
		for _, c := range round {
			w.begin(c)
		}
		time.Sleep(w.unit / 4) // for bulk calls to see which jobs take long
		synctest.Wait()
		if w.check(); w.wrong != nil {
			break
		}
	}
	w.finish()
}

// make makes the pool, and reports whether it could.
func (w *world) make() bool {
	ctx, cancel := context.WithCancelCause(context.Background())
	w.cancel, w.open = cancel, make(chan struct{})
	w.allowance, w.sizes = w.workers, []int{w.workers}
	opts := []workerpool.Option{workerpool.WithWorkers(w.workers), workerpool.WithBuffer(w.buffer)}
	if w.bound {
		opts = append(opts, workerpool.WithContext(ctx))
	}
	if w.timeout > 0 {
		opts = append(opts, workerpool.WithJobTimeout(w.units(w.timeout)))
	}
	opts = append(opts, w.watch.options(w.hooks())...)
	opts = append(opts, w.again.options(w)...)
	w.pool, w.wrong = workerpool.New(w.fn, opts...)
	return w.wrong == nil
}

func (w *world) units(n int) time.Duration { return time.Duration(n) * w.unit }

func (w *world) next(number int, round []*call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.round, w.alone = number, len(round) == 1
}

// finish opens all gates, ends the pool, and looks whether everything is as it
// should be at the end.
func (w *world) finish() {
	w.next(w.round+1, nil)
	close(w.open)
	if w.end != callStop {
		w.begin(&call{op: callRange})
	}
	w.begin(&call{op: w.end})
	time.Sleep(time.Hour) // all time-outs are over then
	synctest.Wait()
	if w.wrong != nil {
		w.pool.Stop() // so that nothing is left
		return
	}
	w.check()
	w.checkEnd()
}

// fail notes the first thing that was wrong. It is called with mu held.
func (w *world) fail(format string, args ...any) {
	if w.wrong == nil {
		w.wrong = fmt.Errorf("round %d: "+format, append([]any{w.round}, args...)...)
	}
}

// must is fail unless ok.
func (w *world) must(ok bool, format string, args ...any) {
	if !ok {
		w.fail(format, args...)
	}
}

func (w *world) tick() int {
	w.clock++
	return w.clock
}

// spawn runs f on a goroutine of the model's, where a panic is one of the pool's.
func (w *world) spawn(f func()) {
	w.spawned.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.fail("a call panicked: %v\n%s", v, debug.Stack())
			}
		}()
		f()
	})
}

// check compares the pool with the model, when nobody can go on.
func (w *world) check() {
	s, jobs := w.pool.Stats(), w.pool.Running()
	w.mu.Lock()
	defer w.mu.Unlock()
	running, places := w.checkJobs()
	w.checkRunning(jobs)
	w.checkBounds(s, places)
	w.checkCounts(s, running)
	w.checkWaiting(s, running)
	w.checkResults()
	w.over = w.cancelled
	w.last = s
	w.unclaimed = -int(s.NotRun)
	for _, j := range w.jobs {
		if j.notRun {
			w.unclaimed++
		}
	}
}

// checkJobs returns how many jobs run, and in how many places.
func (w *world) checkJobs() (running, places int) {
	for _, j := range w.jobs {
		if j.running() {
			running++
			if !j.borrows() {
				places++
			}
		}
		w.must(!w.cancelled || !j.running() || j.ctx.Err() != nil, "the pool was cancelled, the context was not: %s", j.fateString())
		w.must(!j.refused || j.attempts() == 0 && j.received == 0, "refused and yet: %s", j.fateString())
		w.must(j.received == 0 || j.accepted || !j.call.returned, "not accepted and yet: %s", j.fateString())
		w.must(!j.notRun || w.cancelled || j.call.ctx.Err() != nil, "nobody has cancelled and yet: %s", j.fateString())
	}
	return running, places
}

// checkBounds holds the pool against G2 and G3.
func (w *world) checkBounds(s workerpool.Stats, places int) {
	w.must(slices.Contains(w.sizes, s.Workers), "Workers is %d, not of %v", s.Workers, w.sizes)
	most := max(w.allowance, s.Workers)
	w.must(places <= most, "jobs run in %d places of %d", places, most)
	w.must(s.Busy <= max(most, w.last.Busy+w.last.Held), "Busy is %d of %d", s.Busy, most) // a result may wait in a place that is gone
	w.must(s.Busy >= w.active(), "Busy is %d and %d jobs run", s.Busy, w.active())
	w.must(s.Capacity == w.buffer, "Capacity is %d of a buffer of %d", s.Capacity, w.buffer)
	w.must(s.Queued <= w.buffer, "%d jobs wait in a buffer of %d", s.Queued, w.buffer)
	w.must(w.cancelled || s.Unread <= w.buffer, "%d results wait in a buffer of %d", s.Unread, w.buffer)
	// A job of a bulk call from inside a job counts as one that borrows that job's place;
	// all of them but one may be elsewhere.
	elsewhere := 0
	for _, j := range w.jobs {
		if j.running() && j.call.bulk != nil && j.borrows() {
			elsewhere++
		}
	}
	w.sizes, w.allowance = []int{s.Workers}, max(s.Workers, min(w.allowance, places+elsewhere))
}

// checkCounts holds the pool's own counts against the model's.
func (w *world) checkCounts(s workerpool.Stats, running int) {
	accepted, open := 0, 0
	for _, j := range w.jobs {
		if j.accepted {
			accepted++
		} else if !j.call.returned {
			open++
		}
	}
	w.must(int(s.Accepted) >= accepted && int(s.Accepted) <= accepted+open,
		"Accepted is %d, of %d to %d", s.Accepted, accepted, accepted+open)
	w.must(s.Rejected == w.rejected, "Rejected is %d of %d", s.Rejected, w.rejected)
	if w.hasBulk() { // it counts the jobs of a chunk when that ends
		w.must((s.Completed <= w.ended && s.Failed <= w.failed || w.again != retryNot) && s.Panicked <= w.panicked, "more than %d, %d, %d: %+v", w.ended, w.failed, w.panicked, s)
		w.must(s.Panicked <= s.Failed && s.Failed <= s.Completed && s.Completed+s.NotRun <= s.Accepted, "%+v", s)
		return
	}
	mayBe := uint64(0) // given up
	for _, j := range w.jobs {
		if j.gaveUp || w.mayGiveUp(j) {
			mayBe++
		}
	}
	w.must(s.Completed >= w.ended && s.Completed <= w.ended+mayBe, "Completed is %d of %d, or %d more", s.Completed, w.ended, mayBe)
	w.must(s.Failed >= w.failed && s.Failed <= w.failed+mayBe, "Failed is %d of %d, or %d more", s.Failed, w.failed, mayBe)
	w.must(s.Panicked == w.panicked, "Panicked is %d of %d", s.Panicked, w.panicked)
	// Of a pool that shrank, workers may hold jobs that are in neither. What a bulk call
	// has left in the queue is no job.
	known := s.Completed + s.NotRun + uint64(s.Queued+running)
	w.must(s.Accepted == known || w.again != retryNot && s.Accepted > known && s.Accepted <= known+uint64(s.Retrying+s.Held) || w.resized && s.Accepted > known || w.manyAtOnce && s.Accepted < known,
		"Accepted is %d, and %d are completed, not run, queued or running: %+v", s.Accepted, known, s)
}

// checkWaiting looks whether those who wait have a reason.
func (w *world) checkWaiting(s workerpool.Stats, running int) {
	full := s.Queued == s.Capacity && s.Busy+s.Held >= s.Workers
	idle := s.Queued == 0 && s.Busy == 0 && running == 0 && s.Held == 0 && s.Retrying == 0
	w.must(!w.cancelled || s.Held == 0 && s.Retrying == 0, "cancelled, and a job waits for its next attempt: %+v", s)
	w.must(w.cancelled || s.Queued == 0 || s.Busy+s.Held >= s.Workers, "a job waits and a worker does too: %+v", s)
	w.must(!w.cancelled || s.Queued == 0, "cancelled, and a job waits: %+v", s)
	w.calls = slices.DeleteFunc(w.calls, func(p *pending) bool { return p.returned })
	for _, p := range w.calls {
		if p.bulk != nil {
			w.checkBulk(p, s)
			continue
		}
		if p.inside != nil {
			w.checkNested(p, s)
			continue
		}
		name := callNames[p.op]
		if p.op != callStop && p.op != callRange {
			w.must(p.ctx.Err() == nil, "%s waits though its context has ended", name)
		}
		switch p.op {
		case callSubmit:
			w.must(full && !w.closing, "Submit waits for a place: %+v", s)
		case callDo, callTryDo:
			w.must(p.job.running() || !w.cancelled, "%s waits for a job that does not run: %s", name, p.job.fateString())
		case callWait, callShutdown:
			w.must(!idle || w.hasBulk(), "%s waits for an idle pool: %+v", name, s)
		case callStop:
			w.must(running > 0, "Stop waits and nothing runs: %+v", s)
		case callRange:
			w.must(!idle || !w.closing || w.hasBulk(), "a range over Results goes on after the end: %+v", s)
		default:
			w.fail("%s waits", name)
		}
	}
}

// checkNested holds a call from inside a job against G10: it doesn't wait for a place,
// unless another call of that job has it.
func (w *world) checkNested(p *pending, s workerpool.Stats) {
	if !p.inside.running() || p.job.attempts() > 0 || s.Held > 0 { // perhaps it has the place
		return
	}
	w.must(w.hasPendingRival(p), "%s from inside job%d waits: %s", callNames[p.op], p.inside.id, p.job.fateString())
}

// hasPendingRival reports whether another call from inside the same job waits too.
func (w *world) hasPendingRival(p *pending) bool {
	return slices.ContainsFunc(w.calls, func(o *pending) bool { return o.inside == p.inside && o != p })
}

// hasBulk reports whether a bulk call has not returned.
func (w *world) hasBulk() bool {
	return slices.ContainsFunc(w.calls, func(p *pending) bool { return p.bulk != nil && !p.returned })
}

// active is how many jobs are inside Func and not inside a call to their pool.
func (w *world) active() (n int) {
	for _, j := range w.jobs {
		if j.running() && j.away == 0 {
			n++
		}
	}
	return n
}

// checkResults is for when somebody has seen Results closed: then all that was
// accepted has come.
func (w *world) checkResults() {
	if !w.closed {
		return
	}
	w.must(w.closing, "Results is closed, and the pool is not")
	for _, j := range w.jobs {
		if j.call.op.forResults() {
			w.must(j.settled(), "Results is closed: %s", j.fateString())
		}
	}
}

// checkEnd is for when all is over.
func (w *world) checkEnd() {
	_, more := <-w.pool.Results()
	s := w.pool.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.must(!more, "a result after the end")
	w.must(len(w.calls) == 0, "%d calls wait after the end", len(w.calls))
	notRun := 0
	for _, j := range w.jobs {
		w.must(j.settled(), "at the end: %s", j.fateString())
		if j.notRun {
			notRun++
		}
	}
	w.checkTold(s)
	w.must(int(s.NotRun) == notRun, "NotRun is %d of %d", s.NotRun, notRun)
	attempts := 0
	for _, j := range w.jobs {
		attempts += j.attempts()
	}
	w.must(int(s.Attempts) == attempts && s.Attempts == s.Completed+s.Retries, "at the end, of %d attempts: %+v", attempts, s)
	w.must(s.Retrying == 0 && s.Held == 0, "at the end: %+v", s)
	w.must(s.Accepted == s.Completed+s.NotRun && s.Busy == 0 && s.Queued == 0 && s.Unread == 0, "at the end: %+v", s)
}
