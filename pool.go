package workerpool

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A Pool runs jobs of type T on a fixed number of workers, each by one call of
// its Func, and hands back the outcome of every job exactly once.
//
// A Pool is made by [New]. The zero Pool is closed: it accepts nothing. A Pool
// must not be copied. All its methods may be called from any goroutine, at once,
// in any order, and from inside a job; the package documentation states what they
// guarantee.
//
// A Pool owns goroutines until it has ended: until Results was read to its end, or
// Stop has returned.
type Pool[T, R any] struct {
	// Set by New.
	fn         Func[T, R]
	name       string
	buffer     int // of WithBuffer
	jobTimeout time.Duration
	noResults  bool            // of WithoutResults
	limiter    Limiter         // of WithLimiter, or nil
	observe    func(error)     // its Observe, or nil
	retry      RetryPolicy     // of WithRetry, or nil
	budget     *budget         // of WithRetryBudget, or nil
	special    bool            // no job runs in the way of loop, which knows none of these five
	observer   *observer       // nil if nobody observes the pool
	key        poolKey         // under which the pool finds its own jobs in a context
	ctx        context.Context // ends when the pool is cancelled, or has ended
	cancelCtx  context.CancelCauseFunc
	oneCall    bool        // made for one bulk call
	bound      bool        // to a context that may end: always look at ctx
	stopSweep  func() bool // reports whether sweep will not start any more

	// The way of a job: submitter, jobs, worker, results, reader.
	jobs    chan task[T, R]   // closed by settle, when nothing accepted is unfinished after Close
	results chan Result[T, R] // closed by closeResults, or by sweep after a cancellation
	running sync.WaitGroup    // one for each worker
	alert   atomic.Bool       // nobody may go on without a look at ctx, and a worker at excess
	apart   chan error        // never used: see makeChannels

	// The ways to an end.
	open   atomic.Bool       // until Close: who is refused does not write the ledger
	plain  atomic.Bool       // open, and nobody observes the pool: Submit looks at this alone
	intake chan struct{}     // closed by Close: submitters wait no longer
	late   chan Result[T, R] // workers to sweep: results for which there was no room

	ledger     ledger
	jobsClosed atomic.Bool // jobs is closed, or about to be
	hasRun     atomic.Bool // and all that was accepted has run

	// Counted off the hot path.
	waiting  atomic.Int64 // entered in the ledger, and waiting for a place
	notRun   atomic.Uint64
	refused  atomic.Int64 // those of notRun that the cancellation found in the queue
	deserted atomic.Int64 // jobs of Do whose callers have left, and that have their places yet
	rejected atomic.Uint64
	kept     atomic.Int64  // results that sweep has and nobody has read
	bulks    atomic.Int64  // bulk calls, which are entered in the ledger too
	taken    atomic.Uint64 // jobs that bulk calls have taken from their inputs
	tickets  atomic.Int64  // bulk calls that wait for a place, and the backlog if it does
	short    atomic.Int64  // bulk calls that have jobs for more workers than there are
	followed atomic.Int64  // attempts that another one follows, or will
	retries  atomic.Uint64 // attempts that follow another one
	heldBack atomic.Int64  // workers with a job that has to wait before it starts, or starts again
	heldOwn  atomic.Int64  // those of them that are workers of the pool, and not in lent places
	heldNew  atomic.Int64  // those of them with a job of the queue, before its first attempt
	timedOut atomic.Uint64 // attempts that WithJobTimeout ended

	// How many workers there are. All of it is written only with mu held.
	live   atomic.Int64 // workers, without those that have resigned
	excess atomic.Int64 // how many of them are more than size, if any

	// What a job may have to wait for, beside a worker.
	gate    gate
	backlog backlog[T, R]

	mu        sync.Mutex                 // guards what follows; never held while anything is waited for
	size      int                        // how many workers there should be
	workers   map[*worker[T, R]]struct{} // those in lent places too
	stopped   bool                       // by Stop or Shutdown: ctx has ended, or is about to
	over      bool                       // a worker has left because the pool ends: no new ones
	held      int                        // workers that wait in hold
	room      sync.Cond                  // what hold waits for
	past      Stats                      // what workers did that have left
	completed uint64                     // what Stats has said of it
	waiters   chan struct{}              // made by Wait; closed when the pool is idle
	calls     map[*bulk[T, R]]struct{}   // bulk calls whose dispatchers run
	watched   atomic.Bool                // waiters is not nil
}

// New makes a pool that calls fn for each job, and starts its workers.
//
// Without options it has [runtime.GOMAXPROCS](0) workers and a buffer of 128: see
// [WithWorkers], [WithBuffer], [WithContext], [WithName] and [WithJobTimeout].
//
// New does not block. Its error names every bad argument with its bound, all at
// once: a nil fn, and each option that is out of bounds, which wraps
// [ErrInvalidOption].
//
// Results, which carry their job, travel through a channel by value, so a T and an R
// together may not be larger than what a channel carries, 64 KiB ("channel element type
// too large", the compiler says). Use pointers for what is large.
//
// A pool that is no longer used has to be ended. Batch code says
// defer pool.Stop(); a service calls Shutdown with a deadline. A pool that is
// dropped keeps its goroutines.
func New[T, R any](fn Func[T, R], opts ...Option) (*Pool[T, R], error) {
	return newPool("New", fn, newConfig(opts))
}

// newPool makes a pool for op, unless that has errs already.
func newPool[T, R any](op string, fn Func[T, R], c config, errs ...error) (*Pool[T, R], error) {
	p := &Pool[T, R]{
		fn: fn, name: c.name, buffer: c.buffer, size: c.workers, oneCall: c.oneCall,
		jobTimeout: c.jobTimeout, noResults: c.noResults, limiter: c.limiter, retry: c.retry,
	}
	if fn == nil {
		errs = append(errs, newError(c.name, nil, "%s: Func must not be nil", op))
	}
	err := errors.Join(append(errs, c.validate())...)
	if err == nil {
		err = p.makeChannels(c)
	}
	if err != nil {
		return nil, err
	}
	p.ctx, p.cancelCtx = context.WithCancelCause(labelled(c.ctx, c.name))
	p.bound = c.ctx.Done() != nil
	p.special = c.jobTimeout != 0 || c.noResults || c.limiter != nil || c.retry != nil
	if l, ok := c.limiter.(interface{ Observe(err error) }); ok {
		p.observe = l.Observe
	}
	if c.hasBudget {
		p.budget = newBudget(c.budget)
	}
	p.backlog.wake = make(chan struct{}, 1)
	p.observer = newObserver(c)
	p.room.L = &p.mu
	p.workers = make(map[*worker[T, R]]struct{}, c.workers)
	p.calls = make(map[*bulk[T, R]]struct{})
	p.ledger.accepted.Store(intakeOpen)
	p.open.Store(true)
	p.plain.Store(p.observer == nil)
	p.mu.Lock()
	for range c.workers {
		p.startWorker()
	}
	p.countExcess()
	p.mu.Unlock()
	p.stopSweep = context.AfterFunc(p.ctx, p.sweep)
	go p.closeResults()
	return p, nil
}

// makeChannels fails for a buffer that does not fit the address space, which there
// is on a 32-bit machine.
func (p *Pool[T, R]) makeChannels(c config) (err error) {
	buffer := c.buffer
	if c.oneCall {
		buffer = min(buffer, c.workers)
	}
	defer func() {
		if v := recover(); v != nil {
			err = newError(p.name, []error{ErrInvalidOption}, "WithBuffer(%d): must be smaller for jobs or results of this size: %v", buffer, v)
		}
	}()
	p.jobs = make(chan task[T, R], buffer)
	// Submitters and workers lock the one channel all the time, workers and reader
	// the other. What the runtime allocates for two channels in a row lies side by
	// side, partly on the same cache lines: that alone cost a job a tenth.
	p.apart = make(chan error, 1)
	if c.noResults {
		buffer = 0
	}
	p.results = make(chan Result[T, R], buffer)
	p.intake = make(chan struct{})
	p.late = make(chan Result[T, R])
	return nil
}

// Submit queues job and returns; the job's Result comes on [Pool.Results].
//
// When the queue is full, Submit waits for a place. That takes a worker that
// becomes free, and so, once the results channel is full too, somebody who reads
// Results: a program that submits everything first and reads afterwards hangs as
// soon as it has more jobs than fit. Never Submit from the only reader.
//
// NOTE: ctx bounds this wait and nothing else. The job itself runs under the
// context of the pool (see [WithContext]); cancelling ctx later does not reach
// it. Where a job should end with its submitter use [Pool.Do].
//
// The errors: the cause of ctx when ctx has ended, even if there is a place, or
// ends first; it says what it waited for. [ErrClosed] after Close, which also ends
// a wait that has begun, wrapping the cause when the pool was cancelled. One that says
// so when ctx is nil. With an error the job is not accepted and never runs.
//
// Submit from inside a job, with the job's context, never waits for a place: when
// the queue is full the new job runs in the place of the one that submits it. Submit
// then returns when that job is finished and its Result is on Results, whatever
// becomes of ctx meanwhile. Several goroutines of one job take turns.
//
// Submit happens before the call of Func for the job.
func (p *Pool[T, R]) Submit(ctx context.Context, job T) error {
	if !p.plain.Load() || ctx == nil || ctx.Err() != nil || p.alert.Load() && p.ctx.Err() != nil {
		return p.submit(ctx, "Submit", job, true)
	}
	if !p.ledger.enter() {
		return p.refuseEntered("Submit")
	}
	select {
	case p.jobs <- task[T, R]{job: job}:
		return nil
	default:
		return p.sendWaiting(ctx, "Submit", task[T, R]{job: job})
	}
}

// TrySubmit is Submit for a caller that does not wait: it never blocks, and
// returns [ErrFull] when there is no place in the queue, or [ErrClosed].
//
// Under WithBuffer(0) a place is a worker that waits for a job; one that was just
// made, or has just finished a job, may not do so yet.
func (p *Pool[T, R]) TrySubmit(job T) error {
	if !p.plain.Load() {
		return p.submit(context.Background(), "TrySubmit", job, false)
	}
	if err := p.tryEnter("TrySubmit"); err != nil {
		return err
	}
	return p.trySend("TrySubmit", task[T, R]{job: job})
}

// Do runs job on the pool and returns what Func returned, or an error as in
// [Result]. It waits for a place in the queue as [Pool.Submit] does, then for the
// outcome, which comes to this caller and not to Results: nobody has to read
// those for Do.
//
// The job runs under ctx, values included, and is cancelled with the pool's
// context too. When ctx ends, Do returns at once with its error and cause. A job
// still queued is taken back and never runs; its place in the queue becomes free when
// a worker comes to it. One that runs sees its context cancelled, and its outcome is
// dropped when it comes, save that a panic is logged, by [slog.Error]. One that waits for its
// next attempt ([WithRetry]) has no more: the error is a [*RetryError] with that of its last.
//
// The errors beside the job's own: the cause of ctx, with [ErrNotRun] unless Func has
// begun; [ErrClosed], or that of a nil ctx, as for Submit; and ErrNotRun with the cause
// when the pool was cancelled before the job's turn came.
//
// Do from inside a job, with the job's context, runs the new job in the place of
// the one that calls it, ahead of the queue. It then returns when Func has, since
// until then its place is taken. A job has one place: where several of its goroutines
// call Do their jobs run one after the other, though other workers may be free. For
// jobs beside each other Submit them.
func (p *Pool[T, R]) Do(ctx context.Context, job T) (R, error) {
	return p.do(ctx, "Do", job, true)
}

// TryDo is [Pool.Do] for a caller that does not wait for a place: when there is
// none in the queue it returns [ErrFull] at once. With one, it waits for the
// outcome as Do does. From inside a job, with the job's context, there is no place
// only if another goroutine of that job has it.
func (p *Pool[T, R]) TryDo(ctx context.Context, job T) (R, error) {
	return p.do(ctx, "TryDo", job, false)
}

// Results returns the channel on which the outcome of every job given to Submit or
// TrySubmit comes, once each, as the jobs finish and so in no certain order. Any
// number of goroutines may read it.
//
// It is closed after Close, Shutdown, Stop or a cancellation, when every worker
// has left and every result was read or is on it. So a range over it that ends has
// seen them all, unless others read or Stop took some.
//
// Somebody has to read it: when WithBuffer results wait here the workers wait too,
// and then the submitters.
//
// The return of Func happens before its Result is received.
func (p *Pool[T, R]) Results() <-chan Result[T, R] {
	if p.results == nil { // the zero Pool, which is closed
		none := make(chan Result[T, R])
		close(none)
		return none
	}
	return p.results
}

// mayStart returns why a call with ctx is over before it has begun, wrapping what else
// is given.
func (p *Pool[T, R]) mayStart(ctx context.Context, op string, wraps ...error) error {
	switch {
	case ctx == nil:
		p.rejected.Add(1)
		return newError(p.name, nil, "%s: context must not be nil", op)
	case ctx.Err() != nil:
		p.rejected.Add(1)
		return p.contextError(ctx, op, wraps...)
	}
	return nil
}

// accepting reports whether the pool still takes jobs. Whoever comes after the end is
// refused by this look: the ledger has to balance for the pool to end, and would not as
// long as enough callers enter their jobs only to take them back.
func (p *Pool[T, R]) accepting() bool { return p.open.Load() && p.ctx.Err() == nil }

// enter enters a job in the ledger, so that the jobs channel stays open until it is sent,
// or withdrawn.
func (p *Pool[T, R]) enter(op string) error {
	if !p.accepting() {
		return p.refuseCall(op)
	}
	if !p.ledger.enter() {
		return p.refuseEntered(op)
	}
	return nil
}

// refuseCall refuses a job that is not entered in the ledger.
func (p *Pool[T, R]) refuseCall(op string) error {
	p.rejected.Add(1)
	return p.closedError(op)
}

// refuseEntered refuses a job for which the intake was closed just before it was entered.
func (p *Pool[T, R]) refuseEntered(op string) error {
	p.takeBack()
	return p.refuseCall(op)
}

// tryEnter is enter for a caller that will not wait for a place. A pool under
// overload refuses all the time, so it looks whether the queue is full before it
// writes where submitters and Stats count, and where Wait looks for the balance.
func (p *Pool[T, R]) tryEnter(op string) error {
	if p.seemsFull() && p.accepting() {
		p.rejected.Add(1)
		return p.fullError(op)
	}
	return p.enter(op)
}

// seemsFull reports whether there is no place in the queue, or for lack of a queue no
// worker that waits for a job.
func (p *Pool[T, R]) seemsFull() bool {
	n := cap(p.jobs)
	return len(p.jobs) == n && (n > 0 || p.ledger.idle.Load() <= 0)
}

// takeBack takes back what enter entered.
func (p *Pool[T, R]) takeBack() {
	p.ledger.takeBack()
	p.settle()
}

// withdraw takes back a job that found no place; err is the reason.
func (p *Pool[T, R]) withdraw(err error) error {
	p.rejected.Add(1)
	p.takeBack()
	return err
}

// send puts a job that is entered in the queue. The fast path is one channel
// operation; a select of several channels locks them all.
func (p *Pool[T, R]) send(ctx context.Context, op string, t task[T, R]) error {
	select {
	case p.jobs <- t:
		return nil
	default:
		return p.sendWaiting(ctx, op, t)
	}
}

func (p *Pool[T, R]) trySend(op string, t task[T, R]) error {
	select {
	case p.jobs <- t:
		return nil
	default:
		return p.withdraw(p.fullError(op))
	}
}

// sendWaiting is send for when the queue is full.
func (p *Pool[T, R]) sendWaiting(ctx context.Context, op string, t task[T, R]) error {
	outer := p.jobOf(ctx)
	lent, err := p.awaitRoom(ctx, op, outer, t)
	if lent {
		<-p.runLent(outer, t)
	}
	return err
}

// awaitRoom waits until t is in the queue, or the place of outer, if there is such a
// job, is lent for it.
func (p *Pool[T, R]) awaitRoom(ctx context.Context, op string, outer *jobContext, t task[T, R]) (lent bool, err error) {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	for {
		var back <-chan struct{} // nil, on which nothing ever comes, unless the place of outer is lent
		if outer != nil {
			if lent, back = outer.lend(); lent {
				return true, nil
			}
		}
		select {
		case p.jobs <- t:
			return false, nil
		case <-back:
		case <-ctx.Done():
			return false, p.withdraw(p.contextError(ctx, op+": queue full "+p.load().String(), t.notRun()...))
		case <-p.intake:
			return false, p.withdraw(p.closedError(op))
		}
	}
}
