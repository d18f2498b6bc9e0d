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

// privateInbox returns the inbox of Do, which the first call makes.
func (b *base) privateInbox(ctx context.Context) (*waiters, error) {
	b.opening.Lock()
	defer b.opening.Unlock()
	if b.waiters != nil {
		return b.waiters, nil
	}
	if b.over {
		return nil, b.closedError("Do")
	}
	c := &waiters{waiting: map[string]chan *letter{}, mailbox: privateMark + NewID()}
	in, err := newInbox(ctx, b, b.private.ctx, c.mailbox, nil)
	if err != nil {
		return nil, err
	}
	go in.run()
	b.readers.Go(func() { c.hand(in) })
	b.waiters, b.mine = c, in
	return c, nil
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
	c, err := b.privateInbox(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, b.notStored(ctx, op, nil)
		}
		return nil, b.cfg.error([]error{ErrUnavailable, workerpool.ErrNotRun, err}, "%s: %v", op, err)
	}
	result := c.expect(s.id)
	defer c.forget(s.id)
	if err := b.submit(ctx, op, job, s, c.mailbox, patience); err != nil {
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
