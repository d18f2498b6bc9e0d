package natspool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
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

// take takes all there are, if they are enough for a request.
func (c *credits) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free < c.least {
		return 0
	}
	n := min(c.free, maxBatch)
	c.free -= n
	return n
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
//
// It speaks the protocol of pull requests itself. Rejected: the client library's Fetch, which
// makes a subscription for each batch, and when it is cancelled loses what was on its way: that
// would come again only when its lease has ended. And its Messages, which asks for more by
// itself, and holds what nobody gives a sign of life for.
type puller struct {
	line             *line
	stream, consumer string
	credits          *credits
	take             func(*nats.Msg) // must not block
	trouble          func(error)

	mu     sync.Mutex
	owed   int       // messages asked for that have not come
	heard  time.Time // when something came
	broken chan error
}

const (
	// pullWait is how long a request for messages stands when there are none, and pullBeat
	// how often the server says meanwhile that it is still there. It is also for how long the
	// server goes on to give out messages to a connection that is gone without its knowing,
	// each of which comes again only when its lease has ended.
	pullWait = 5 * time.Second
	pullBeat = time.Second
	// pullGather is how long to wait with a request after another has expired: they tend to
	// expire together.
	pullGather = 5 * time.Millisecond
	// drainWait is how long to wait at most for what was on its way at the end.
	drainWait = 2 * time.Second
)

// pull goes on until ctx ends.
func (p *puller) pull(ctx context.Context) {
	for failed := 0; ; {
		up := p.line.wait(ctx, nil)
		if up == nil {
			<-ctx.Done() // the pool ends in its own way, if the connection has for good
			return
		}
		begin := time.Now()
		err := p.session(ctx, up)
		if ctx.Err() != nil {
			return
		}
		if failed++; time.Since(begin) > 10*pullBeat {
			failed = 0
		}
		if err != nil && failed%50 == 5 { // some seconds between one and the next
			p.trouble(err)
		}
		sleep(ctx, pause(failed))
	}
}

// session takes messages until ctx or the connection ends, or the consumer does not answer.
func (p *puller) session(ctx, up context.Context) error {
	p.mu.Lock()
	p.owed, p.heard, p.broken = 0, time.Now(), make(chan error, 1)
	p.mu.Unlock()
	inbox := p.line.nc.NewInbox()
	sub, err := p.line.nc.Subscribe(inbox, p.receive)
	if err != nil {
		return err
	}
	closed := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(closed) })
	// How much comes is bounded by the credits; to drop some would be to wait for a lease.
	if err = sub.SetPendingLimits(-1, -1); err == nil {
		err = p.ask(ctx, up, inbox)
	}
	// What was on its way still comes.
	if up.Err() == nil && sub.Drain() == nil {
		wait(up, closed, drainWait)
	}
	_ = sub.Unsubscribe() // has an effect only if it did not drain
	wait(context.Background(), closed, drainWait)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credits.give(p.owed)
	p.owed = 0
	return err
}

// ask sends a request whenever there are credits.
func (p *puller) ask(ctx, up context.Context, inbox string) error {
	tick := time.NewTicker(pullBeat)
	defer tick.Stop()
	to := fmt.Sprintf("$JS.API.CONSUMER.MSG.NEXT.%s.%s", p.stream, p.consumer)
	for {
		if n := p.credits.take(); n > 0 {
			p.mu.Lock()
			p.owed += n
			p.mu.Unlock()
			body, err := json.Marshal(pullRequest{n, pullWait, pullBeat})
			if err == nil {
				err = p.line.nc.PublishRequest(to, inbox, body)
			}
			if err != nil {
				return err
			}
			continue
		}
		select {
		case <-p.credits.more:
		case <-ctx.Done():
			return nil
		case <-up.Done():
			return nil
		case err := <-p.broken:
			return err
		case <-tick.C:
			if p.silent() {
				return errSilent
			}
		}
	}
}

var errSilent = errors.New("the server does not answer")

// pullRequest is what a consumer is asked.
type pullRequest struct {
	Batch   int           `json:"batch"`
	Expires time.Duration `json:"expires"`
	Beat    time.Duration `json:"idle_heartbeat"`
}

// silent reports whether messages are owed, and nothing has come for too long.
func (p *puller) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.owed > 0 && time.Since(p.heard) > 3*pullBeat
}

// receive is called for each message that comes: one of the stream, or one about a request.
func (p *puller) receive(msg *nats.Msg) {
	status := ""
	if len(msg.Data) == 0 && msg.Header != nil {
		status = msg.Header.Get("Status")
	}
	p.mu.Lock()
	p.heard = time.Now()
	if status == "" {
		p.owed--
		p.mu.Unlock()
		p.take(msg)
		return
	}
	defer p.mu.Unlock()
	if status == "100" { // a sign of life
		return
	}
	left, err := strconv.Atoi(msg.Header.Get("Nats-Pending-Messages"))
	if err != nil || left < 0 || left > p.owed {
		// It is not about one request, but about the consumer.
		p.fail(fmt.Errorf("%s %s", status, msg.Header.Get("Description")))
		return
	}
	p.owed -= left
	time.AfterFunc(pullGather, func() { p.credits.give(left) })
	if status != "408" && status != "404" { // neither expired, nor that there was none
		p.fail(fmt.Errorf("%s %s", status, msg.Header.Get("Description")))
	}
}

// fail is called with mu held.
func (p *puller) fail(err error) {
	select {
	case p.broken <- err:
	default:
	}
}

// line knows whether there is a connection.
type line struct {
	nc *nats.Conn

	mu   sync.Mutex
	ups  uint64          // how often there was one
	up   context.Context // ends when the connection does
	down context.CancelFunc
	back chan struct{} // closed when there is one again
	gone chan struct{} // closed when there will be none
}

func newLine(nc *nats.Conn) *line {
	return &line{nc: nc, back: make(chan struct{}), gone: make(chan struct{})}
}

// watch follows the connection until done is closed. Until then there is none.
func (l *line) watch(done <-chan struct{}) {
	changed := l.nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	defer l.nc.RemoveStatusListener(changed)
	l.set(l.nc.IsConnected())
	if l.nc.IsClosed() { // before we were told
		close(l.gone)
		<-done
		return
	}
	for {
		select {
		case _, open := <-changed:
			// A short interruption may be over already: who waits on the old connection is
			// to know in any case.
			l.set(false)
			l.set(l.nc.IsConnected())
			if !open || l.nc.IsClosed() {
				close(l.gone)
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
		l.ups++
		l.up, l.down = context.WithCancel(context.Background())
		close(l.back)
	case !up && l.up != nil:
		l.down()
		l.up, l.down, l.back = nil, nil, make(chan struct{})
	}
}

// now returns the context of the connection, or nil, and what is closed when that is another one.
func (l *line) now() (up context.Context, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up != nil {
		return l.up, l.up.Done()
	}
	return nil, l.back
}

// epoch counts the connections there have been.
func (l *line) epoch() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ups
}

// wait waits for a connection, and returns a context that ends with it, or nil if ctx ends, or
// done is closed, before there is one.
func (l *line) wait(ctx context.Context, done <-chan struct{}) context.Context {
	for {
		up, back := l.now()
		if up != nil {
			return up
		}
		select {
		case <-back:
		case <-done:
			return nil
		case <-l.gone:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}
