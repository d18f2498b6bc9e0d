package natspool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// credits bounds how many messages a process holds: one for each, given back when it is
// answered.
type credits struct {
	mu    sync.Mutex
	free  int
	least int // so many are taken at once, so that there is not a request for each message
	more  chan struct{}
}

func newCredits(n, least int) *credits {
	return &credits{free: n, least: min(n, max(1, least)), more: make(chan struct{}, 1)}
}

// maxBatch is how many messages are asked for at once.
const maxBatch = 512

// take waits until there are some, takes all, and says how many. It is for one caller.
func (c *credits) take(ctx context.Context) int {
	for {
		c.mu.Lock()
		if c.free >= c.least {
			n := min(c.free, maxBatch)
			c.free -= n
			c.mu.Unlock()
			return n
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-ctx.Done():
			return 0
		}
	}
}

func (c *credits) give(n int) {
	c.mu.Lock()
	c.free += n
	enough := c.free >= c.least
	c.mu.Unlock()
	if enough {
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}

// puller takes messages from a consumer, as many as there are credits for.
type puller struct {
	line    *line
	cons    jetstream.Consumer
	credits *credits
	take    func(jetstream.Msg)
	trouble func(error)
}

// pullWait is how long a request for messages stands when there are none, and pullBeat how
// often the server says meanwhile that it is still there.
const (
	pullWait = 5 * time.Second
	pullBeat = 500 * time.Millisecond
)

// pull goes on until ctx ends.
func (p *puller) pull(ctx context.Context) {
	for failed := 0; ctx.Err() == nil; {
		n := p.credits.take(ctx)
		if n == 0 {
			return
		}
		got, err := p.fetch(ctx, n)
		p.credits.give(n - got)
		if err == nil || got > 0 {
			failed = 0
			continue
		}
		if failed++; failed%50 == 5 { // some seconds between one and the next
			p.trouble(err)
		}
		sleep(ctx, pause(failed))
	}
}

// fetch takes up to n messages: those that are there, or else those that come.
//
// A request that is cancelled may have been answered already: those messages come again only
// when their lease has ended. So the first request, which is likely to be answered, is not
// cancelled, and the second one, which was not when it was made, is.
func (p *puller) fetch(ctx context.Context, n int) (got int, err error) {
	up := p.line.wait(ctx)
	if up == nil {
		return 0, ctx.Err()
	}
	batch, err := p.cons.FetchNoWait(n)
	if err != nil {
		return 0, err
	}
	if got, err = p.drain(batch); got > 0 || err != nil || ctx.Err() != nil {
		return got, err
	}
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	// A request made on a connection that is gone is forgotten by the server.
	stop := context.AfterFunc(up, cancel)
	defer stop()
	if ctx.Err() != nil {
		return 0, nil
	}
	batch, err = p.cons.Fetch(n, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(pullBeat))
	if err != nil {
		return 0, err
	}
	got, err = p.drain(batch)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return got, err
}

func (p *puller) drain(batch jetstream.MessageBatch) (got int, err error) {
	for msg := range batch.Messages() {
		got++
		p.take(msg)
	}
	err = batch.Error()
	if errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrNoMessages) {
		err = nil
	}
	return got, err
}

// line knows whether there is a connection.
type line struct {
	nc *nats.Conn

	mu   sync.Mutex
	up   context.Context // ends when the connection does
	down context.CancelFunc
	back chan struct{} // closed when there is one again
}

func newLine(nc *nats.Conn) *line {
	return &line{nc: nc, back: make(chan struct{})}
}

// watch follows the connection until done is closed. Until then there is none.
func (l *line) watch(done <-chan struct{}) {
	changed := l.nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	defer l.nc.RemoveStatusListener(changed)
	l.set(l.nc.IsConnected())
	for {
		select {
		case _, open := <-changed:
			// A short interruption may be over already: who waits on the old connection is
			// to know in any case.
			l.set(false)
			l.set(l.nc.IsConnected())
			if !open {
				<-done
				return
			}
		case <-done:
			return
		}
	}
}

func (l *line) set(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case up && l.up == nil:
		l.up, l.down = context.WithCancel(context.Background())
		close(l.back)
	case !up && l.up != nil:
		l.down()
		l.up, l.down, l.back = nil, nil, make(chan struct{})
	}
}

// wait waits for a connection, and returns a context that ends with it, or nil if ctx ends
// before there is one.
func (l *line) wait(ctx context.Context) context.Context {
	for {
		l.mu.Lock()
		up, back := l.up, l.back
		l.mu.Unlock()
		if up != nil {
			return up
		}
		select {
		case <-back:
		case <-ctx.Done():
			return nil
		}
	}
}
