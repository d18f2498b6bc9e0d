package natspool

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// batchAhead is how many jobs of SubmitAll are on their way at once.
const batchAhead = 2048

// batch is a call of SubmitAll.
type batch struct {
	b      *base
	ctx    context.Context
	places chan struct{} // one for each job on its way
	parked parked        // those of them that the queue had no place for
	stored atomic.Int64

	givenUp atomic.Bool // a job that may not be stored

	mu   sync.Mutex
	bad  error // the first job that the server will never take, or that the pool was closed
	last error // why a job is not stored yet
}

func (b *base) submitAll(ctx context.Context, jobs iter.Seq2[[]byte, error]) (n int, err error) {
	if err := b.enter("SubmitAll"); err != nil {
		return 0, err
	}
	defer b.exit()
	out, err := newOutbox(context.Background(), b.nc, 2*batchAhead)
	if err != nil {
		return 0, b.cfg.error([]error{err}, "SubmitAll: %v", err)
	}
	t := &batch{b: b, ctx: ctx, places: make(chan struct{}, batchAhead)}
	defer t.giveUp(out)
	for data, err := range jobs {
		if err == nil && len(data) > b.cfg.maxJobBytes {
			err = b.cfg.error([]error{ErrTooLarge}, "SubmitAll: job of %d bytes: WithMaxJobBytes is %d", len(data), b.cfg.maxJobBytes)
		}
		if err != nil {
			t.fail(b.cfg.error([]error{err}, "SubmitAll: encoding a job: %v", err))
			break
		}
		if !t.place() {
			break
		}
		t.send(out, data)
	}
	return t.end(out)
}

// place waits until a job may be sent.
func (t *batch) place() bool {
	if t.failed() != nil {
		return false
	}
	select {
	case t.places <- struct{}{}:
		return t.ctx.Err() == nil
	case <-t.ctx.Done():
	case <-t.b.closing:
		t.fail(t.b.closedError("SubmitAll"))
	}
	return false
}

func (t *batch) send(out *outbox, data []byte) {
	msg, opts := t.b.message(submission{id: NewID()}, t.b.cfg.mailbox, data)
	turn := false // it was sent when others waited too
	p := &parcel{msg: msg, opts: opts}
	p.park = func(again func()) {
		t.parked.refuse(func() { turn = true; again() }, turn)
	}
	p.settle = func(a answer, err error) bool {
		switch {
		case a == taken, a == known: // then an answer was lost before
			t.stored.Add(1)
			t.b.submitted.Add(1)
		case a == never:
			t.fail(t.b.cfg.error([]error{t.b.hopeless(err), err}, "SubmitAll: %v", err))
		case t.ctx.Err() == nil && a != givenUp:
			t.note(err)
			return true
		default:
			t.givenUp.Store(true)
		}
		if turn {
			t.parked.accept()
		}
		<-t.places
		return false
	}
	out.hold(p)
	if send := func() { out.publish(p) }; !t.parked.join(func() { turn = true; send() }) {
		send()
	}
}

// giveUp sends nothing again.
func (t *batch) giveUp(out *outbox) {
	out.close()
	t.parked.flush()
}

// end waits for what is on its way.
func (t *batch) end(out *outbox) (int, error) {
	select {
	case <-out.settled():
	case <-t.ctx.Done():
	case <-t.b.closing: // what waits for a place has none; what is on its way may be stored
		t.giveUp(out)
		if <-out.settled(); t.givenUp.Load() {
			t.fail(t.b.closedError("SubmitAll"))
		}
	}
	n := int(t.stored.Load())
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.bad != nil:
		return n, t.bad
	case t.ctx.Err() != nil:
		return n, t.b.notStored(t.ctx, "SubmitAll", t.last)
	}
	return n, nil
}

func (t *batch) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bad == nil {
		t.bad = err
	}
}

func (t *batch) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = err
}

func (t *batch) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bad
}
