package natspool

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// untilIdle waits until no job of this mailbox is unfinished, or ctx ends.
func (b *base) untilIdle(ctx context.Context) error {
	for n := 1; ; n++ {
		if b.quiet() {
			jobs, err := b.unfinished(ctx)
			if err == nil && jobs == 0 {
				return nil
			}
			if err == nil { // else nobody knows, and Wait is not to take that for none
				b.left.Store(int64(jobs))
			}
		}
		if b.nc.IsClosed() { // for good
			return nats.ErrConnectionClosed
		}
		if !sleep(ctx, pause(n)) {
			return context.Cause(ctx)
		}
	}
}

// unfinished is how many jobs of this mailbox are stored. Where other mailboxes have some too,
// it is how many there are in all, or 0 if none is of this one: to count them one by one is
// expensive for the server.
func (b *base) unfinished(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	total := 0
	for _, s := range []jetstream.Stream{b.remote.jobs, b.remote.delayed} {
		info, err := s.Info(ctx)
		if err != nil {
			return 0, err
		}
		total += int(info.State.Msgs)
	}
	if total == 0 {
		return 0, nil
	}
	for _, at := range []struct {
		s       jetstream.Stream
		subject string
	}{ // in the order in which a job may move
		{b.remote.delayed, b.remote.subject("later", b.cfg.mailbox, "*")},
		{b.remote.delayed, b.remote.subject("due", b.cfg.mailbox, "*")},
		{b.remote.jobs, b.remote.subject("job", "*", b.cfg.mailbox, "*")},
	} {
		_, err := at.s.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(at.subject))
		if err == nil {
			return total, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, err
		}
	}
	return 0, nil
}

// unread is how many results of this mailbox nobody has read.
func (b *base) unread(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cons, err := b.remote.results.Consumer(ctx, readerOf(b.cfg.mailbox))
	if errors.Is(err, jetstream.ErrConsumerNotFound) { // nobody has read yet; what counts is there
		_, err = b.remote.results.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(b.remote.subject("res", b.cfg.mailbox, "*")))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, nil
		}
		if err == nil {
			cons, err = b.remote.results.CreateOrUpdateConsumer(ctx, b.readerConfig(b.cfg.mailbox))
		}
	}
	if err != nil {
		return 0, err
	}
	info := cons.CachedInfo()
	return int(info.NumPending) + info.NumAckPending, nil
}

// countLeft asks a last time how many jobs are stored, for those who call Wait later.
func (b *base) countLeft() {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	jobs, err := b.unfinished(ctx)
	if err != nil {
		jobs = 1 // for all we know
	}
	b.left.Store(int64(jobs))
}

// wait waits until idle, for Wait.
func (b *base) wait(ctx context.Context) error {
	if err := b.notInside(ctx, "Wait"); err != nil {
		return err
	}
	either, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.stopped.ctx, cancel)()
	err := b.untilIdle(either)
	if err == nil {
		return nil
	}
	if errors.Is(err, nats.ErrConnectionClosed) && b.stopped.ctx.Err() == nil {
		return b.unavailable("Wait", err)
	}
	if ctx.Err() == nil {
		select {
		case <-b.ended: // soon: it was stopped
			if b.left.Load() == 0 {
				return nil
			}
			return b.closedError("Wait: jobs may be left")
		case <-ctx.Done():
		}
	}
	return b.contextError(ctx, "Wait")
}
