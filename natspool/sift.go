package natspool

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sift looks at jobs that the server had given to somebody before: why did they come back?
func (w *worker) sift() {
	for r := range w.again {
		w.look(r)
	}
}

func (w *worker) look(r *run) {
	for n := 1; ; n++ {
		finished, err := w.past(r)
		switch {
		case err == nil && finished:
			w.acknowledge(r) // only the acknowledgement was lost
			return
		case err == nil:
			w.sort(r)
			return
		case r.hold.lost():
			w.release(r)
			return
		case w.stopped.Err() != nil:
			// Without a note: what is known of the job could not be read, and would be overwritten.
			w.counts.handedBack.Add(1)
			w.answer(r, r.hold.msg.Nak())
			return
		}
		sleep(w.stopped, pause(n))
	}
}

// past asks the server whether the job has a result, and what is known of it.
func (w *worker) past(r *run) (finished bool, err error) {
	ctx, cancel := context.WithTimeout(w.stopped, askTimeout)
	defer cancel()
	_, err = w.r.results.GetLastMsgForSubject(ctx, w.r.subject("res", r.String()))
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, err
	}
	return false, w.readNote(ctx, r)
}

const askTimeout = 2 * time.Second

// sort sends a job on its way, according to what is known.
func (w *worker) sort(r *run) {
	explained := r.delivered-1 <= r.note.Explained
	if early := time.Until(r.note.After); early > 0 && explained {
		// The server has forgotten how long it was to wait, as it does when it is started anew.
		r.wait = early
		w.putBack(r)
		return
	}
	if explained {
		w.start(r)
		return
	}
	if r.note.Open {
		r.note.Open = false
		r.note.Crashes++
	}
	r.state.Store(waits)
	if w.leaving.Load() && r.state.CompareAndSwap(waits, returned) { // giveBack may be over
		w.handBack(r)
		return
	}
	w.suspects <- r
}

// lane runs jobs one at a time that may have ended a process, and those that were beside
// them there. What it is about to begin it notes before.
func (w *worker) lane() {
	for r := range w.suspects {
		if !r.state.CompareAndSwap(waits, begun) { // giveBack has it
			continue
		}
		if w.stopped.Err() != nil || w.leaving.Load() {
			w.handBack(r)
			continue
		}
		if r.note.Crashes >= w.cfg.maxCrashes {
			w.fail(r, crashError(r.note.Crashes))
			continue
		}
		r.alone, r.note.Open = true, true
		noted, done := make(chan struct{}), make(chan struct{})
		w.writeNote(r, func() { close(noted) })
		<-noted
		r.done = done
		w.start(r)
		<-done
	}
}
