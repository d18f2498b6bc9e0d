package natspool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// leases tells the server again and again that messages are in good hands, until they are
// answered: those that wait here as well as those that are worked on, since the server's
// clock runs for all that it has given out.
type leases struct {
	nc     *nats.Conn
	length time.Duration

	mu   sync.Mutex
	held map[*hold]struct{}
}

// hold is a message that this process has.
type hold struct {
	msg *nats.Msg
	run atomic.Pointer[run] // nil if it is a result

	mu      sync.Mutex
	expires time.Time // on the monotonic clock
	isLost  bool
	onLoss  context.CancelCauseFunc
}

func newLeases(nc *nats.Conn, length time.Duration) *leases {
	return &leases{nc: nc, length: length, held: make(map[*hold]struct{})}
}

// take begins to keep msg, which has just come.
func (l *leases) take(msg *nats.Msg) *hold {
	h := &hold{msg: msg, expires: time.Now().Add(l.length)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[h] = struct{}{}
	return h
}

// drop is for a message that is answered, or given up.
func (l *leases) drop(h *hold) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, h)
}

// keep sends signs of life until done is closed.
func (l *leases) keep(done <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // who ends does not wait for a server that is gone
		<-done
		cancel()
	}()
	tick := time.NewTicker(l.length / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.extend(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// extend asks for another lease for all that is held.
func (l *leases) extend(ctx context.Context) {
	begin := time.Now()
	all := l.all()
	// What is lost stays lost: the server may have given it to somebody else.
	kept := all[:0]
	for _, h := range all {
		if !h.lost() && h.msg.InProgress() == nil {
			kept = append(kept, h)
		}
	}
	// A sign of life has no answer. One that came before the answer to a ping did arrive. The
	// way there and back may take longer than from one sign to the next: that is slow, not lost.
	ctx, cancel := context.WithTimeout(ctx, 2*l.length/3)
	defer cancel()
	if len(kept) == 0 || l.nc.FlushWithContext(ctx) != nil {
		return
	}
	for _, h := range kept {
		h.extendTo(begin.Add(l.length))
	}
}

// all returns what is held.
func (l *leases) all() []*hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*hold, 0, len(l.held))
	for h := range l.held {
		all = append(all, h)
	}
	return all
}

func (h *hold) extendTo(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.isLost {
		h.expires = t
	}
}

// renew is for a message that the server has given out again, to us.
func (h *hold) renew(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isLost, h.expires = false, t
}

// lost reports whether the server may have given the message to somebody else.
func (h *hold) lost() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.isLost && time.Now().After(h.expires) {
		h.isLost = true
		if h.onLoss != nil {
			h.onLoss(ErrLeaseLost)
		}
	}
	return h.isLost
}

// tell has cancel called when the lease is lost.
func (h *hold) tell(cancel context.CancelCauseFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onLoss = cancel
}
