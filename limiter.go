package workerpool

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Limiter says when the next attempt of a job may start: see [WithLimiter]. Wait blocks until
// it may, or until ctx ends, the context that the job is to run under. Its error is that of a
// job which then is not called (again). It is called for jobs beside each other at once. A
// *rate.Limiter of golang.org/x/time/rate is one.
//
// One that also has a method
//
//	Observe(err error)
//
// is told how each attempt ended, with nil where it succeeded, so that it can learn: that of
// package autotune finds a quota in this way. A limiter that panics or calls runtime.Goexit
// has done so in place of the job, whose error says so, and wraps what Func returned, if it did.
//
// A nil of Wait need not be followed by an attempt: it is asked again for the same one after a
// pause that begins meanwhile, and not at all where the pool shrinks. Observe is called only after
// attempts. So a limiter cannot bound by these two how many run at once: that is for WithWorkers.
//
// A limiter must not wait for the pool that it limits, by Do for instance: its job has a worker,
// and no place yet that it could lend.
type Limiter interface {
	Wait(ctx context.Context) error
}

// guards reports whether a job may have to wait before it starts, or may start again.
func (p *Pool[T, R]) guards() bool {
	return p.limiter != nil || p.retry != nil || p.gate.shut.Load()
}

// permit waits until an attempt may start whose context is ctx. If it may not, the error is
// of ctx, or of the limiter.
//
// The gate comes first, so that nobody takes what the limiter has to give only to wait with
// it; and who comes from the limiter and finds the gate shut begins again.
func (w *worker[T, R]) permit(ctx context.Context) (err error) {
	p := w.pool
	w.pass = passage{ok: true}
	if p.limiter == nil && !p.gate.shut.Load() {
		return ctx.Err()
	}
	w.holdBack(1)
	defer w.holdBack(-1)
	for err = ctx.Err(); err == nil; err = ctx.Err() {
		if w.pass, err = p.awaitGate(ctx); err != nil {
			break
		}
		if p.limiter != nil {
			if err = w.askLimiter(ctx); err != nil {
				break
			}
		}
		if p.gate.stillHolds(w.pass) {
			break
		}
	}
	return err
}

// askLimiter waits for the limiter, inside the fence.
func (w *worker[T, R]) askLimiter(ctx context.Context) error {
	w.inFunc, w.inLimiter = true, true
	err := w.pool.limiter.Wait(ctx)
	w.inFunc, w.inLimiter = false, false
	return err
}

// holdBack counts a worker, with n = 1, whose job has to wait before it starts, or starts
// again; and, with n = -1, that it has not any more.
func (w *worker[T, R]) holdBack(n int64) {
	p := w.pool
	p.heldBack.Add(n)
	p.ledger.idle.Add(n)
	if w.wake != nil {
		p.heldOwn.Add(n)
		if n > 0 && p.excess.Load() > 0 { // those who hold may go on
			p.mu.Lock()
			p.room.Broadcast()
			p.mu.Unlock()
		}
	}
	switch {
	case w.tries.n > 0:
		p.backlog.inPlace.Add(n)
	case w.chunk == nil:
		p.heldNew.Add(n)
	}
}

// tellLimiter tells the limiter of an attempt that did not return.
func (w *worker[T, R]) tellLimiter(err error) {
	observe := w.pool.observe
	if observe == nil {
		return
	}
	done := make(chan struct{})
	go func() { // it may not return either
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				logPanic(w.pool.name, "the Observe of a limiter", newPanicError(v))
			}
		}()
		observe(err)
	}()
	<-done
}

// concludeLimiter is for a limiter that did not return, as err says.
func (w *worker[T, R]) concludeLimiter(err error) {
	if w.chunk != nil {
		w.limitedInChunk(w.bulk, w.chunk, err)
		return
	}
	w.giveUp(w.task, err)
}

// notRunByLimiter is the outcome of a job that the limiter did not let have its first attempt.
func (p *Pool[T, R]) notRunByLimiter(err error) error {
	return newError(p.name, []error{ErrNotRun, err}, "job not run: limiter: %s", ofLimiter(err))
}

// stoppedByLimiter is why a job does not have another.
func (p *Pool[T, R]) stoppedByLimiter(err error) error {
	return newError(p.name, []error{err}, "limiter: %s", ofLimiter(err))
}

// ofLimiter is what err says of a limiter, where that of a job that has panicked speaks of
// the job.
func ofLimiter(err error) string {
	return strings.TrimPrefix(fmt.Sprint(err), "workerpool: job ") // fmt contains a panic of Error
}

// waitHere waits in its place until a job has its next attempt, or ctx ends.
func (w *worker[T, R]) waitHere(ctx context.Context, wait time.Duration) {
	w.holdBack(1)
	defer w.holdBack(-1)
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
