package natspool

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/boundedgo/workerpool"
)

// base is a pool without the types of its jobs and values.
type base struct {
	cfg    config
	nc     *nats.Conn
	own    bool // the connection is ours to close
	remote *remote
	line   *line
	worker *worker // nil for a client

	// Each of these ends what the one before it does, too.
	private switcher // nobody waits for the result of a Do any more
	reading switcher // results are no longer read
	pulling switcher // no job is taken any more
	stopped switcher // what runs is to end

	closing  chan struct{} // closed by Close
	finished chan struct{} // closed when the workers have left
	ended    chan struct{} // closed when nothing is left

	mu      sync.Mutex
	closed  bool
	calls   int            // that may still store a job, or wait for its result
	callers sync.WaitGroup // of these; Add only while not closed

	making chan struct{} // full while the inbox of Do is made

	opening sync.Mutex    // of what follows; not held while the server is asked
	started chan struct{} // closed when there is inbox
	inbox   *inbox
	mine    *inbox         // of Do
	waiters *waiters       // on it
	batches *outbox        // of SubmitAll
	over    bool           // nobody begins to read any more
	readers sync.WaitGroup // who hands results over

	idle                                  atomic.Bool  // the workers left since all was finished
	left                                  atomic.Int64 // jobs that were stored when somebody looked last
	submitted, duplicates, rejected, read atomic.Uint64
}

// switcher is a context with its switch.
type switcher struct {
	ctx context.Context
	off context.CancelCauseFunc
}

func newSwitcher(under context.Context) switcher {
	ctx, off := context.WithCancelCause(under)
	return switcher{ctx, off}
}

func newBase(ctx context.Context, name string, opts []Option) (*base, error) {
	cfg := newConfig(name, opts)
	if ctx == nil {
		return nil, cfg.error(nil, "New: nil context")
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	nc, err := dial(ctx, cfg)
	if err != nil {
		wraps := []error{err}
		if !refused(err) {
			wraps = append(wraps, ErrUnavailable)
		}
		return nil, cfg.error(wraps, "connecting: %v", err)
	}
	b := &base{
		cfg: cfg, nc: nc, own: cfg.conn == nil,
		closing: make(chan struct{}), finished: make(chan struct{}), ended: make(chan struct{}),
		making: make(chan struct{}, 1), started: make(chan struct{}),
	}
	b.stopped = newSwitcher(context.Background())
	b.pulling = newSwitcher(b.stopped.ctx)
	b.reading = newSwitcher(b.stopped.ctx)
	b.private = newSwitcher(b.stopped.ctx)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(publishTimeout))
	if err == nil {
		b.remote, err = setUp(ctx, cfg, js)
	}
	if err != nil {
		b.hangUp()
		return nil, err
	}
	b.line = newLine(nc)
	return b, nil
}

// refused reports whether connecting again is of no use.
func refused(err error) bool {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return untrusted || errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked)
}

func dial(ctx context.Context, c config) (*nats.Conn, error) {
	if c.conn != nil {
		return c.conn, nil
	}
	timeout := nats.DefaultTimeout
	if end, ok := ctx.Deadline(); ok {
		timeout = max(time.Millisecond, min(timeout, time.Until(end)))
	}
	return c.connect(
		nats.Timeout(timeout),
		nats.Name("workerpool "+c.name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250*time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		// A connection that has gone silent is given up about when the server gives up its jobs.
		nats.PingInterval(max(time.Second, c.lease/3)),
		nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.logger.Warn("natspool: connection", "pool", c.name, "error", err)
		}),
	)
}

func (b *base) hangUp() {
	_ = b.nc.FlushTimeout(time.Second) // what was acknowledged is to arrive; what doesn't comes again
	if b.own {
		b.nc.Close()
	}
}

// live goes on for as long as the pool does. What ends a pool is Close, once all that was
// submitted is finished and read; or Leave or Stop, which wait for neither.
func (b *base) live() {
	defer close(b.ended)
	over := make(chan struct{})
	var rest sync.WaitGroup
	rest.Go(func() { b.line.watch(over) })
	if b.worker != nil {
		rest.Go(b.worker.work)
	}
	select {
	case <-b.closing:
		b.idle.Store(b.untilIdle(b.pulling.ctx) == nil)
	case <-b.pulling.ctx.Done():
	}
	b.pulling.off(nil)
	if b.worker != nil {
		<-b.worker.done
	}
	close(b.finished)
	b.lastResults()
	b.endPrivate()
	b.readers.Wait() // they acknowledge what they hand over
	b.callers.Wait() // what they have sent is to be known as stored, or not
	if b.batches != nil {
		b.batches.close()
	}
	close(over)
	rest.Wait()
	b.countLeft()
	b.stopped.off(errOver)
	b.hangUp()
}

// endPrivate ends what Do has, after a moment for the results of what was finished last.
func (b *base) endPrivate() {
	for n := 1; n < 8 && !b.quiet() && b.private.ctx.Err() == nil; n++ {
		sleep(b.private.ctx, pause(n))
	}
	b.private.off(nil)
	if mine := b.endOpening(); mine != nil {
		mine.end()
		b.removePrivate(mine)
	}
}

// endOpening has nobody begin to read any more, and returns the inbox of Do, if there is one.
func (b *base) endOpening() *inbox {
	b.opening.Lock()
	defer b.opening.Unlock()
	b.over = true
	return b.mine
}

// lastResults waits until all results were read, or nobody will.
func (b *base) lastResults() {
	for n := 1; ; n++ {
		select {
		case <-b.started:
			<-b.inbox.done
			return
		case <-b.reading.ctx.Done():
			return
		default:
		}
		unread, err := b.unread(b.reading.ctx)
		if err == nil && unread == 0 || b.nc.IsClosed() {
			return
		}
		// They wait for a reader, who may be anywhere.
		wait(b.reading.ctx, b.started, 4*pause(n))
	}
}

// wait waits for d, or until ctx ends or done is closed.
func wait(ctx context.Context, done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-done:
	case <-ctx.Done():
	}
}

// close closes the intake.
func (b *base) close() { b.closeWith(nil) }

// closeWith closes the intake, and stops the pool if there is a cause to. It is one step for those
// who submit: who is told that the pool is closed is told the cause too.
func (b *base) closeWith(cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := !b.closed
	b.closed = true
	if cause != nil {
		b.stopped.off(cause)
	}
	if first {
		close(b.closing)
	}
}

// enter counts a call that may store a job, unless the pool takes none any more.
func (b *base) enter(op string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return b.closedError(op)
	}
	b.calls++
	b.callers.Add(1)
	return nil
}

func (b *base) exit() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls--
	b.callers.Done()
}

func (b *base) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// quiet reports whether no call has a job that the server may not know of.
func (b *base) quiet() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls == 0
}

// shutdown closes, and waits until every job is finished.
func (b *base) shutdown(ctx context.Context) error {
	if ctx != nil { // else it does nothing
		b.close()
	}
	if err := b.notInside(ctx, "Shutdown"); err != nil {
		return err
	}
	select {
	case <-b.finished:
		if cause := context.Cause(b.stopped.ctx); cause != nil && !errors.Is(cause, errOver) {
			return &workerpool.ShutdownError{NotRun: int(b.left.Load()), Err: b.contextError(b.stopped.ctx, "Shutdown")}
		}
		return b.afterLeave(ctx)
	case <-ctx.Done():
		return b.giveUp(ctx, "Shutdown")
	}
}

// afterLeave is what Shutdown says when the workers have left: by Leave they may have done so
// before all was finished.
func (b *base) afterLeave(ctx context.Context) error {
	if b.idle.Load() {
		return nil
	}
	select {
	case <-b.ended:
	case <-ctx.Done():
		return b.giveUp(ctx, "Shutdown")
	}
	if left := int(b.left.Load()); left > 0 {
		return &workerpool.ShutdownError{NotRun: left, Err: b.cfg.error([]error{workerpool.ErrClosed}, "Shutdown: left before all was finished")}
	}
	return nil
}

// leaveWork ends the work of this process.
func (b *base) leaveWork(ctx context.Context) error {
	if ctx == nil {
		return b.notInside(ctx, "Leave")
	}
	b.close()
	if b.worker != nil {
		b.worker.giveBack()
	}
	b.reading.off(nil)
	b.pulling.off(nil)
	if err := b.notInside(ctx, "Leave"); err != nil {
		return err
	}
	select {
	case <-b.ended:
		return nil
	case <-ctx.Done():
		return b.giveUp(ctx, "Leave")
	}
}

// giveUp stops the pool with the cause of ctx, and says what was left.
func (b *base) giveUp(ctx context.Context, op string) error {
	failed := &workerpool.ShutdownError{Err: b.contextError(ctx, op)}
	if b.worker != nil {
		s := b.worker.pool.Stats()
		failed.Running = s.Busy
	}
	failed.NotRun = max(0, int(b.left.Load())-failed.Running)
	b.stopped.off(context.Cause(ctx))
	return failed
}

// stop ends all, and waits for it.
func (b *base) stop() {
	b.closeWith(workerpool.ErrStopped)
	<-b.ended
}

func (b *base) notInside(ctx context.Context, op string) error {
	if ctx == nil {
		return b.cfg.error(nil, "%s: nil context", op)
	}
	if b.inside(ctx) {
		return b.cfg.error([]error{ErrInsideJob}, "%s: called from inside a job, which it would wait for", op)
	}
	return nil
}

// inside reports whether ctx is that of a job of this pool.
func (b *base) inside(ctx context.Context) bool {
	r := runOf(ctx)
	return r != nil && b.worker != nil && r.worker == b.worker
}

func (b *base) closedError(op string) error {
	if cause := context.Cause(b.stopped.ctx); cause == nil || errors.Is(cause, errOver) {
		return b.cfg.error([]error{workerpool.ErrClosed}, "%s: closed", op)
	}
	return b.contextError(b.stopped.ctx, op+": closed", workerpool.ErrClosed)
}

// contextError says that something was not done because ctx ended.
func (b *base) contextError(ctx context.Context, what string, wraps ...error) error {
	return b.cfg.error(append(wraps, contextErrors(ctx)...), "%s: %v", what, context.Cause(ctx))
}
