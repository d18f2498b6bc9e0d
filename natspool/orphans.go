package natspool

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A server that is killed may know afterwards that a job was acknowledged, and not that it was
// removed: nats-server 2.15.2 does after one in ten kills amid thousands of jobs. Then the job stays
// in its queue, where it is given to nobody: it takes a place, its id is in use, and those who
// wait until all is finished wait for ever. Workers look for such orphans.

// sweepEvery is how often they do, from their start on. An orphan is removed as soon as its result is
// found, since that may be gone when one looks again ([WithKeepResults]). One without is
// an orphan only if it was found twice: where there are replicas, a job is acknowledged a moment
// before it is removed.
const sweepEvery = 10 * time.Second

// orphan is a place in a stream.
type orphan struct {
	stream string
	seq    uint64
}

// sweep goes on until done is closed.
func (w *worker) sweep(done <-chan struct{}) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var found map[orphan]bool
	for more := true; more; more = again(tick, done) {
		ctx, cancel := context.WithTimeout(w.pulling, sweepEvery)
		found = w.sweepOnce(ctx, found)
		cancel()
	}
}

// sweepOnce sees to orphans that were found before, and returns the others.
func (w *worker) sweepOnce(ctx context.Context, before map[orphan]bool) (found map[orphan]bool) {
	found = make(map[orphan]bool)
	for name, cfg := range w.cfg.consumers(w.r.names) {
		w.sweepQueue(ctx, w.r.jobs, cfg.Durable, w.r.subject("job", name, ">"), before, found)
	}
	due := w.cfg.dueConsumer(w.r.names)
	w.sweepQueue(ctx, w.r.delayed, due.Durable, due.FilterSubject, before, found)
	return found
}

// sweepQueue looks at what a consumer takes that is acknowledged. What the server does not say is
// for the next time.
func (w *worker) sweepQueue(ctx context.Context, s jetstream.Stream, consumer, subject string, before, found map[orphan]bool) {
	cons, err := s.Consumer(ctx, consumer)
	if err != nil {
		return
	}
	for seq := uint64(1); ctx.Err() == nil; {
		msg, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if err != nil || msg.Sequence > cons.CachedInfo().AckFloor.Stream {
			return
		}
		if o := (orphan{cons.CachedInfo().Stream, msg.Sequence}); !w.adopt(ctx, s, msg, before[o]) {
			found[o] = true
		}
		seq = msg.Sequence + 1
	}
}

// adopt removes an orphan that is finished, and reports whether it has. One that has no result, also when
// it is found again, is of a server that has lost that, with the power of its machine: it is put where
// delayed jobs are, due at once.
func (w *worker) adopt(ctx context.Context, s jetstream.Stream, msg *jetstream.RawStreamMsg, foundAgain bool) bool {
	a, ok := addressOf(msg.Subject)
	if !ok {
		return false
	}
	_, err := w.r.results.GetLastMsgForSubject(ctx, w.r.subject("res", a.String()))
	switch {
	case err == nil:
	case !foundAgain:
		return false
	case isPrivate(a.mailbox): // whose results are soon gone, as who waits for them is
	case errors.Is(err, jetstream.ErrMsgNotFound):
		w.cfg.logger.Warn("natspool: the server has lost what became of a job; it runs again", "pool", w.cfg.name, "id", a.id)
		later := &nats.Msg{Subject: w.r.subject("later", a.String()), Header: ownHeader(msg), Data: msg.Data}
		if _, err := w.r.js.PublishMsg(ctx, later, jetstream.WithScheduleAt(time.Now()), jetstream.WithScheduleTarget(w.r.subject("due", a.String()))); err != nil {
			return false
		}
	default:
		return false
	}
	return s.DeleteMsg(ctx, msg.Sequence) == nil
}

// ownHeader is what we know of a stored job beside its bytes.
func ownHeader(msg *jetstream.RawStreamMsg) nats.Header {
	h := nats.Header{headerSubmitted: {msg.Time.Format(time.RFC3339Nano)}}
	for _, name := range []string{headerKey, headerSubmitted} {
		if v := msg.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	return h
}
