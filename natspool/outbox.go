package natspool

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outbox stores messages without waiting for each, and goes on until the server has said
// whether it took them. What it holds is bounded by those who send: a job's credit is free
// only when its result is stored.
type outbox struct {
	js      jetstream.JetStream
	made    time.Time
	stopped context.Context // when it has ended, nothing is tried for longer than grace

	mu     sync.Mutex
	sent   map[*nats.Msg]*parcel // by the message, which is all that the client library gives back
	open   int                   // parcels that are not settled
	closed bool                  // nothing is sent again
	empty  chan struct{}         // closed when open is 0; nil until somebody waits
}

// parcel is a message, and who wants to know what became of it.
type parcel struct {
	msg   *nats.Msg
	opts  []jetstream.PublishOpt
	tries int
	begun time.Time
	// settle is told what the server said, and the error if it was one. It reports whether to
	// try again. It must not block: it runs on the goroutine that reads the server's answers.
	settle func(a answer, err error) (again bool)
	// park is given what sends it again when the queue is full. It must neither block nor call
	// it. nil: it is sent again by itself.
	park func(again func())
}

// newOutbox makes one for up to pending messages on their way.
func newOutbox(stopped context.Context, nc *nats.Conn, pending int) (*outbox, error) {
	o := &outbox{made: time.Now(), stopped: stopped, sent: make(map[*nats.Msg]*parcel)}
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(pending),
		jetstream.WithPublishAsyncTimeout(publishTimeout),
		jetstream.WithPublishAsyncAckHandler(func(_ jetstream.JetStream, m *nats.Msg, ack *jetstream.PubAck) {
			if ack.Duplicate {
				o.answered(m, errKnown)
				return
			}
			o.answered(m, nil)
		}),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, m *nats.Msg, err error) {
			if errors.Is(err, jetstream.ErrAsyncPublishTimeout) {
				// The client library holds its lock here, and who is told may send another message.
				go o.answered(m, err)
				return
			}
			o.answered(m, err)
		}),
	)
	o.js = js
	return o, err
}

// publishTimeout is how long a stored message may go unanswered before it is sent again.
const publishTimeout = 5 * time.Second

// grace is how long a pool that was stopped goes on to tell the server what it has done.
const grace = 2 * time.Second

// send stores p.msg some time, and then tells p. It does not wait, unless more messages are on
// their way than the outbox was made for.
func (o *outbox) send(p *parcel) {
	o.hold(p)
	o.publish(p)
}

// hold is the part of send that comes before publish, for a parcel that waits in between.
func (o *outbox) hold(p *parcel) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open++
	p.begun = time.Now()
}

func (o *outbox) publish(p *parcel) {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		o.settle(p, errGivenUp)
		return
	}
	o.sent[p.msg] = p
	o.mu.Unlock()
	if _, err := o.js.PublishMsgAsync(p.msg, p.opts...); err != nil {
		o.answered(p.msg, err)
	}
}

// answered is called once for each time that m was sent: by the client library, or by publish,
// whoever comes first.
func (o *outbox) answered(m *nats.Msg, err error) {
	o.mu.Lock()
	p := o.sent[m]
	delete(o.sent, m)
	o.mu.Unlock()
	if p != nil {
		o.settle(p, err)
	}
}

func (o *outbox) settle(p *parcel, err error) {
	a := answerTo(err)
	if a != taken && o.stopped.Err() != nil && time.Since(p.begun) > grace {
		a = givenUp
	}
	if p.settle(a, err) && a != givenUp {
		p.tries++
		// Not at once and not here: the client library may hold its lock.
		if again := func() { o.publish(p) }; a == full && p.park != nil {
			p.park(again)
		} else {
			time.AfterFunc(pause(p.tries), again)
		}
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open--; o.open == 0 && o.empty != nil {
		close(o.empty)
		o.empty = nil
	}
}

// pause is how long to wait before the n-th time that something is asked for again.
func pause(n int) time.Duration {
	d := min(2*time.Millisecond<<min(n, 10), 250*time.Millisecond)
	return d/2 + rand.N(d/2)
}

// settled returns a channel that is closed when nothing is on its way.
func (o *outbox) settled() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if o.empty == nil {
		o.empty = make(chan struct{})
	}
	return o.empty
}

// close gives up what the server has not taken. The connection is about to be closed, unless it
// is not ours.
func (o *outbox) close(own bool) {
	o.mu.Lock()
	o.closed = true
	rest := make([]*parcel, 0, len(o.sent))
	for _, p := range o.sent {
		rest = append(rest, p)
	}
	clear(o.sent)
	o.mu.Unlock()
	for _, p := range rest {
		o.settle(p, errGivenUp)
	}
	if own {
		return
	}
	// The client library's goroutine never ends if this comes while it begins.
	if d := libraryBegins - time.Since(o.made); d > 0 {
		time.Sleep(d)
	}
	o.js.CleanupPublisher()
}

// libraryBegins is how long the client library may take to start a goroutine.
const libraryBegins = 100 * time.Millisecond
