package natspool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A DeadLetter is a job that has failed for good, stored until somebody has seen to it.
type DeadLetter[T any] struct {
	ID        string
	Key       string
	Job       T
	Err       error  // as of its result
	DecodeErr error  // why Job could not be read, if it could not; it wraps ErrUndecodable
	Data      []byte // of the job; none if they had no room here: see WithMaxJobBytes
	Attempts  int
	Worker    string // where it failed
	Submitted time.Time
	Failed    time.Time // zero if it never began
}

// errJobless says what outcome.shrink has done.
var errJobless = errors.New("its bytes had no room beside its error, and were left out")

// DeadLetters goes through the dead letters of this mailbox that there are when a range over them
// begins, oldest first: what is requeued inside the range and fails again does not come again there.
// Each is one question to the server. The sequence ends after an error, which wraps [ErrUnavailable]
// or the cause of ctx.
func (p *Pool[T, R]) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter[T], error] {
	return func(yield func(DeadLetter[T], error) bool) {
		last, err := p.b.lastDead(ctx)
		if err != nil {
			yield(DeadLetter[T]{}, err)
			return
		}
		for seq := uint64(1); seq <= last; seq++ {
			msg, err := p.b.nextDead(ctx, seq)
			if err != nil {
				yield(DeadLetter[T]{}, err)
				return
			}
			if msg == nil || msg.Sequence > last || !yield(p.deadLetter(msg), nil) {
				return
			}
			seq = msg.Sequence
		}
	}
}

func (p *Pool[T, R]) deadLetter(msg *jetstream.RawStreamMsg) DeadLetter[T] {
	a, _ := addressOf(msg.Subject)
	d := DeadLetter[T]{ID: a.id}
	o, err := decodeOutcome(msg.Data)
	if err != nil {
		d.DecodeErr = fmt.Errorf("%w: %w", ErrUndecodable, err)
		return d
	}
	d.Key, d.Data, d.Attempts, d.Worker, d.Submitted, d.Failed = o.key, o.job, o.attempts, o.worker, o.submitted, o.finished
	d.Err = decodeError(o.failure, p.b.cfg.errs)
	switch err := p.codec.unmarshal(o.job, &d.Job); {
	case isJobless(o.failure):
		d.DecodeErr = fmt.Errorf("%w the job of %q: %w", ErrUndecodable, a.id, errJobless)
	case err != nil:
		d.DecodeErr = fmt.Errorf("%w the job of %q: %w", ErrUndecodable, a.id, err)
	}
	return d
}

// lastDead returns where the dead letters of all mailboxes end now.
func (b *base) lastDead(ctx context.Context) (uint64, error) {
	if ctx == nil {
		return 0, b.cfg.error(nil, "DeadLetters: nil context")
	}
	if b.remote.dead == nil {
		return 0, nil
	}
	info, err := b.remote.dead.Info(ctx)
	if err != nil {
		return 0, b.noAnswer(ctx, "DeadLetters", err)
	}
	return info.State.LastSeq, nil
}

// nextDead returns the first dead letter of this mailbox from seq on, or nil.
func (b *base) nextDead(ctx context.Context, seq uint64) (*jetstream.RawStreamMsg, error) {
	msg, err := b.remote.dead.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(b.remote.subject("dead", b.cfg.mailbox, "*")))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil
	case err != nil || ctx.Err() != nil:
		return nil, b.noAnswer(ctx, "DeadLetters", err)
	}
	return msg, nil
}

// Requeue has a dead letter run again as if it were new, with all its attempts, and removes it.
// The job has another result then: the one that said it had failed is removed, if it is
// still kept. A job that has succeeded after all, since a worker or a server was lost before its
// failure was stored everywhere, does not run again. It blocks until there is a place, or ctx
// ends. Its error is one of those of Submit, or wraps [ErrNotFound], or [ErrTooLarge] if the dead
// letter has no room for the bytes of its job.
func (p *Pool[T, R]) Requeue(ctx context.Context, id string) error {
	msg, err := p.b.deadByID(ctx, "Requeue", id)
	if err != nil {
		return err
	}
	return p.b.requeue(ctx, id, msg)
}

// Discard removes a dead letter. Its error wraps [ErrNotFound] or [ErrUnavailable].
func (p *Pool[T, R]) Discard(ctx context.Context, id string) error {
	msg, err := p.b.deadByID(ctx, "Discard", id)
	if err != nil {
		return err
	}
	return p.b.removeDead(ctx, "Discard", msg)
}

func (b *base) deadByID(ctx context.Context, op, id string) (*jetstream.RawStreamMsg, error) {
	if b.remote.dead == nil {
		return nil, b.cfg.error([]error{ErrNotFound}, "%s: the pool has no dead letters", op)
	}
	return b.byID(ctx, op, b.remote.dead, "dead", id)
}

// byID finds the message of this mailbox's job id.
func (b *base) byID(ctx context.Context, op string, s jetstream.Stream, kind, id string) (*jetstream.RawStreamMsg, error) {
	if ctx == nil {
		return nil, b.cfg.error(nil, "%s: nil context", op)
	}
	if err := checkToken(id, maxID); err != nil {
		return nil, b.cfg.error([]error{ErrNotFound}, "%s: id %v", op, err)
	}
	msg, err := s.GetLastMsgForSubject(ctx, b.remote.subject(kind, b.cfg.mailbox, id))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, b.cfg.error([]error{ErrNotFound}, "%s: %q: not found", op, id)
	case err != nil || ctx.Err() != nil:
		return nil, b.noAnswer(ctx, op, err)
	}
	return msg, nil
}

func (b *base) lookup(ctx context.Context, id string) (*letter, error) {
	msg, err := b.byID(ctx, "Lookup", b.remote.results, "res", id)
	if err != nil {
		return nil, err
	}
	l := &letter{address: address{b.cfg.mailbox, id}}
	l.outcome, l.err = decodeOutcome(msg.Data)
	return l, nil
}

// requeue removes the result first: the job could not bring another one. When it ends in
// between, the dead letter is still there.
func (b *base) requeue(ctx context.Context, id string, msg *jetstream.RawStreamMsg) error {
	o, err := decodeOutcome(msg.Data)
	if err != nil {
		return b.cfg.error([]error{ErrUndecodable, err}, "Requeue: %v", err)
	}
	if isJobless(o.failure) {
		return b.cfg.error([]error{ErrTooLarge}, "Requeue: %q: %v", id, errJobless)
	}
	if o.key != "" && b.cfg.partitions == 0 {
		return b.cfg.error(nil, "Requeue: %q has a key, and this pool no partitions", id)
	}
	if err := b.enter("Requeue"); err != nil {
		return err
	}
	defer b.exit()
	if err := b.awaitPlace(ctx, "Requeue"); err != nil {
		return err
	}
	a := address{b.cfg.mailbox, id}
	again, err := b.untilGone(ctx, a, o)
	var result *jetstream.RawStreamMsg
	if err == nil && !again {
		result, again, err = b.removeResult(ctx, a, o)
	}
	switch {
	case ctx.Err() != nil:
		return b.contextError(ctx, "Requeue")
	case err != nil:
		return b.unavailable("Requeue", err)
	case again: // by somebody else
		return b.removeDead(ctx, "Requeue", msg)
	}
	if err := b.resubmit(ctx, a, o); err != nil {
		b.restore(result)
		return err
	}
	return b.removeDead(ctx, "Requeue", msg)
}

// awaitPlace waits until there is a place in the queue.
func (b *base) awaitPlace(ctx context.Context, op string) error {
	for n := 1; ctx.Err() == nil; n++ {
		info, err := b.remote.jobs.Info(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			return b.unavailable(op, err)
		case err == nil && info.State.Msgs < uint64(b.cfg.capacity):
			return nil
		case b.inside(ctx):
			return b.fullError(op)
		}
		if err := b.anotherTry(ctx, op, n); err != nil {
			return err
		}
	}
	return b.notStored(ctx, op, nil)
}

// resubmit stores the job of a dead letter, whose result is gone: it does not give up with ctx.
func (b *base) resubmit(ctx context.Context, a address, o *outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTimeout)
	defer cancel()
	s := submission{id: a.id, msgID: a.String() + "!" + NewID(), key: o.key, keyed: o.key != ""}
	err := b.submit(ctx, "Requeue", o.job, s, a.mailbox, true)
	if errors.Is(err, ErrDuplicate) { // by somebody else
		return nil
	}
	return err
}

// restore stores a result again that was removed too early, unless somebody has read it.
func (b *base) restore(result *jetstream.RawStreamMsg) {
	if result == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	cons, err := b.remote.results.Consumer(ctx, readerOf(b.cfg.mailbox))
	if err == nil && cons.CachedInfo().AckFloor.Stream >= result.Sequence {
		return
	}
	if _, err := b.remote.js.Publish(ctx, result.Subject, result.Data); err != nil && answerTo(err) != known {
		b.cfg.logger.Error("natspool: Requeue could not store the result again that it had removed; the dead letter is still there",
			"pool", b.cfg.name, "subject", clip(result.Subject), "error", err)
	}
}

// untilGone waits until the job whose outcome o is has left the queue: it is acknowledged when
// its result is stored, which may be read a moment before. Were it found there, it would be
// taken for the one that is requeued. It reports whether that is there already.
func (b *base) untilGone(ctx context.Context, a address, o *outcome) (again bool, err error) {
	at := laneAny
	if o.key != "" {
		at = lane(partition(o.key, b.cfg.partitions))
	}
	for n := 1; ; n++ {
		msg, err := b.remote.jobs.GetLastMsgForSubject(ctx, b.remote.subject("job", at, a.String()))
		if err == nil && !msg.Time.Equal(o.submitted) {
			return true, nil
		}
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			_, err = b.remote.delayed.GetLastMsgForSubject(ctx, b.remote.subject("due", a.String()))
		}
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if !sleep(ctx, pause(n)) {
			return false, context.Cause(ctx)
		}
	}
}

// removeResult removes the result that goes with the dead letter o, and returns it. again says
// that there is one of a later run instead: the same job may have run once more, if its result was
// lost after the dead letter was stored, so the time alone does not tell.
func (b *base) removeResult(ctx context.Context, a address, o *outcome) (removed *jetstream.RawStreamMsg, again bool, err error) {
	subject := b.remote.subject("res", a.String())
	msg, err := b.remote.results.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if r, err := decodeOutcome(msg.Data); err == nil && (len(r.failure) == 0 || !r.submitted.Equal(o.submitted)) {
		return nil, true, nil
	}
	return msg, false, b.remote.results.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(msg.Sequence+1))
}

// removeDead removes this message, if it is still there, and none that came after it.
func (b *base) removeDead(ctx context.Context, op string, msg *jetstream.RawStreamMsg) error {
	err := b.remote.dead.Purge(ctx, jetstream.WithPurgeSubject(msg.Subject), jetstream.WithPurgeSequence(msg.Sequence+1))
	if err != nil {
		return b.unavailable(op, err)
	}
	return nil
}
