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
	out    *outbox
	prefix string        // of the subjects of its jobs
	places chan struct{} // one for each job on its way
	parked parked        // those of them that the queue had no place for
	stored atomic.Int64

	mu   sync.Mutex
	bad  error // the first job that the server will never take, or that the pool was closed
	last error // why a job is not stored yet
}

func (b *base) submitAll(ctx context.Context, jobs iter.Seq2[[]byte, error]) (n int, err error) {
	if err := b.enter("SubmitAll"); err != nil {
		return 0, err
	}
	defer b.exit()
	out, err := b.batchOutbox()
	if err != nil {
		return 0, b.cfg.error([]error{err}, "SubmitAll: %v", err)
	}
	t := &batch{b: b, ctx: ctx, out: out, places: make(chan struct{}, batchAhead)}
	t.prefix = b.remote.subject("job", laneAny, b.cfg.mailbox) + "."
	defer t.parked.flush() // when ctx has ended; each is told so
	for data, err := range jobs {
		if err != nil {
			t.fail(b.cfg.error([]error{err}, "SubmitAll: encoding a job: %v", err))
			break
		}
		if len(data) > b.cfg.maxJobBytes {
			t.fail(b.tooLarge("SubmitAll", len(data)))
			break
		}
		if !t.place() {
			break
		}
		t.send(data)
	}
	return t.end()
}

// batchOutbox is what all calls of SubmitAll share; the first makes it.
func (b *base) batchOutbox() (*outbox, error) {
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.batches != nil {
		return b.batches, nil
	}
	out, err := newOutbox(b.stopped.ctx, b.nc, b.line)
	b.batches = out
	return out, err
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

// batchJob is a job of a batch on its way.
type batchJob struct {
	parcel
	t    *batch
	turn bool // it was sent when others waited too
}

func (t *batch) send(data []byte) {
	j := &batchJob{t: t}
	// Without a message id, which costs the server a fifth of the time. It would tell a job that is
	// stored again since its answer was lost, and that has run meanwhile; its subject does while it
	// is in the queue.
	j.parcel = parcel{subject: t.prefix + NewID(), data: data, owner: j}
	t.out.hold(&j.parcel)
	if !t.parked.join(j.sendInTurn) {
		t.out.publish(&j.parcel)
	}
}

func (j *batchJob) sendInTurn() {
	j.turn = true
	j.t.out.publish(&j.parcel)
}

func (j *batchJob) park() { j.t.parked.refuse(j.sendInTurn, j.turn) }

func (j *batchJob) settle(a answer, err error) bool {
	t := j.t
	switch {
	case a == taken, a == known: // then an answer was lost before
		t.stored.Add(1)
		t.b.submitted.Add(1)
	case a == never:
		t.fail(t.b.cfg.error([]error{t.b.hopeless(err), err}, "SubmitAll: %v", err))
	case a == full && t.b.inside(t.ctx): // all workers might wait for a place
		t.fail(t.b.fullError("SubmitAll"))
	case t.ctx.Err() == nil && a != givenUp && !t.b.isClosed():
		t.note(err)
		return true
	case t.ctx.Err() == nil:
		t.fail(t.b.closedError("SubmitAll"))
	}
	if j.turn {
		t.parked.accept()
	}
	<-t.places
	return false
}

// end waits for what is on its way: it has all places then.
func (t *batch) end() (int, error) {
	closing := t.b.closing
	for i := 0; i < cap(t.places) && t.ctx.Err() == nil; {
		select {
		case t.places <- struct{}{}:
			i++
		case <-closing: // what waits for a place has none, which it is to hear
			closing = nil
			t.parked.flush()
		case <-t.ctx.Done():
		}
	}
	n := int(t.stored.Load())
	if err := t.failed(); err != nil {
		return n, err
	}
	if t.ctx.Err() != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
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
