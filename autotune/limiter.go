package autotune

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// Limiter is a [workerpool.Limiter] that learns a quota from attempts that are turned away:
// see [NewLimiter]. Its methods may be called from any goroutine, and several pools that
// share a quota may share it. The zero Limiter is one that has learned nothing yet.
type Limiter struct {
	mu    sync.Mutex
	turn  chan struct{} // who has it waits for the next start; the others wait for it, in order; nil until there are any
	pace  pace
	pause *pause // until an attempt has succeeded after it
}

var _ workerpool.Limiter = (*Limiter)(nil)

// NewLimiter returns a limiter for [workerpool.WithLimiter] that is told nothing: it lets
// everything start at once until an attempt is turned away, with an error that has a method
// RetryAfter() time.Duration, as those of [workerpool.RetryAfter] have. From then on attempts
// start evenly, as many a second as it takes the quota to be. For some seconds it searches
// that, at the cost of a few more that are turned away; then it stays a little below, and
// tries a little more once in a minute or so. Each time costs what the service makes of
// turning one away: where that is a Retry-After of 60 s, for which the pool starts nothing, it
// uses about half of a quota of 100 a second. Tell such a quota to a limiter that is not
// learning, if you can.
//
// It is for a quota that is a rate, of some attempts a second at least. It never goes below one
// a second, or one in the time that it was told to wait if that is longer; a quota that is less
// turns away all the others. And one of a few a second that allows none at once it does not get
// to stay below. It takes the service at its word: where that says to wait for less time than
// it takes until there is quota again, it learns too low a rate, for a quarter of a minute or so.
//
// It has no goroutine and no timer of its own, and needs no closing.
func NewLimiter() *Limiter { return &Limiter{} }

// Wait blocks until an attempt may start, or ctx ends: then it returns its cause. Who came
// first goes first, but for those who were waiting when an attempt was turned away.
func (l *Limiter) Wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if l.unlimited() {
		return nil
	}
	for {
		turn, epoch := l.line()
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		aside, err := l.await(ctx, epoch)
		<-turn
		if aside == nil || err != nil {
			return err
		}
		if err := until(ctx, aside.over, aside.at); err != nil {
			return err
		}
	}
}

// pause is one that those who have waited since before it stand aside for.
//
// The pool that they come from has its gate shut since: it will not let what they wait for
// start, whatever the limiter says. Whereas those that the gate lets pass first when the time
// has come, to see whether the others may follow, come here last; behind all the others they
// would be late by what those have to wait for in vain.
type pause struct {
	over chan struct{} // closed when an attempt has succeeded after it
	at   time.Time     // when it is over in any case
}

// await waits for the next start, in turn. If an attempt was turned away since epoch it
// returns what to stand aside for.
func (l *Limiter) await(ctx context.Context, epoch int) (aside *pause, err error) {
	for {
		wait, aside := l.next(epoch)
		if wait <= 0 || aside != nil {
			return aside, nil
		}
		if err := until(ctx, nil, time.Now().Add(wait)); err != nil {
			return nil, err
		}
	}
}

// until waits for a time, or until over is closed, or ctx ends: then it returns its cause.
func until(ctx context.Context, over <-chan struct{}, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-over:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// unlimited counts a start, if it may be now, as all may until the first was turned away.
func (l *Limiter) unlimited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pace.limits() {
		return false
	}
	l.pace.start(time.Now())
	return true
}

// line returns where to wait, and how often an attempt was turned away.
func (l *Limiter) line() (turn chan struct{}, epoch int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.turn == nil {
		l.turn = make(chan struct{}, 1)
	}
	return l.turn, l.pace.epoch
}

// next counts a start, if it may be now. Else it returns how long to wait before asking
// again, or what to stand aside for.
func (l *Limiter) next(epoch int) (wait time.Duration, aside *pause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if p := l.pause; p != nil && epoch != l.pace.epoch && now.Before(p.at) {
		was := *p // which Observe may put off
		return 0, &was
	}
	return l.pace.start(now), nil
}

// Observe tells the limiter how an attempt ended that it let start. The pool calls it. It
// does not block.
func (l *Limiter) Observe(err error) {
	after, away := retryAfter(err) // without the lock: methods of err may ask the limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	switch now := time.Now(); {
	case away:
		l.pace.turnedAway(now, after)
		if l.pause == nil {
			l.pause = &pause{over: make(chan struct{})}
		}
		l.pause.at = l.pace.until.Add(probeMost)
	case l.pause != nil && !l.pace.paused:
		close(l.pause.over)
		l.pause = nil
	}
}

// retryAfter reports whether err turns an attempt away, and for how long. It calls methods of
// an error which may be anything, such as a nil pointer: one that panics says nothing here, and
// is the outcome of its job as it is.
func retryAfter(err error) (after time.Duration, away bool) {
	defer func() {
		if recover() != nil {
			after, away = 0, false
		}
	}()
	var turnedAway interface{ RetryAfter() time.Duration }
	if err == nil || !errors.As(err, &turnedAway) {
		return 0, false
	}
	return turnedAway.RetryAfter(), true
}

// Rate returns how many attempts a second it lets start, and 0 as long as it knows of no bound:
// before the first is turned away it lets all start, and in the pause after that, until it goes
// on, none.
func (l *Limiter) Rate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pace.rate
}
