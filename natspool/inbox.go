package natspool

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// inbox takes the results of a mailbox from the server.
type inbox struct {
	b       *base
	mailbox string
	cons    jetstream.Consumer
	want    jetstream.ConsumerConfig
	leases  *leases
	credits *credits

	letters chan *letter    // closed when none comes any more
	pulling switcher        // off: none is taken any more
	over    <-chan struct{} // closed when no job can bring another one
	done    chan struct{}   // closed when nothing is left

	mu   sync.Mutex
	out  map[uint64]*letter // by sequence, what has come and was not read
	past ranges             // sequences of what was read and, as far as we know, is still there
	high uint64             // the last sequence that has come,
	late time.Time          // and when the newest was stored
	gone uint64             // up to here other results may have the sequences of those in past
}

// letter is a result that has come.
type letter struct {
	address
	hold    *hold
	seq     uint64
	outcome *outcome
	err     error // why it could not be read
}

// readLease is how long the server waits for a sign of life of a reader before it gives a result
// to another one. It is also the delay of those that were on their way when a server ended.
const readLease = 5 * time.Second

// readAhead is how many results wait here for their reader.
const readAhead = 512

// readerOf is the name of the consumer that all readers of a mailbox share.
func readerOf(mailbox string) string { return "read-" + strings.TrimPrefix(mailbox, privateMark) }

// readerConfig is that of a mailbox's consumer.
func (b *base) readerConfig(mailbox string) jetstream.ConsumerConfig {
	want := jetstream.ConsumerConfig{
		Durable:       readerOf(mailbox),
		FilterSubject: b.remote.subject("res", mailbox, "*"),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       readLease,
		MaxDeliver:    -1,
		MaxAckPending: 20 * readAhead,
	}
	if isPrivate(mailbox) {
		want.InactiveThreshold = privateTTL
	}
	return want
}

// newInbox makes one that ends with life, or when there is nothing more to come after over.
func newInbox(ctx context.Context, b *base, life context.Context, mailbox string, over <-chan struct{}) (*inbox, error) {
	cfg, want := b.cfg, b.readerConfig(mailbox)
	cons, err := ensure(ctx, cfg, func(ctx context.Context) (jetstream.Consumer, error) {
		return b.remote.results.CreateOrUpdateConsumer(ctx, want)
	})
	if err != nil {
		return nil, err
	}
	return &inbox{
		b: b, mailbox: mailbox, cons: cons, want: want, over: over,
		leases: newLeases(b.nc, readLease), credits: newCredits(readAhead, readAhead/4),
		letters: make(chan *letter, readAhead), pulling: newSwitcher(life), done: make(chan struct{}),
		out: map[uint64]*letter{},
	}, nil
}

// startReading has hand called for each result of this pool's mailbox; it reports whether
// somebody has it now. After the last one it calls end.
func (b *base) startReading(end func(), hand func(*inbox, *letter) bool) {
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.over {
		end()
		return
	}
	b.readers.Go(func() {
		defer end()
		in := b.openInbox()
		if in == nil {
			return
		}
		for l := range in.letters {
			if b.reading.ctx.Err() != nil || !hand(in, l) {
				in.putBack(l)
			}
		}
	})
}

// openInbox returns the inbox of this pool's mailbox, which the first call makes. It goes on
// until the server has answered, or the pool ends: then it returns nil.
func (b *base) openInbox() *inbox {
	for n := 1; ; n++ {
		in, err := b.tryInbox()
		if err == nil {
			return in
		}
		if b.reading.ctx.Err() != nil || errors.Is(err, errOver) {
			return nil
		}
		b.cfg.logger.Warn("natspool: cannot read results; trying again", "pool", b.cfg.name, "error", err)
		sleep(b.reading.ctx, 10*pause(n))
	}
}

func (b *base) tryInbox() (*inbox, error) {
	if in, err := b.openedInbox(); in != nil || err != nil {
		return in, err
	}
	in, err := newInbox(b.reading.ctx, b, b.reading.ctx, b.cfg.mailbox, b.finished)
	if err != nil {
		return nil, err
	}
	return b.open(in)
}

// openedInbox returns the inbox of this pool's mailbox, or nil if it is not made yet.
func (b *base) openedInbox() (*inbox, error) {
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.inbox == nil && b.over {
		return nil, errOver
	}
	return b.inbox, nil
}

// open begins to read in, and returns it, unless another one was made meanwhile, by the other of
// Results and Deliveries, or the pool has ended. Nothing is left of one that was made in vain: its
// consumer is that of the mailbox.
func (b *base) open(in *inbox) (*inbox, error) {
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.inbox != nil || b.over {
		in.pulling.off(nil)
	}
	switch {
	case b.inbox != nil:
		return b.inbox, nil
	case b.over:
		return nil, errOver
	}
	b.inbox = in
	go in.run()
	close(b.started)
	return in, nil
}

// run takes results until all were read, or the pool ends.
func (i *inbox) run() {
	defer close(i.done)
	quiet := make(chan struct{})
	var rest sync.WaitGroup
	rest.Go(func() { i.leases.keep(quiet) })
	rest.Go(func() { i.tidy(quiet) })
	rest.Go(i.endWhenRead)
	p := &puller{line: i.b.line, stream: i.b.remote.names.results(), consumer: readerOf(i.mailbox), credits: i.credits, take: i.take, trouble: func(err error) {
		i.b.cfg.logger.Warn("natspool: cannot take results; trying again", "pool", i.b.cfg.name, "error", err)
		i.remake()
	}}
	p.pull(i.pulling.ctx)
	close(i.letters)
	close(quiet)
	rest.Wait()
}

// remake makes the consumer of Do again: the server has removed it when this process was cut off
// for longer than privateTTL. That of a mailbox is not: it would begin with all results that are kept.
func (i *inbox) remake() {
	if !isPrivate(i.mailbox) {
		return
	}
	ctx, cancel := context.WithTimeout(i.pulling.ctx, askTimeout)
	defer cancel()
	if _, err := i.b.remote.results.CreateOrUpdateConsumer(ctx, i.want); err != nil {
		i.b.cfg.logger.Warn("natspool: cannot make the consumer of Do again", "pool", i.b.cfg.name, "error", err)
	}
}

// end is for an inbox that nobody reads any more.
func (i *inbox) end() {
	i.pulling.off(nil)
	<-i.done
}

// take is called for each result that comes.
func (i *inbox) take(msg *nats.Msg) {
	meta, err := msg.Metadata()
	a, ok := addressOf(msg.Subject)
	if err != nil || !ok {
		i.b.cfg.logger.Error("natspool: message that is no result", "pool", i.b.cfg.name, "subject", clip(msg.Subject))
		_ = msg.Term()
		i.credits.give(1)
		return
	}
	l := &letter{address: a, seq: meta.Sequence.Stream}
	if i.again(l.seq, meta.Timestamp, msg) {
		i.credits.give(1)
		return
	}
	l.hold = i.leases.take(msg)
	l.outcome, l.err = decodeOutcome(msg.Data)
	i.mu.Lock()
	i.out[l.seq] = l
	i.mu.Unlock()
	i.letters <- l
}

// notice finds out when the server has lost the last results it had stored, with all the power of its
// machine: it gives their sequences to others then, which were stored after all that we know. It is
// called with mu held.
func (i *inbox) notice(seq uint64, stored time.Time) {
	if seq <= i.high && stored.After(i.late) {
		i.past.cut(seq)
		maps.DeleteFunc(i.out, func(k uint64, _ *letter) bool { return k >= seq })
		i.high = seq
	}
	i.high = max(i.high, seq)
	if stored.After(i.late) {
		i.late = stored
	}
}

// again reports whether the result has come before, and answers for it. The server notes
// acknowledgements a moment later: when it has crashed, it gives out again what was
// acknowledged just before. And after a cut in the connection it gives out what is still here.
func (i *inbox) again(seq uint64, stored time.Time, msg *nats.Msg) bool {
	i.mu.Lock()
	i.notice(seq, stored)
	l, isRead := i.out[seq], i.past.has(seq)
	i.mu.Unlock()
	switch {
	case isRead:
		_ = msg.Ack()
	case l != nil:
		l.hold.renew(time.Now().Add(readLease))
	default:
		return false
	}
	return true
}

// read is called when a reader has seen to l: it is acknowledged.
func (i *inbox) read(l *letter) error {
	i.b.read.Add(1)
	if !i.takeOut(l, true) { // the server has lost it, and an Ack would be for another one
		return i.answer(l, nil)
	}
	return i.answer(l, l.hold.msg.Ack())
}

// putBack is for a result that came, and that nobody took.
func (i *inbox) putBack(l *letter) {
	if !i.takeOut(l, false) {
		_ = i.answer(l, nil)
		return
	}
	_ = i.answer(l, l.hold.msg.Nak())
}

// takeOut takes l out of those that are not read, unless another one has its sequence now.
func (i *inbox) takeOut(l *letter, read bool) (ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.out[l.seq] != l {
		return false
	}
	delete(i.out, l.seq)
	if read {
		i.past.add(l.seq)
	}
	return true
}

func (i *inbox) answer(l *letter, err error) error {
	i.leases.drop(l.hold)
	i.credits.give(1)
	return err
}

// endWhenRead ends the inbox when there is nothing more to come.
func (i *inbox) endWhenRead() {
	select {
	case <-i.over:
	case <-i.pulling.ctx.Done():
		return
	}
	for n := 1; ; n++ {
		info, err := i.info()
		if err == nil && info.NumPending == 0 && info.NumAckPending == 0 || i.b.nc.IsClosed() {
			i.pulling.off(nil)
			return
		}
		if !sleep(i.pulling.ctx, pause(n)) {
			return
		}
	}
}

func (i *inbox) info() (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(i.pulling.ctx, askTimeout)
	defer cancel()
	return i.cons.Info(ctx)
}
