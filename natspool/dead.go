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
	Err       error // as of its result
	DecodeErr error // why Job could not be read, if it could not
	Data      []byte
	Attempts  int
	Worker    string // where it failed
	Submitted time.Time
	Failed    time.Time // zero if it never began
}

// DeadLetters goes through the dead letters of this mailbox, oldest first. Each is one question
// to the server. The sequence ends after an error, which wraps [ErrUnavailable] or the cause of ctx.
func (p *Pool[T, R]) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter[T], error] {
	return func(yield func(DeadLetter[T], error) bool) {
		for seq := uint64(1); ; seq++ {
			msg, err := p.b.nextDead(ctx, seq)
			if err != nil {
				yield(DeadLetter[T]{}, err)
				return
			}
			if msg == nil || !yield(p.deadLetter(msg), nil) {
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
	d.DecodeErr = p.codec.unmarshal(o.job, &d.Job)
	return d
}

// nextDead returns the first dead letter of this mailbox from seq on, or nil.
func (b *base) nextDead(ctx context.Context, seq uint64) (*jetstream.RawStreamMsg, error) {
	if ctx == nil {
		return nil, b.cfg.error(nil, "DeadLetters: nil context")
	}
	if b.remote.dead == nil {
		return nil, nil
	}
	msg, err := b.remote.dead.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(b.remote.subject("dead", b.cfg.mailbox, "*")))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil
	case ctx.Err() != nil:
		return nil, b.contextError(ctx, "DeadLetters")
	case err != nil:
		return nil, b.unavailable("DeadLetters", err)
	}
	return msg, nil
}

// Requeue has a dead letter run again as if it were new, with all its attempts, and removes it.
// The job has another result then: the one that said it had failed is removed, if it is
// still kept. It blocks until there is a place, or ctx ends. Its error is one of those of
// Submit, or wraps [ErrNotFound].
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
	case ctx.Err() != nil:
		return nil, b.contextError(ctx, op)
	case err != nil:
		return nil, b.unavailable(op, err)
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
	if o.key != "" && b.cfg.partitions == 0 {
		return b.cfg.error(nil, "Requeue: %q has a key, and this pool no partitions", id)
	}
	a := address{b.cfg.mailbox, id}
	if err := b.remote.results.Purge(ctx, jetstream.WithPurgeSubject(b.remote.subject("res", a.String()))); err != nil {
		return b.unavailable("Requeue", err)
	}
	s := submission{id: id, msgID: a.String() + "!" + NewID(), key: o.key, keyed: o.key != ""}
	if err := b.submit(ctx, "Requeue", o.job, s, b.cfg.mailbox, true); err != nil && !errors.Is(err, ErrDuplicate) {
		return err
	}
	return b.removeDead(ctx, "Requeue", msg)
}

// removeDead removes this message, if it is still there, and none that came after it.
func (b *base) removeDead(ctx context.Context, op string, msg *jetstream.RawStreamMsg) error {
	err := b.remote.dead.Purge(ctx, jetstream.WithPurgeSubject(msg.Subject), jetstream.WithPurgeSequence(msg.Sequence+1))
	if err != nil {
		return b.unavailable(op, err)
	}
	return nil
}
