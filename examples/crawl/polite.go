package main

import (
	"context"
	"time"
)

// host is one of the hosts that are crawled, and how not to be a burden to it: there are
// only so many requests to it at once, and some time between the starts of two.
//
// A job that waits for either keeps its worker. With one host there is no use in more
// workers than it takes requests at once.
type host struct {
	rules rules  // of its robots.txt
	slots *slots // one for each request
	delay time.Duration
	turn  chan time.Time // when the last request started; who has it is the next to start
}

func newHost(atOnce int, delay time.Duration) *host {
	h := &host{slots: newSlots(atOnce), delay: delay, turn: make(chan time.Time, 1)}
	h.turn <- time.Time{}
	return h
}

// enter waits until another request may start, or ctx ends, and returns why then. Who
// has entered has to leave.
func (h *host) enter(ctx context.Context) error {
	if err := h.slots.enter(ctx); err != nil {
		return err
	}
	if err := h.awaitTurn(ctx); err != nil {
		h.leave()
		return err
	}
	return nil
}

func (h *host) leave() { h.slots.leave() }

// awaitTurn waits until delay has passed since the last start. The delay is a minimum: a
// start that comes late moves the next one too, where a limiter that goes by the clock
// (golang.org/x/time/rate) would let that one catch up.
func (h *host) awaitTurn(ctx context.Context) error {
	select {
	case last := <-h.turn:
		err := pause(ctx, time.Until(last.Add(h.delay)))
		if err == nil {
			last = time.Now()
		}
		h.turn <- last
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pause waits for d, or until ctx ends, and returns why then.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
