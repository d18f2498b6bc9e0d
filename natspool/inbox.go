package natspool

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// inbox takes the results of a mailbox from the server.
type inbox struct {
	b       *base
	mailbox string
	cons    jetstream.Consumer
	leases  *leases
	credits *credits

	letters chan *letter    // closed when none comes any more
	pulling switcher        // off: none is taken any more
	over    <-chan struct{} // closed when no job can bring another one
	done    chan struct{}   // closed when nothing is left

	mu     sync.Mutex
	handed [2]map[uint64]struct{} // sequences of results that went to a reader: of now, and before
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

func newInbox(ctx context.Context, b *base, mailbox string, over <-chan struct{}) (*inbox, error) {
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
	cfg := b.cfg
	cons, err := ensure(ctx, cfg, func(ctx context.Context) (jetstream.Consumer, error) {
		return b.remote.results.CreateOrUpdateConsumer(ctx, want)
	})
	if err != nil {
		return nil, err
	}
	return &inbox{
		b: b, mailbox: mailbox, cons: cons, over: over,
		leases: newLeases(b.nc, readLease), credits: newCredits(readAhead, readAhead/4),
		letters: make(chan *letter, readAhead), pulling: newSwitcher(b.reading.ctx), done: make(chan struct{}),
		handed: [2]map[uint64]struct{}{{}, {}},
	}, nil
}

// openInbox returns the inbox of this pool's mailbox, which the first call makes. It goes on
// until the server has answered, or the pool ends: then it returns nil.
func (b *base) openInbox() *inbox {
	for n := 1; ; n++ {
		in, err := b.tryInbox()
		if err == nil {
			return in
		}
		if b.reading.ctx.Err() != nil {
			return nil
		}
		b.cfg.logger.Warn("natspool: cannot read results; trying again", "pool", b.cfg.name, "error", err)
		sleep(b.reading.ctx, 10*pause(n))
	}
}

func (b *base) tryInbox() (*inbox, error) {
	b.opening.Lock()
	defer b.opening.Unlock()
	select {
	case <-b.started:
		return b.inbox, nil
	default:
	}
	in, err := newInbox(b.reading.ctx, b, b.cfg.mailbox, b.finished)
	if err != nil {
		return nil, err
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
	p := &puller{line: i.b.line, cons: i.cons, credits: i.credits, take: i.take, trouble: func(err error) {
		i.b.cfg.logger.Warn("natspool: cannot take results; trying again", "pool", i.b.cfg.name, "error", err)
	}}
	p.pull(i.pulling.ctx)
	close(i.letters)
	close(quiet)
	rest.Wait()
}

// end is for an inbox that nobody reads any more.
func (i *inbox) end() {
	i.pulling.off(nil)
	<-i.done
}

// take is called for each result that comes.
func (i *inbox) take(msg jetstream.Msg) {
	meta, err := msg.Metadata()
	a, ok := addressOf(msg.Subject())
	if err != nil || !ok {
		i.b.cfg.logger.Error("natspool: message that is no result", "pool", i.b.cfg.name, "subject", clip(msg.Subject()))
		_ = msg.Term()
		i.credits.give(1)
		return
	}
	// The server notes acknowledgements a moment later: when it has crashed, it gives out again
	// what was acknowledged just before.
	if meta.NumDelivered > 1 && i.wasHanded(meta.Sequence.Stream) {
		_ = msg.Ack()
		i.credits.give(1)
		return
	}
	l := &letter{address: a, hold: i.leases.take(msg), seq: meta.Sequence.Stream}
	l.outcome, l.err = decodeOutcome(msg.Data())
	i.letters <- l
}

func (i *inbox) wasHanded(seq uint64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, now := i.handed[0][seq]
	_, before := i.handed[1][seq]
	return now || before
}

// read is called when a reader has l: it is acknowledged.
func (i *inbox) read(l *letter) error {
	i.mu.Lock()
	i.handed[0][l.seq] = struct{}{}
	i.mu.Unlock()
	i.b.read.Add(1)
	return i.answer(l, l.hold.msg.Ack())
}

// putBack is for a result that came, and that nobody took.
func (i *inbox) putBack(l *letter) { _ = i.answer(l, l.hold.msg.Nak()) }

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
		if info, err := i.info(); err == nil && info.NumPending == 0 && info.NumAckPending == 0 {
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

// What tidy does, and how often.
const (
	tidyEvery = time.Second
	// leastKept is how long a result is kept at least: a server that has crashed gives out
	// again jobs that were acknowledged just before, and their result has to be there still.
	leastKept = 2 * time.Second
	// handedFor is for how long at least we remember what went to a reader.
	handedFor = 30 * time.Second
)

// tidy removes results that were read long enough ago, until done is closed.
func (i *inbox) tidy(done <-chan struct{}) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	var marks []mark
	turned := time.Now()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		if time.Since(turned) > handedFor {
			i.mu.Lock()
			i.handed[0], i.handed[1] = map[uint64]struct{}{}, i.handed[0]
			i.mu.Unlock()
			turned = time.Now()
		}
		info, err := i.info()
		if err != nil {
			continue
		}
		marks = append(marks, mark{time.Now(), info.AckFloor.Stream})
		var upTo uint64
		if upTo, marks = i.expired(marks); upTo > 0 {
			i.purge(upTo)
		}
	}
}

// mark says that by some time all results up to one were read.
type mark struct {
	at   time.Time
	read uint64
}

// expired returns up to which result all may go, and the marks that are still of use.
func (i *inbox) expired(marks []mark) (upTo uint64, rest []mark) {
	keep := i.b.cfg.keep
	if isPrivate(i.mailbox) || i.crowded() {
		keep = leastKept
	}
	for len(marks) > 0 && time.Since(marks[0].at) > keep {
		upTo, marks = marks[0].read, marks[1:]
	}
	return upTo, marks
}

// crowded reports whether results take so much room that those that were read must go.
func (i *inbox) crowded() bool {
	ctx, cancel := context.WithTimeout(i.pulling.ctx, askTimeout)
	defer cancel()
	info, err := i.b.remote.results.Info(ctx)
	return err == nil && info.State.Msgs > uint64(i.b.cfg.resultCapacity/2)
}

func (i *inbox) purge(upTo uint64) {
	ctx, cancel := context.WithTimeout(i.pulling.ctx, askTimeout)
	defer cancel()
	err := i.b.remote.results.Purge(ctx,
		jetstream.WithPurgeSubject(i.b.remote.subject("res", i.mailbox, "*")), jetstream.WithPurgeSequence(upTo+1))
	if err != nil && !errors.Is(err, context.Canceled) {
		i.b.cfg.logger.Warn("natspool: cannot remove results that were read", "pool", i.b.cfg.name, "error", err)
	}
}
