package natspool

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outbox stores messages without waiting for each, and goes on until the server has said
// whether it took them. What it holds is bounded by those who send: a job's credit is free
// only when its result is stored.
//
// It gives each message a subject of its own for the answer. Rejected: the client library's
// PublishAsync, which has a timer and some maps for each message, and reads each answer as JSON:
// that took a tenth of all the time of a tiny job, of the server's too.
type outbox struct {
	nc      *nats.Conn
	line    *line
	stopped context.Context // when it has ended, nothing is tried for longer than grace
	inbox   string          // how the subjects of all answers begin
	sub     *nats.Subscription
	done    chan struct{} // closed by close
	watched chan struct{} // closed when watch has ended

	mu     sync.Mutex
	last   uint64 // message that was sent
	sent   map[uint64]*parcel
	open   int           // parcels that are not settled
	closed bool          // nothing is sent again
	empty  chan struct{} // closed when open is 0; nil until somebody waits
}

// parcel is a message, and who wants to know what became of it.
type parcel struct {
	subject string
	header  nats.Header
	data    []byte
	owner   owner

	tries int
	begun time.Time
	sent  time.Time // the last time
}

// owner is told what the server said of a parcel, and the error if it was one. It reports whether to
// try again. It must not block: it runs on the goroutine that reads the server's answers.
type owner interface {
	settle(a answer, err error) (again bool)
}

// A parker is an owner that sees itself to sending again what found the queue full. It must not
// do so at once.
type parker interface{ park() }

// ownerFunc is an owner that is only told.
type ownerFunc func(a answer, err error) (again bool)

func (f ownerFunc) settle(a answer, err error) bool { return f(a, err) }

func newOutbox(stopped context.Context, nc *nats.Conn, l *line) (*outbox, error) {
	o := &outbox{
		nc: nc, line: l, stopped: stopped, inbox: nc.NewInbox() + ".",
		done: make(chan struct{}), watched: make(chan struct{}), sent: make(map[uint64]*parcel),
	}
	sub, err := nc.Subscribe(o.inbox+"*", o.receive)
	if err != nil {
		return nil, err
	}
	o.sub = sub
	// There is an answer for each message, and they are bounded.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		_ = sub.Unsubscribe()
		return nil, err
	}
	go o.watch()
	return o, nil
}

// publishTimeout is how long a stored message may go unanswered before it is sent again.
const publishTimeout = 5 * time.Second

// grace is how long a pool that was stopped goes on to tell the server what it has done.
const grace = 2 * time.Second

// send stores p some time, and then tells p. It does not wait.
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
	o.last++
	n := o.last
	o.sent[n] = p
	p.sent = time.Now()
	o.mu.Unlock()
	if err := o.write(p, n); err != nil {
		o.answered(n, err)
	}
}

// write sends p, if there is a connection: the client library would hold it until there is one, and
// a pool that was stopped does not wait for that. It is asked when the message is in sent: if
// the connection ends after that, watch finds it there.
func (o *outbox) write(p *parcel, n uint64) error {
	var buf [64]byte
	reply := string(strconv.AppendUint(append(buf[:0], o.inbox...), n, 36))
	switch {
	case o.nc.IsClosed():
		return nats.ErrConnectionClosed
	case !o.nc.IsConnected():
		return nats.ErrDisconnected
	case p.header == nil:
		return o.nc.PublishRequest(p.subject, reply, p.data)
	}
	return o.nc.PublishMsg(&nats.Msg{Subject: p.subject, Reply: reply, Header: p.header, Data: p.data})
}

// receive is called for each answer.
func (o *outbox) receive(msg *nats.Msg) {
	if n, err := strconv.ParseUint(msg.Subject[len(o.inbox):], 36, 64); err == nil {
		o.answered(n, readAck(msg))
	}
}

// answered is called once for each time that a message was sent: with the server's answer, or
// with why there is none, whichever comes first.
func (o *outbox) answered(n uint64, err error) {
	o.mu.Lock()
	p := o.sent[n]
	delete(o.sent, n)
	o.mu.Unlock()
	if p != nil {
		o.settle(p, err)
	}
}

// watch gives up about answers that will not come, until the outbox is closed. It looks at the clock
// where there is no connection too: a message may have gone to one that was over before anybody saw it.
func (o *outbox) watch() {
	defer close(o.watched)
	tick := time.NewTicker(publishTimeout / 5)
	defer tick.Stop()
	var up context.Context // the connection that was there last
	for {
		now, changed := o.line.now()
		if up != nil && now != up { // whatever else was ready when it ended
			o.lose(time.Now(), nats.ErrDisconnected)
		}
		up = now
		select {
		case <-tick.C:
			o.lose(time.Now().Add(-publishTimeout), errSilent)
		case <-changed:
		case <-o.line.gone:
			o.lose(time.Now(), nats.ErrConnectionClosed)
			return
		case <-o.done:
			return
		}
	}
}

// lose gives up about the answers to what was sent up to t.
func (o *outbox) lose(t time.Time, err error) {
	o.mu.Lock()
	var lost []uint64
	for n, p := range o.sent {
		if !p.sent.After(t) { // a coarse clock may say the same twice
			lost = append(lost, n)
		}
	}
	o.mu.Unlock()
	for _, n := range lost {
		o.answered(n, err)
	}
}

func (o *outbox) settle(p *parcel, err error) {
	a := answerTo(err)
	if a != taken && a != known && o.stopped.Err() != nil && time.Since(p.begun) > grace {
		a = givenUp
	}
	if p.owner.settle(a, err) && a != givenUp {
		if owner, ok := p.owner.(parker); ok && a == full {
			owner.park()
			return
		}
		p.tries++
		time.AfterFunc(pause(p.tries), func() { o.publish(p) })
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

// close gives up what the server has not taken.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	rest := o.sent
	o.sent = nil
	o.mu.Unlock()
	close(o.done)
	<-o.watched
	_ = o.sub.Unsubscribe() // fails where the connection is closed, and has no effect then
	for _, p := range rest {
		o.settle(p, errGivenUp)
	}
}

// readAck says whether the server has stored a message: the error is for answerTo.
func readAck(msg *nats.Msg) error {
	data := msg.Data
	if len(data) == 0 {
		return jetstream.ErrNoStreamResponse // nobody listens there, says the server
	}
	// Nearly all are like this, and read in a hundredth of the time.
	if bytes.HasPrefix(data, []byte(`{"stream":"WP_`)) && bytes.HasSuffix(data, []byte("}")) &&
		!bytes.Contains(data, []byte(`"error"`)) && !bytes.Contains(data, []byte(`"duplicate"`)) {
		return nil
	}
	var ack struct {
		Stream    string              `json:"stream"`
		Duplicate bool                `json:"duplicate"`
		Error     *jetstream.APIError `json:"error"`
	}
	switch err := json.Unmarshal(data, &ack); {
	case err != nil, ack.Stream == "" && ack.Error == nil:
		return jetstream.ErrInvalidJSAck
	case ack.Error != nil:
		return ack.Error
	case ack.Duplicate:
		return errKnown
	}
	return nil
}
