package natspool

import (
	"context"
	"errors"
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

	mu     sync.Mutex
	out    map[uint64]*letter // by sequence, what has come and was not read
	past   ranges             // sequences of what was read and, as far as we know, is still there
	latest time.Time          // when the last of those was stored
}

// letter is a result that has come.
type letter struct {
	address
	hold    *hold
	seq     uint64
	stored  time.Time // by the clock of the server
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
	b.opening.Lock()
	defer b.opening.Unlock()
	select {
	case <-b.started:
		return b.inbox, nil
	default:
	}
	if b.over {
		return nil, errOver
	}
	in, err := newInbox(b.reading.ctx, b, b.reading.ctx, b.cfg.mailbox, b.finished)
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
	l := &letter{address: a, seq: meta.Sequence.Stream, stored: meta.Timestamp}
	if i.again(l, msg) {
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

// again reports whether the result has come before, and answers for it. The server notes
// acknowledgements a moment later: when it has crashed, it gives out again what was
// acknowledged just before. And after a cut in the connection it gives out what is still here.
func (i *inbox) again(l *letter, msg *nats.Msg) bool {
	held, isRead := i.find(l)
	switch {
	case held != nil:
		held.hold.renew(time.Now().Add(readLease))
	case isRead:
		_ = msg.Ack()
	}
	return held != nil || isRead
}

// find looks for what came as l does now. A server whose machine has lost power may have forgotten
// some of the last results, and give their sequences to others: those have later times.
func (i *inbox) find(l *letter) (held *letter, isRead bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if held = i.out[l.seq]; held != nil && held.stored.Equal(l.stored) {
		return held, false
	}
	isRead = i.past.has(l.seq)
	if isRead && l.stored.After(i.latest) {
		i.past.cut(l.seq)
		isRead = false
	}
	return nil, isRead
}

// read is called when a reader has seen to l: it is acknowledged.
func (i *inbox) read(l *letter) error {
	i.mu.Lock()
	delete(i.out, l.seq)
	i.past.add(l.seq)
	if l.stored.After(i.latest) {
		i.latest = l.stored
	}
	i.mu.Unlock()
	i.b.read.Add(1)
	return i.answer(l, l.hold.msg.Ack())
}

// putBack is for a result that came, and that nobody took.
func (i *inbox) putBack(l *letter) {
	i.mu.Lock()
	delete(i.out, l.seq)
	i.mu.Unlock()
	_ = i.answer(l, l.hold.msg.Nak())
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

const (
	// tidyEvery is how often we look what may go.
	tidyEvery = time.Second
	// leastKept is how long a result is kept at least, where a crash of the server shows: as
	// the end of the connection to it.
	leastKept = 2 * time.Second
	// rememberFor is how long we remember what was read after the server has said that it knows.
	// It may have crashed before that was written, and gives it out again after a readLease:
	// then what it says now is less than what it said.
	rememberFor = 2 * readLease
)

// tidy removes results that were read long enough ago, until done is closed.
func (i *inbox) tidy(done <-chan struct{}) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	var past history
	var purged, epoch uint64
	var calm time.Time // nothing is removed before
	for first := true; first || again(tick, done); first = false {
		if now := i.b.line.epoch(); now != epoch {
			// Those from before the connection may be of jobs that come back.
			if now > 1 && i.stored() > 0 || i.b.remote.hadResults {
				calm = time.Now().Add(i.comesBack())
			}
			// What was read until now may have other sequences, if the server has forgotten some.
			epoch, past, purged = now, nil, 0
		}
		info, err := i.info()
		if err != nil {
			continue
		}
		past = past.add(mark{time.Now(), info.AckFloor.Stream})
		i.forget(min(past.before(rememberFor), info.AckFloor.Stream, purged))
		keep := i.b.cfg.keep
		if isPrivate(i.mailbox) || i.crowded() {
			keep = i.least()
		}
		if upTo := past.before(keep); upTo > purged && time.Now().After(calm) && i.purge(upTo) {
			purged = upTo
		}
		past = past.since(max(keep, rememberFor))
	}
}

// again waits for the next tick, unless done is closed before.
func again(tick *time.Ticker, done <-chan struct{}) bool {
	select {
	case <-tick.C:
		return true
	case <-done:
		return false
	}
}

// comesBack is how long after a crash a job may be given out again that was acknowledged just
// before it: its result has to be there then, or it would have a second one.
func (i *inbox) comesBack() time.Duration { return i.b.cfg.lease + readLease }

// least is how long a result is kept at least.
func (i *inbox) least() time.Duration {
	if i.b.cfg.replicas > 1 { // the server that crashes may be another than ours
		return i.comesBack()
	}
	return leastKept
}

// mark says that by some time all results up to one were read.
type mark struct {
	at   time.Time
	read uint64
}

// history is marks, oldest first.
type history []mark

// add adds m, unless it says no more than the last one.
func (h history) add(m mark) history {
	if n := len(h); n > 0 && h[n-1].read == m.read {
		return h
	}
	return append(h, m)
}

// before returns up to where all was read d ago.
func (h history) before(d time.Duration) (read uint64) {
	for _, m := range h {
		if time.Since(m.at) < d {
			break
		}
		read = m.read
	}
	return read
}

// since drops what is older than d, but for the last of it.
func (h history) since(d time.Duration) history {
	for len(h) > 1 && time.Since(h[1].at) > d {
		h = h[1:]
	}
	return h
}

// forget drops what the server will not give out again: it has noted for some time that all
// up to here was read.
func (i *inbox) forget(upTo uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.past.drop(upTo)
}

// crowded reports whether results take so much room that those that were read must go.
func (i *inbox) crowded() bool { return i.stored() > uint64(i.b.cfg.resultCapacity/2) }

// stored is how many results there are. When the server does not say, there may be one.
func (i *inbox) stored() uint64 {
	ctx, cancel := context.WithTimeout(i.pulling.ctx, askTimeout)
	defer cancel()
	info, err := i.b.remote.results.Info(ctx)
	if err != nil {
		return 1
	}
	return info.State.Msgs
}

// allOurs reports whether all results up to there have come here. Without a subject the
// server removes them by whole files; with one it looks at each.
func (i *inbox) allOurs(ctx context.Context, upTo uint64) bool {
	info, err := i.b.remote.results.Info(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	return err == nil && i.past.covers(info.State.FirstSeq, upTo)
}

func (i *inbox) purge(upTo uint64) (ok bool) {
	ctx, cancel := context.WithTimeout(i.pulling.ctx, askTimeout)
	defer cancel()
	opts := []jetstream.StreamPurgeOpt{jetstream.WithPurgeSequence(upTo + 1)}
	if !i.allOurs(ctx, upTo) {
		opts = append(opts, jetstream.WithPurgeSubject(i.b.remote.subject("res", i.mailbox, "*")))
	}
	err := i.b.remote.results.Purge(ctx, opts...)
	if err != nil && !errors.Is(err, context.Canceled) {
		i.b.cfg.logger.Warn("natspool: cannot remove results that were read", "pool", i.b.cfg.name, "error", err)
	}
	return err == nil
}
