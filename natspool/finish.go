package natspool

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/boundedgo/workerpool"
)

// errHandBack is the outcome of a job that did not begin because its pool leaves.
var errHandBack = errors.New("natspool: handed back")

// finishAll sees to what the pool in this process made of the jobs.
func (w *worker) finishAll() {
	for result := range w.pool.Results() {
		w.finish(result.Job, result.Value, plain(result.Err))
	}
}

// plain takes the wrapping off that run has put on.
func plain(err error) error {
	if t, ok := err.(*tried); ok { //nolint:errorlint // what is inside another error stays there
		return t.err
	}
	return err
}

func (w *worker) finish(r *run, value []byte, err error) {
	switch {
	case !r.mine(): // it was given back
		return
	case r.hold.lost():
		w.counts.leaseLost.Add(1)
		w.letGo(r)
		return
	case err == nil:
		w.succeed(r, value)
		return
	}
	v := w.judge(err)
	switch {
	case v.handBack, w.stopped.Err() != nil && !v.final:
		// It was interrupted, or has not begun: not its own failure. Whoever gets it next will
		// try it as if this had not been.
		w.handBack(r)
	case r.again:
		w.counts.retried.Add(1)
		r.note.Attempts++
		w.putBack(r)
	default:
		w.failAs(r, v.failure, r.hold.msg.Data)
	}
}

// verdict is what an error means for its job.
type verdict struct {
	handBack bool   // the job did not begin
	final    bool   // it says something about the job, even when the pool was stopped meanwhile
	failure  []byte // of encodeError
}

// judge calls methods of an error which may be anything: one that panics or ends the goroutine
// is to cost no more than its text.
func (w *worker) judge(err error) (v verdict) {
	v = verdict{final: true, failure: encodeError(fmt.Errorf("%T, whose methods end the goroutine", err), nil)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, panicked := as[*workerpool.PanicError](err)
		v = verdict{is(err, errHandBack), panicked || is(err, workerpool.ErrGoexit), encodeError(err, w.cfg.errs)}
	}()
	<-done
	return v
}

// succeed stores the result of a job that returned value.
func (w *worker) succeed(r *run, value []byte) {
	o := w.outcome(r)
	o.value = value
	w.store(r, o)
}

// fail stores the failure of a job as a dead letter, and then as its result: in this order,
// so that there is no result without its dead letter.
func (w *worker) fail(r *run, err error) { w.failAs(r, encodeError(err, w.cfg.errs), r.hold.msg.Data) }

func (w *worker) failAs(r *run, failure, job []byte) {
	o := w.outcome(r)
	o.failure, o.job = failure, job
	// A Do has told its caller, and nobody could find the dead letter.
	if w.r.dead == nil || isPrivate(r.mailbox) {
		w.store(r, o)
		return
	}
	told := false
	w.outbox.send(&parcel{
		subject: w.r.subject("dead", r.String()), data: o.encode(),
		owner: ownerFunc(func(a answer, _ error) bool {
			switch a {
			case taken, known:
				w.counts.deadLettered.Add(1)
				w.store(r, o)
				return false
			case givenUp:
				w.letGo(r)
				return false
			case never:
				if o.shrink() {
					w.failAs(r, o.failure, o.job)
				} else {
					w.letGo(r)
				}
				return false
			case full:
				if !told {
					told = true
					w.cfg.logger.Warn("natspool: no room for another dead letter; the job waits", "pool", w.cfg.name, "id", r.id)
				}
			}
			return true
		}),
	})
}

// outcome is what there is to say of a job, whatever became of it.
func (w *worker) outcome(r *run) *outcome {
	attempts := r.attempts()
	if r.started.IsZero() {
		attempts = r.note.Attempts
	}
	return &outcome{
		job: r.hold.msg.Data, attempts: attempts, key: r.key, worker: w.cfg.process,
		submitted: r.submitted, started: r.started, finished: r.finished,
	}
}

// store stores a result, and then acknowledges the job. The server refuses it if there is one
// already: then the job was run twice, and the first counts.
func (w *worker) store(r *run, o *outcome) {
	p := &resultParcel{w: w, r: r, o: o}
	p.parcel = parcel{subject: w.results + r.String(), data: o.encode(), owner: p}
	if isPrivate(r.mailbox) {
		p.header = nats.Header{jetstream.MsgTTLHeader: {privateTTL.String()}}
	}
	w.outbox.send(&p.parcel)
}

// resultParcel is a result on its way.
type resultParcel struct {
	parcel
	w *worker
	r *run
	o *outcome
}

func (p *resultParcel) settle(a answer, err error) bool {
	w, r := p.w, p.r
	switch a {
	case taken, known:
		w.countStored(p.o, a)
		w.removeNote(r)
		w.acknowledge(r)
	case givenUp:
		w.letGo(r)
	case never:
		w.tooLarge(r, p.o, err)
	case full:
		w.warnFull()
		return true
	default:
		return true
	}
	return false
}

func (w *worker) countStored(o *outcome, a answer) {
	switch {
	case a == known:
		w.counts.suppressed.Add(1)
	case len(o.failure) > 0:
		w.counts.failed.Add(1)
	default:
		w.counts.completed.Add(1)
	}
}

// warnFull says from time to time that work stands still.
func (w *worker) warnFull() {
	const every = time.Minute
	now, last := time.Now().UnixNano(), w.warned.Load()
	if now-last > int64(every) && w.warned.CompareAndSwap(last, now) {
		w.cfg.logger.Warn("natspool: no room for another result; workers wait until somebody reads (WithResultCapacity)",
			"pool", w.cfg.name, "results", w.cfg.resultCapacity)
	}
}

// shrink makes a failure smaller that the server will never take beside its job, and at last does
// without the job. It reports false if there is nothing to leave out.
func (o *outcome) shrink() bool {
	const small = 512
	switch {
	case len(o.failure) > small:
		o.failure = encodeError(fmt.Errorf("%w: an error of %d bytes, with its job of %d", ErrTooLarge, len(o.failure), len(o.job)), nil)
	case len(o.job) > 0:
		o.job, o.failure = nil, markJobless(o.failure)
	default:
		return false
	}
	return true
}

// tooLarge is for a result that the server will never take. Its job was small enough; an error
// beside it need not be.
func (w *worker) tooLarge(r *run, o *outcome, err error) {
	if len(o.value) == 0 && o.shrink() {
		w.store(r, o)
		return
	}
	if len(o.value) == 0 {
		w.cfg.logger.Error("natspool: the server takes no result of this job", "pool", w.cfg.name, "id", r.id, "error", err)
		w.letGo(r)
		return
	}
	w.fail(r, fmt.Errorf("%w: a value of %d bytes, with its job of %d: %w", ErrTooLarge, len(o.value), len(o.job), err))
}

// putBack has the server give the job to somebody when r.wait is over. Why is noted before.
func (w *worker) putBack(r *run) {
	r.note.Open, r.note.Explained = false, r.delivered
	r.note.After = time.Now().Add(r.wait)
	w.writeNote(r, func() {
		w.answer(r, r.hold.msg.NakWithDelay(max(r.wait, time.Millisecond)))
	})
}

// handBack has the server give the job to somebody else, at once.
func (w *worker) handBack(r *run) {
	w.counts.handedBack.Add(1)
	r.note.Open, r.note.Explained = false, r.delivered
	w.writeNote(r, func() { w.answer(r, r.hold.msg.Nak()) })
}

// letGo is for a job that somebody else will have, or has, when the lease is over.
func (w *worker) letGo(r *run) {
	if r.alone {
		r.note.Open, r.note.Explained = false, r.delivered
		w.writeNote(r, func() { w.release(r) })
		return
	}
	w.release(r)
}

func (w *worker) acknowledge(r *run) { w.answer(r, r.hold.msg.Ack()) }

// answer is called when the server was told what became of the job. If it does not hear of it
// the job will come again, and be found finished.
func (w *worker) answer(r *run, err error) {
	if err != nil {
		w.cfg.logger.Warn("natspool: cannot answer for a job; it will come again", "pool", w.cfg.name, "id", r.id, "error", err)
	}
	w.release(r)
}

func (w *worker) release(r *run) {
	w.leases.drop(r.hold)
	r.credits.give(1)
	if r.done != nil {
		close(r.done)
		r.done = nil
	}
}

func crashError(n int) error { return fmt.Errorf("%w %d times", ErrCrashed, n) }
