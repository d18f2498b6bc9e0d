package natspool

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/boundedgo/workerpool"
)

// newSubmission applies the options, and says which is wrong.
func (b *base) newSubmission(op string, opts []SubmitOption) (submission, error) {
	s := submission{}
	for _, o := range opts {
		if o != nil {
			o.applyTo(&s)
		}
	}
	invalid := []error{workerpool.ErrInvalidOption}
	switch {
	case !s.given:
		s.id = NewID()
	default:
		if err := checkToken(s.id, maxID); err != nil {
			return s, b.cfg.error(invalid, "%s: ID %v", op, err)
		}
	}
	switch {
	case s.keyed && (s.key == "" || len(s.key) > maxKey):
		return s, b.cfg.error(invalid, "%s: Key: must have 1 to %d bytes, not %d", op, maxKey, len(s.key))
	case s.keyed && b.cfg.partitions == 0:
		return s, b.cfg.error(invalid, "%s: Key needs WithPartitions", op)
	case s.keyed && s.late:
		return s, b.cfg.error(invalid, "%s: a delayed job has no Key", op)
	case s.late && time.Until(s.at) > maxDelay:
		return s, b.cfg.error(invalid, "%s: Delay: must be at most %v", op, maxDelay)
	}
	return s, nil
}

const (
	maxKey   = 1024
	maxDelay = 10 * 365 * 24 * time.Hour
)

// message is what is stored of a job.
func (b *base) message(s submission, to string, job []byte) (*nats.Msg, []jetstream.PublishOpt) {
	a := address{to, s.id}
	msg := &nats.Msg{Data: job}
	opts := []jetstream.PublishOpt{jetstream.WithMsgID(cmp.Or(s.msgID, a.String())), jetstream.WithRetryAttempts(1)}
	switch {
	case s.late:
		// The server cuts off fractions of a second, and would be early.
		at := s.at.Add(time.Second - time.Nanosecond).Truncate(time.Second)
		msg.Subject = b.remote.subject("later", a.String())
		msg.Header = nats.Header{headerSubmitted: {time.Now().Format(time.RFC3339Nano)}}
		opts = append(opts, jetstream.WithScheduleAt(at), jetstream.WithScheduleTarget(b.remote.subject("due", a.String())))
	case s.keyed:
		msg.Subject = b.remote.subject("job", lane(partition(s.key, b.cfg.partitions)), a.String())
		msg.Header = nats.Header{headerKey: {url.QueryEscape(s.key)}} // a header keeps no spaces at its ends
	default:
		msg.Subject = b.remote.subject("job", laneAny, a.String())
	}
	return msg, opts
}

func partition(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32() % uint32(n))
}

// submit stores a job, and returns when the server has said so. With patience it waits for a
// place, and for a server, until ctx ends.
func (b *base) submit(ctx context.Context, op string, job []byte, s submission, to string, patience bool) error {
	if len(job) > b.cfg.maxJobBytes {
		return b.tooLarge(op, len(job))
	}
	if err := b.enter(op); err != nil {
		return err
	}
	defer b.exit()
	msg, opts := b.message(s, to, job)
	var last error
	unsure := false // whether an earlier try was stored
	for n := 1; ctx.Err() == nil; n++ {
		where, err := b.known(ctx, s, to)
		sent := false
		if err == nil && where == "" {
			where, err = b.publish(ctx, msg, opts)
			sent = !errors.Is(err, errNotAsked)
		}
		a := answerTo(err)
		switch {
		case err == nil && where == "", where != "" && unsure:
			b.submitted.Add(1)
			return nil
		case where != "":
			b.duplicates.Add(1)
			return b.cfg.error([]error{ErrDuplicate}, "%s: %q %s", op, s.id, where)
		case a == never:
			return b.cfg.error([]error{b.hopeless(err), err}, "%s: %v", op, err)
		case a == full && (!patience || b.inside(ctx)):
			b.rejected.Add(1)
			return b.fullError(op)
		case !sent && !unsure && b.isClosed():
			return b.closedError(op)
		case !patience:
			return b.unavailable(op, err)
		}
		if last = err; sent && a != full {
			unsure = true
		}
		if err := b.anotherTry(ctx, op, n); err != nil {
			return err
		}
	}
	return b.notStored(ctx, op, last)
}

// publish asks the server once. If the job is there already it says where, and no error.
func (b *base) publish(ctx context.Context, msg *nats.Msg, opts []jetstream.PublishOpt) (where string, err error) {
	ctx, cancel, err := b.question(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	if b.nc.IsClosed() {
		return "", nats.ErrConnectionClosed
	}
	ack, err := b.remote.js.PublishMsg(ctx, msg, opts...)
	if err == nil && ack.Duplicate || answerTo(err) == known {
		return "is in the queue, or was a moment ago", nil
	}
	return "", err
}

func (b *base) tooLarge(op string, size int) error {
	return b.cfg.error([]error{ErrTooLarge}, "%s: job of %d bytes: at most %d (WithMaxJobBytes)", op, size, b.cfg.maxJobBytes)
}

// question returns a context for one question to the server, as soon as there is a connection.
// It ends when that does: there is no answer then. Where there is none before ctx ends, or the
// pool is closed, it fails.
func (b *base) question(ctx context.Context) (context.Context, context.CancelFunc, error) {
	up := b.line.wait(ctx, b.closing)
	if up == nil && b.nc.IsClosed() {
		return nil, nil, nats.ErrConnectionClosed // which never comes back
	}
	if up == nil {
		return nil, nil, errNotAsked
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	stop := context.AfterFunc(up, cancel)
	return ctx, func() { stop(); cancel() }, nil
}

// errNotAsked is for a question that there was no connection for.
var errNotAsked = errors.New("no connection")

// anotherTry waits before the next one. A call that waits for a place has not been accepted:
// Close ends it.
func (b *base) anotherTry(ctx context.Context, op string, n int) error {
	t := time.NewTimer(pause(n))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-b.closing:
		return b.closedError(op)
	}
	return nil
}

func (b *base) hopeless(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrPermissionViolation) {
		return ErrUnavailable
	}
	return ErrTooLarge
}

// known says where a job, or its result, is that storing it would not find: the caller's ids
// mean the same for longer than the server remembers what was stored.
func (b *base) known(ctx context.Context, s submission, to string) (where string, err error) {
	if !s.given {
		return "", nil
	}
	ctx, cancel, err := b.question(ctx)
	if err != nil {
		return "", err
	}
	defer cancel()
	a := address{to, s.id}
	if s.late || b.cfg.partitions > 0 { // it would be stored in another stream than one that is due, or perhaps in another lane
		_, err := b.remote.jobs.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(b.remote.subject("job", "*", a.String())))
		if err == nil {
			return "is in the queue", nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return "", err
		}
	}
	for _, at := range []struct {
		s             jetstream.Stream
		subject, text string
	}{ // in the order in which a job may move
		{b.remote.delayed, b.remote.subject("later", a.String()), "is delayed"},
		{b.remote.delayed, b.remote.subject("due", a.String()), "is in the queue"},
		{b.remote.results, b.remote.subject("res", a.String()), "has a result"},
	} {
		_, err := at.s.GetLastMsgForSubject(ctx, at.subject)
		if err == nil {
			return at.text, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return "", err
		}
	}
	return "", nil
}

func (b *base) unavailable(op string, err error) error {
	return b.cfg.error([]error{ErrUnavailable, err}, "%s: no answer: %v", op, err)
}

// noAnswer is for a question that has failed with err, be it because ctx has ended.
func (b *base) noAnswer(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return b.contextError(ctx, op)
	}
	return b.unavailable(op, err)
}

// notStored is for a call whose ctx has ended.
func (b *base) notStored(ctx context.Context, op string, last error) error {
	var wraps []error
	if op == "Do" || op == "TryDo" { // whose other errors don't say whether the job has run
		wraps = append(wraps, workerpool.ErrNotRun)
	}
	switch {
	case last == nil:
		return b.contextError(ctx, op, wraps...)
	case answerTo(last) == full:
		return b.contextError(ctx, op+": waited for a place, of which there are "+strconv.Itoa(b.cfg.capacity), wraps...)
	default:
		// It may have been stored: this is not to say that it was not.
		return b.contextError(ctx, op+": no answer ("+last.Error()+")", ErrUnavailable)
	}
}

func (b *base) fullError(op string) error {
	return b.cfg.error([]error{workerpool.ErrFull}, "%s: queue full (%d stored)", op, b.cfg.capacity)
}
