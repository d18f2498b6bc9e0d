package modeltest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// fn is the Func of the pool: it does what the plan has for the job.
func (w *world) fn(ctx context.Context, j *job) (int, error) {
	if err := w.flop(j); err != nil {
		return 0, err
	}
	w.beginJob(ctx, j)
	defer w.endJob(j)
	for _, a := range j.acts {
		w.act(ctx, j, a)
	}
	end := j.end // which stays as the plan has it
	if end == endContext && ctx.Err() == nil {
		end = endReturn
	}
	w.mu.Lock()
	j.outcome = end
	j.timedOut = end == endContext && errors.Is(context.Cause(ctx), workerpool.ErrJobTimeout)
	w.mu.Unlock()
	switch end {
	case endFail:
		return 0, &jobError{j.id, errors.New("failed")}
	case endContext:
		return 0, &jobError{j.id, ctx.Err()}
	case endPanic:
		panic(j.id)
	case endPanicError:
		panic(&jobError{j.id, errors.New("panicked")})
	case endPanicNil:
		panic(nil)
	case endGoexit:
		runtime.Goexit()
	case endGoexitPanic:
		defer panic(&jobError{j.id, errors.New("panicked")})
		runtime.Goexit()
	}
	return j.id, nil
}

func (w *world) beginJob(ctx context.Context, j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.began++
	j.ctx = ctx
	w.must(j.began == 1, "began twice: %s", j.fateString())
	w.must(!j.notRun, "begins: %s", j.fateString())
	w.must(!w.over, "begins after the pool was cancelled: %s", j.fateString())
	w.must(w.active() <= w.allowance, "%d jobs run where %d may", w.active(), w.allowance)
	w.mustBeInOrder(j)
	j.beganAt = w.tick()
	var want any // for Submit the context is the pool's
	if !j.call.op.forResults() {
		want = j.call
	}
	w.must(ctx.Value(callKey{}) == want, "the context of job%d is not that of its caller", j.id)
}

// mustBeInOrder holds the only worker of a pool against G8: it begins j, so it has
// begun all that was accepted before the call with j began.
func (w *world) mustBeInOrder(j *job) {
	if w.workers != 1 || w.resized || j.parent != nil {
		return
	}
	if j.call.bulk != nil {
		w.mustBeInTurn(j)
	}
	for _, other := range w.jobs {
		if other.accepted && other.acceptedAt > 0 && other.acceptedAt < j.call.began {
			w.must(other.attempts() > 0 || other.notRun, "job%d begins before job%d", j.id, other.id)
		}
	}
}

func (w *world) endJob(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.ended++
	w.ended++
	switch j.outcome {
	case endReturn:
	case endPanic, endPanicError, endPanicNil, endGoexitPanic:
		w.panicked++
		w.failed++
	default:
		w.failed++
	}
	close(j.ends)
}

func (w *world) act(ctx context.Context, j *job, a act) {
	switch a.op {
	case actGate:
		w.gate(nil)
	case actPatient:
		w.gate(ctx.Done())
	case actSleep:
		select {
		case <-ctx.Done():
		case <-time.After(w.units(a.n)):
		}
	case actSubmit, actTrySubmit, actDo, actTryDo, actMap, actCollect, actStream:
		w.nest(ctx, nestedOps[a.op], j, a)
	case actTrio:
		w.goAway(j)
		var wg sync.WaitGroup
		wg.Go(func() { w.submitChild(ctx, callDo, j, a.jobs[0], a.patience) })
		wg.Go(func() { w.submitChild(ctx, callSubmit, j, a.jobs[1], 0) })
		wg.Go(func() { w.submitChild(ctx, callTryDo, j, a.jobs[2], 0) })
		wg.Wait()
		w.comeBack(j)
	case actLeave:
		w.goAway(j) // for good: what it leaves behind may have its place
		p := w.enter(ctx, callDo, a.jobs[0], j, a.patience)
		w.spawn(func() { w.perform(p, 0) })
	case actOrphan:
		w.spawn(func() {
			<-j.ends
			w.submitChild(ctx, callDo, j, a.jobs[0], a.patience)
		})
	case actResize:
		w.resize(a.n)
	case actClose:
		w.close()
		w.pool.Close()
		w.hasClosed()
	case actWait:
		w.mustRefuse("Wait", w.pool.Wait(ctx))
	case actShutdown:
		w.close()
		w.mustRefuse("Shutdown", w.pool.Shutdown(ctx))
		w.hasClosed()
	}
}

// gate waits until it is released, or done is closed.
func (w *world) gate(done <-chan struct{}) {
	gate := make(chan struct{})
	w.mu.Lock()
	w.gates = append(w.gates, gate)
	w.mu.Unlock()
	select {
	case <-gate:
	case <-done:
	case <-w.open:
	}
}

// goAway is for a job that is about to call its pool: until it is back it does not count
// as running.
func (w *world) goAway(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.away++
}

func (w *world) comeBack(j *job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.away--
	w.must(w.active() <= w.allowance, "%d jobs go on where %d may", w.active(), w.allowance)
}

// nestedOps are the calls that a job makes on its own goroutine.
var nestedOps = map[actOp]callOp{
	actSubmit: callSubmit, actTrySubmit: callTrySubmit, actDo: callDo, actTryDo: callTryDo,
	actMap: callMap, actCollect: callCollect, actStream: callStream,
}

// nest is a call from inside a job, on its goroutine.
func (w *world) nest(ctx context.Context, op callOp, j *job, a act) {
	w.goAway(j)
	if a.bulk != nil {
		w.perform(w.enterBulk(ctx, op, a.bulk, j, a.patience), 0)
	} else {
		w.submitChild(ctx, op, j, a.jobs[0], a.patience)
	}
	w.comeBack(j)
}

func (w *world) submitChild(ctx context.Context, op callOp, j, child *job, patience int) {
	w.perform(w.enter(ctx, op, child, j, patience), 0)
}

func (w *world) mustRefuse(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.must(err != nil, "%s waits for the job that calls it", name)
}
