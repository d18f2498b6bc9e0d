package workerpool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// RetryAfter returns an error that says err and, to the pool whose job returns it, that the
// other side wants to be left alone for d: that is what a server means by 429 or 503 with
// Retry-After. Package retry makes such errors of HTTP responses. It is nil if err is.
//
// The pool then starts no job for d, on whatever attempt, and of several such errors the
// latest end counts. What runs goes on. When the time is over one job goes first, as a
// probe. The others follow when it succeeds, or else 1, 2, 4, ... more every 100 ms for as
// long as none is turned away again, since a probe may take long. So a pool belongs to one
// downstream: one host's 429 pauses all of its jobs. A d of 0, or less, says that the other
// side is overloaded and gave no hint. It pauses nothing, and counts as Throttled in [Stats].
//
// The job has another attempt only with [WithRetry], where its policy says so, and d, or the
// wait of the policy if that is longer, has passed. Else the error is its outcome. d is taken
// as it is: cap what a server says, as package retry does.
//
// What counts is the RetryAfter that errors.As finds in the error, the first of several. A job
// that passes on one which it was given, by a call to this pool or another, reports it again.
// [errors.Is] and [errors.As] see through to err. The error has a method
// RetryAfter() time.Duration, for limiters that want to know (see [Limiter]).
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryAfterError{err, max(0, d)}
}

type retryAfterError struct {
	err   error
	after time.Duration
}

func (e *retryAfterError) Error() string {
	if e.after == 0 {
		return e.err.Error()
	}
	return fmt.Sprintf("%v (retry after %v)", e.err, e.after)
}

func (e *retryAfterError) Unwrap() error             { return e.err }
func (e *retryAfterError) RetryAfter() time.Duration { return e.after }

// rampStep is how long after each other groups of jobs start as long as no probe has
// succeeded, and rampSteps after how many of these the gate is open: the last group is
// larger than any pool.
const (
	rampStep  = 100 * time.Millisecond
	rampSteps = 21
)

// gate keeps a pool from starting jobs until a time that one of them was told.
//
// It has no timer and no goroutine: each worker that waits has a timer of its own. While it
// is shut the pool's alert is on, so that workers look; while it is open nobody does.
//
// Rejected: to let exactly one job go first and all others wait for its end. Where jobs take
// seconds, that is as good as closed.
type gate struct {
	shut      atomic.Bool // until a probe has succeeded
	throttled atomic.Uint64

	mu      sync.Mutex
	until   time.Time
	first   time.Time     // when the first probe went, or zero
	probes  int           // how many went
	epoch   uint64        // counts how often probes began anew, so that the success of an older one is none
	changed chan struct{} // closed when it opens, or is shut until later
}

// shutUntil shuts the gate until t, and reports whether it was not yet.
func (g *gate) shutUntil(t time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut.Load() && !t.After(g.until) {
		return false
	}
	g.until, g.first, g.probes = t, time.Time{}, 0
	g.epoch++
	g.shut.Store(true)
	g.tell()
	return true
}

// probed is for a probe of the given epoch that has succeeded, or was turned away without a
// hint. It reports whether that has opened the gate.
func (g *gate) probed(epoch uint64, ok bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut.Load() || g.epoch != epoch {
		return false
	}
	if !ok {
		g.first, g.probes = time.Now(), 1 // slowly again
		g.epoch++
		return false
	}
	g.open()
	return true
}

// open is called with mu held.
func (g *gate) open() {
	g.shut.Store(false)
	g.tell()
}

// tell is called with mu held.
func (g *gate) tell() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// pass reports whether a job may start now, in which epoch, and whether that has opened the
// gate. Where it may not, it says when to ask again: at a time, or when changed is closed.
func (g *gate) pass(now time.Time) (p passage, changed <-chan struct{}, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut.Load() {
		return passage{ok: true}, nil, at
	}
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	if now.Before(g.until) {
		return p, g.changed, g.until
	}
	if g.first.IsZero() {
		g.first = now
	}
	step := now.Sub(g.first) / rampStep
	if step >= rampSteps {
		g.open()
		return passage{ok: true, opened: true}, nil, at
	}
	if g.probes < 1<<step {
		g.probes++
		return passage{ok: true, epoch: g.epoch}, nil, at
	}
	return p, g.changed, g.first.Add((step + 1) * rampStep)
}

// passage is how a job came through the gate.
type passage struct {
	ok     bool
	opened bool
	epoch  uint64 // of a probe; 0: it was open
}

// state returns until when the gate is shut, and zero if it is open. A time that has passed
// says that probes go.
func (g *gate) state() (until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut.Load() {
		until = g.until
	}
	return until
}

// stillHolds reports whether who came through the gate as pass says may start: it was not shut
// since.
func (g *gate) stillHolds(pass passage) bool {
	if !g.shut.Load() {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.shut.Load() || g.epoch == pass.epoch
}

// awaitGate waits until a job may start, or ctx ends.
func (p *Pool[T, R]) awaitGate(ctx context.Context) (passage, error) {
	for {
		pass, changed, at := p.gate.pass(time.Now())
		if pass.opened {
			p.gateMoved()
		}
		if pass.ok {
			return pass, nil
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return pass, ctx.Err()
		}
		timer.Stop()
	}
}

// gateMoved is called when the gate was opened or shut: as long as it is shut workers look
// before each start, those that have a chunk at once.
func (p *Pool[T, R]) gateMoved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.countExcess()
	if p.gate.shut.Load() {
		p.alarm()
	}
}

// as finds one of the pool's own errors in that of a Func, as errors.As does. That calls
// methods of an error which may be anything, such as a nil pointer: one that panics is none of
// ours, and is passed on as it is.
func as[E error](err error) (found E, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	ok = errors.As(err, &found)
	return found, ok
}

// throttledBy is told of the error of each attempt, inside the fence. It shuts the gate if the
// error says so.
func (p *Pool[T, R]) throttledBy(err error) (throttled bool) {
	after, ok := as[*retryAfterError](err)
	if !ok {
		return false
	}
	p.gate.throttled.Add(1)
	if after.after == 0 {
		return true
	}
	if until := time.Now().Add(after.after); p.gate.shutUntil(until) {
		p.gateMoved()
		if p.observer != nil {
			p.observer.throttled(until)
		}
	}
	return true
}

// probed is told how an attempt ended that came through the gate as pass says.
func (p *Pool[T, R]) probed(pass passage, err error, throttled bool) {
	if pass.epoch != 0 && (err == nil || throttled) && p.gate.probed(pass.epoch, err == nil) {
		p.gateMoved()
	}
}
