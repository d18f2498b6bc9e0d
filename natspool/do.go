package natspool

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// privateMark begins the mailbox of a process's own, where the results of Do go.
const privateMark = "~"

// privateTTL is after how long the server forgets results whose caller is gone.
const privateTTL = 5 * time.Minute

func isPrivate(mailbox string) bool { return strings.HasPrefix(mailbox, privateMark) }

// waiters are the calls of Do that wait for their result.
type waiters struct {
	mu      sync.Mutex
	waiting map[string]chan *letter // by id
	mailbox string
}

// expect makes room for the result of id.
func (c *waiters) expect(id string) <-chan *letter {
	ch := make(chan *letter, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[id] = ch
	return ch
}

func (c *waiters) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}

// hand gives each result to its caller. That of one who has left counts as read.
func (c *waiters) hand(i *inbox) {
	for l := range i.letters {
		c.mu.Lock()
		if ch := c.waiting[l.id]; ch != nil {
			delete(c.waiting, l.id)
			ch <- l // has room: each id is expected once
		}
		c.mu.Unlock()
		_ = i.read(l)
	}
}

// privateInbox returns the inbox of Do, which the first call makes. It waits for the server, or for
// the call that does, until ctx ends or the pool is closed: no job is stored yet.
func (b *base) privateInbox(ctx context.Context) (*waiters, error) {
	if c, err := b.openWaiters(); c != nil || err != nil {
		return c, err
	}
	select {
	case b.making <- struct{}{}:
		defer func() { <-b.making }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-b.closing:
		return nil, errOver
	}
	if c, err := b.openWaiters(); c != nil || err != nil { // of the call that this one has waited for
		return c, err
	}
	ctx, cancel := b.untilClosed(ctx)
	defer cancel()
	c := &waiters{waiting: map[string]chan *letter{}, mailbox: privateMark + NewID()}
	in, err := newInbox(ctx, b, b.private.ctx, c.mailbox, nil)
	if err != nil {
		return nil, err
	}
	if !b.openPrivate(c, in) {
		in.pulling.off(nil)
		b.removePrivate(in)
		return nil, errOver
	}
	return c, nil
}

// openWaiters returns those who wait on the inbox of Do, or nil if it is not made yet.
func (b *base) openWaiters() (*waiters, error) {
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.waiters == nil && b.over {
		return nil, errOver
	}
	return b.waiters, nil
}

// openPrivate begins to read the inbox of Do, unless the pool has ended while it was made.
func (b *base) openPrivate(c *waiters, in *inbox) bool {
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.over {
		return false
	}
	go in.run()
	b.readers.Go(func() { c.hand(in) })
	b.waiters, b.mine = c, in
	return true
}

// removePrivate removes the consumer of Do, if the server answers. Else that removes it after privateTTL,
// which is long where many processes come and go.
func (b *base) removePrivate(in *inbox) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	ctx, done, err := b.question(ctx)
	if err != nil {
		return
	}
	defer done()
	_ = b.remote.results.DeleteConsumer(ctx, readerOf(in.mailbox))
}

// untilClosed returns a context that ends with ctx, and when the pool is closed.
func (b *base) untilClosed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-b.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// lostSight is for a Do whose job is stored, and whose pool ends.
func (b *base) lostSight(op string) error {
	wraps := []error{workerpool.ErrClosed, ErrUnavailable}
	if cause := context.Cause(b.stopped.ctx); cause != nil && !errors.Is(cause, errOver) {
		return b.contextError(b.stopped.ctx, op+": the job is stored, and its outcome not known here", wraps...)
	}
	return b.cfg.error(wraps, "%s: closed while the job was stored: its outcome is not known here", op)
}

// do submits a job whose result comes here, and waits for it.
func (b *base) do(ctx context.Context, op string, job []byte, s submission, patience bool) (*letter, error) {
	if s.given {
		return nil, b.cfg.error([]error{workerpool.ErrInvalidOption}, "%s: takes no ID: what has one is for Submit", op)
	}
	if err := b.enter(op); err != nil {
		return nil, err
	}
	defer b.exit()
	if b.inside(ctx) {
		return nil, b.cfg.error([]error{ErrInsideJob}, "%s: called from inside a job", op)
	}
	if ctx.Err() != nil {
		return nil, b.notStored(ctx, op, nil)
	}
	asking := ctx
	if !patience {
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, b.cfg.tryTimeout)
		defer cancel()
	}
	c, err := b.privateInbox(asking)
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return nil, b.notStored(ctx, op, nil)
		case b.isClosed():
			return nil, b.closedError(op)
		}
		return nil, b.cfg.error([]error{ErrUnavailable, workerpool.ErrNotRun, err}, "%s: %v", op, err)
	}
	result := c.expect(s.id)
	defer c.forget(s.id)
	if err := b.submit(asking, op, job, s, c.mailbox, patience); err != nil {
		return nil, err
	}
	select {
	case l := <-result:
		return l, nil
	case <-ctx.Done():
		return nil, b.contextError(ctx, op)
	case <-b.private.ctx.Done():
		return nil, b.lostSight(op)
	}
}
