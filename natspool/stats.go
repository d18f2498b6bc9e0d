package natspool

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/boundedgo/workerpool"
)

// Stats are what one process knows of its part of a pool. All numbers count from New.
type Stats struct {
	Local     workerpool.Stats // of the pool inside this process; zero for a client
	Connected bool             // to the server, now

	Submitted  uint64 // jobs that were stored
	Duplicates uint64 // jobs that were not, since their id was known
	Rejected   uint64 // calls that found no place

	Completed    uint64 // results stored here, of jobs that succeeded
	Failed       uint64 // and of those that did not
	Retried      uint64 // attempts that failed and were to be followed by another
	HandedBack   uint64 // jobs that were given back, because the pool left or was stopped
	Redelivered  uint64 // jobs that came though somebody had had them before
	LeaseLost    uint64 // outcomes that were dropped, since somebody else may have the job
	Suppressed   uint64 // results that were not stored, since there was one already
	DeadLettered uint64 // dead letters stored here
	Read         uint64 // results handed over here, those of Do included
}

func (b *base) stats() Stats {
	s := Stats{
		Connected: b.nc.IsConnected(),
		Submitted: b.submitted.Load(), Duplicates: b.duplicates.Load(), Rejected: b.rejected.Load(), Read: b.read.Load(),
	}
	if w := b.worker; w != nil {
		c := &w.counts
		s.Local = w.pool.Stats()
		s.Completed, s.Failed, s.Retried, s.HandedBack = c.completed.Load(), c.failed.Load(), c.retried.Load(), c.handedBack.Load()
		s.Redelivered, s.LeaseLost, s.Suppressed = c.redelivered.Load(), c.leaseLost.Load(), c.suppressed.Load()
		s.DeadLettered = c.deadLettered.Load()
	}
	return s
}

// QueueStats are what the server knows of a pool, over all processes and mailboxes.
type QueueStats struct {
	Stored      int // jobs that were not delayed: they wait, run, or wait for another attempt
	InFlight    int // jobs that some process holds, or that wait for another attempt; delayed ones too
	Delayed     int // jobs that were delayed, until they are finished: also those that are due, or run
	Results     int // results that are stored, those that were read and are kept included
	Unread      int // results of this mailbox that nobody has read
	DeadLetters int
}

func (b *base) queue(ctx context.Context) (QueueStats, error) {
	if ctx == nil {
		return QueueStats{}, b.cfg.error(nil, "Queue: nil context")
	}
	var q QueueStats
	for _, at := range []struct {
		s jetstream.Stream
		n *int
	}{{b.remote.jobs, &q.Stored}, {b.remote.delayed, &q.Delayed}, {b.remote.results, &q.Results}, {b.remote.dead, &q.DeadLetters}} {
		if at.s == nil {
			continue
		}
		info, err := at.s.Info(ctx)
		if err != nil {
			return q, b.unavailable("Queue", err)
		}
		*at.n = int(info.State.Msgs)
	}
	var err error
	if q.InFlight, err = b.inFlight(ctx); err != nil {
		return q, b.unavailable("Queue", err)
	}
	if q.Unread, err = b.unread(ctx); err != nil {
		return q, b.unavailable("Queue", err)
	}
	return q, nil
}

// inFlight is how many jobs the server has given to somebody, and has no answer for.
func (b *base) inFlight(ctx context.Context) (int, error) {
	total, err := pending(ctx, b.remote.delayed, b.cfg.dueConsumer(b.remote.names).Durable)
	if err != nil {
		return 0, err
	}
	for _, want := range b.cfg.consumers(b.remote.names) {
		n, err := pending(ctx, b.remote.jobs, want.Durable)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// pending is how many messages of a consumer were given out and not answered.
func pending(ctx context.Context, s jetstream.Stream, consumer string) (int, error) {
	cons, err := s.Consumer(ctx, consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) { // no worker has been there yet
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return cons.CachedInfo().NumAckPending, nil
}
