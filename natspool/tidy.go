package natspool

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

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
	var backs comebacks
	var purged, epoch uint64
	good := time.Now() // the connection was the same until then, at least
	for first := true; first || again(tick, done); first = false {
		begin := time.Now()
		if now := i.b.line.epoch(); now != epoch {
			if now > 1 || i.b.remote.hadResults {
				backs = append(backs, comeback{past.before(time.Since(good) + leastKept), begin.Add(i.comesBack())})
			}
			epoch = now
			i.mu.Lock()
			i.gone = i.high
			i.mu.Unlock()
		}
		info, err := i.info()
		if err != nil {
			continue
		}
		good = begin
		past = past.add(mark{time.Now(), info.AckFloor.Stream})
		i.forget(min(past.before(rememberFor), info.AckFloor.Stream, purged))
		keep := i.b.cfg.keep
		if isPrivate(i.mailbox) || i.crowded() {
			keep = i.least()
		}
		backs = backs.since(begin)
		// The server may know less than it did, and have other results there.
		if upTo := min(past.before(keep), info.AckFloor.Stream, backs.upTo()); upTo > purged && i.purge(upTo) {
			purged = upTo
		}
		past = past.since(max(keep, rememberFor))
	}
}

// comeback is a connection that has ended, perhaps since the server has crashed. Then jobs come back
// that were acknowledged just before, until some time; their results are behind some sequence.
type comeback struct {
	behind uint64
	until  time.Time
}

type comebacks []comeback

// since drops what is over.
func (c comebacks) since(t time.Time) comebacks {
	return slices.DeleteFunc(c, func(b comeback) bool { return b.until.Before(t) })
}

// upTo is up to where no job comes back.
func (c comebacks) upTo() uint64 {
	least := uint64(math.MaxUint64)
	for _, b := range c {
		least = min(least, b.behind)
	}
	return least
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
	return err == nil && info.State.FirstSeq > i.gone && i.past.covers(info.State.FirstSeq, upTo)
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
