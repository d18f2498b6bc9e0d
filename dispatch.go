package workerpool

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A bulk call brings many jobs, and its caller waits for them. Through the queue go not
// its jobs, each of which would cost as much as a Submit, but tickets. A worker that
// receives one helps the call: it takes a chunk of jobs, runs them, takes the next, until
// there are none, or others wait in the queue. Then it is their turn, and the call sends
// another ticket to the end of the queue.
//
// All tickets are sent by the call's dispatcher, which has an entry in the ledger until
// it has sent the last: as with every submitter, the jobs channel is open as long as it
// may send. A ticket that is received when its call is over does nothing.
//
// Rejected: workers that send the ticket back themselves. They may not wait for a place,
// and the last one may do it while the channel is closed.

const (
	// chunkTime is what a chunk of more than one job should take: much longer than the
	// taking of it, so that this costs next to nothing, and short for those who wait.
	chunkTime = 20 * time.Microsecond
	// chunkMost is how many jobs a chunk has at most.
	chunkMost = 1 << 14
	// watchTime is how often the dispatcher looks for chunks that take too long.
	watchTime = 5 * chunkTime
)

// source is where the jobs of a bulk call come from and where their outcomes go. All of
// it but keep is called with the mutex of the call held.
type source[T, R any] interface {
	// ready returns how many jobs there are to be cut, and whether no more will come.
	ready() (n int, ended bool)
	// cut makes a chunk of the next n jobs.
	cut(n int) *chunk[T, R]
	// keep is called by the worker when it is through with a chunk, whose rest, if it
	// has one, goes to others.
	keep(c *chunk[T, R])
	// finish is called after that, when the rest is cut off.
	finish(c *chunk[T, R])
	// announce says from how many ready jobs on the dispatcher has to be woken.
	announce(n int)
	// waits reports whether the caller does nothing but wait, so that the place of the
	// job that calls may be lent; placeBack says that it is back.
	waits() bool
	placeBack()
	// leaveOut is told of jobs that will not run.
	leaveOut(c *chunk[T, R])
}

// bulk is a call with many jobs.
type bulk[T, R any] struct {
	pool     *Pool[T, R]
	op       string
	caller   context.Context
	outer    *jobContext     // the job of this pool that calls, or nil; the dispatcher's
	ctx      context.Context // of the jobs: ends with the caller's and the pool's
	cancel   context.CancelCauseFunc
	ends     bool // ctx may end by itself
	failFast bool // the first error ends the call
	alone    bool // nobody else has jobs for the workers, and no result is seen before the last
	longest  int  // how many jobs a chunk may have
	ticket   call[T, R]
	wake     chan struct{} // the dispatcher looks around when something comes on it
	_        cacheLine     // what is above is read for every job

	mu      sync.Mutex
	source  source[T, R]   // nil when the call is over
	length  int            // how many jobs the next chunk has, if there are as many
	rests   []*chunk[T, R] // that were cut off from chunks
	running []*chunk[T, R]
	helpers int   // workers that help, or will when they receive a ticket
	inside  int   // those that help
	lent    bool  // the place of outer
	late    int   // how many of running are late
	long    int   // how many of the others have several jobs
	aside   int   // chunks whose jobs wait for their next attempt
	short   bool  // there are jobs, and no more workers to help
	watched bool  // the dispatcher has to look for chunks that take too long
	over    bool  // nothing runs, and nothing will
	err     error // why the call ends early
	notRun  error // of a job that does not run because of that
}

// newBulk enters a bulk call in the ledger, or returns why not. Its dispatcher has to run.
func (p *Pool[T, R]) newBulk(ctx context.Context, op string) (*bulk[T, R], error) {
	var none T
	if err := p.mayStart(ctx, op); err != nil {
		return nil, p.turnedAway(ctx, nil, none, err)
	}
	p.bulks.Add(1) // first, so that Stats never takes the call for a job
	if err := p.enter(op); err != nil {
		p.bulks.Add(-1)
		return nil, p.turnedAway(ctx, nil, none, err)
	}
	b := &bulk[T, R]{pool: p, op: op, caller: ctx, outer: p.jobOf(ctx), ends: ctx.Done() != nil}
	b.ctx, b.cancel = context.WithCancelCause(ctx)
	b.longest, b.length = chunkMost, 1
	if p.limiter != nil || p.retry != nil {
		b.longest = 1 // each job may have to wait
	}
	b.ticket.bulk = b
	b.wake = make(chan struct{}, 1)
	p.mu.Lock()
	p.calls[b] = struct{}{}
	p.mu.Unlock()
	return b, nil
}

// dispatch sends tickets as long as there is something to do for one more worker. It
// returns when the call is over: nothing runs, and nothing will.
func (b *bulk[T, R]) dispatch() {
	d := dispatcher[T, R]{bulk: b, poolEnds: b.pool.ctx.Done(), ends: b.ctx.Done()}
	for d.plan() {
		switch {
		case d.lend():
		case !d.ticket:
			d.await(nil)
		case d.trySend():
			d.ticket = false
		default:
			b.pool.tickets.Add(1)
			d.await(b.pool.jobs)
			b.pool.tickets.Add(-1)
		}
	}
	d.disarm()
	b.cancel(nil)
	b.pool.mu.Lock()
	delete(b.pool.calls, b)
	b.pool.mu.Unlock()
	b.pool.takeBack()
	b.pool.bulks.Add(-1)
}

// forget is for when the call is over: a ticket of it may be in the queue for a long time
// yet, and is not to keep the jobs.
func (b *bulk[T, R]) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source = nil
}

// dispatcher is what dispatch keeps in mind.
type dispatcher[T, R any] struct {
	*bulk[T, R]
	ticket         bool            // there is one to be sent
	cut            bool            // the end of a context was seen
	back           <-chan struct{} // closed when whoever has the place of outer gives it back
	poolEnds, ends <-chan struct{} // nil once that was seen
	timer          *time.Timer     // for watch; its channel is nil as long as it is not needed
	tick           <-chan time.Time
}

// plan decides whether to send a ticket, and reports false when the call is over.
func (d *dispatcher[T, R]) plan() bool {
	if !d.cut && d.ended() {
		d.cut = true
		d.stopByContext()
	}
	d.abandonTried()
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.noteShort()
	n, more := d.ready()
	if d.nothingRuns() && (d.err != nil || n == 0 && !more) {
		d.over = true
		d.leaveOut()
		return false
	}
	if d.ticket && (n == 0 || d.err != nil) {
		d.ticket = false
		d.helpers--
	}
	if !d.ticket && d.wants() {
		d.ticket = true
		d.helpers++
	}
	if d.tick == nil {
		if d.watched = d.mustWatch(); d.watched {
			d.arm()
		}
	}
	return true
}

// nothingRuns reports whether the call is over if no jobs are to be started any more.
func (b *bulk[T, R]) nothingRuns() bool {
	tried := b.err != nil && slices.ContainsFunc(b.rests, (*chunk[T, R]).tried) // for abandonTried
	return len(b.running) == 0 && b.aside == 0 && !b.lent && !tried
}

// tried reports whether the only job of c has had attempts.
func (c *chunk[T, R]) tried() bool { return c.tries.n > 0 }

// abandonTried ends the jobs that wait for their next attempt, or might have it now, if the
// call has ended early.
func (d *dispatcher[T, R]) abandonTried() {
	p := d.pool
	for _, c := range d.takeTried() {
		r := p.abandon(d.ctx, c.jobs[0], c.tries, nil, d.notAgain())
		d.mu.Lock()
		d.aside--
		c.fail(0, r.Err, false)
		c.ran, c.done, c.tries.err = 1, true, nil
		d.source.leaveOut(c)
		d.mu.Unlock()
	}
}

// takeTried takes out their chunks.
func (d *dispatcher[T, R]) takeTried() (chunks []*chunk[T, R]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil {
		return nil
	}
	chunks = d.pool.backlog.release(d.bulk)
	d.rests = slices.DeleteFunc(d.rests, func(c *chunk[T, R]) bool {
		if c.tried() {
			d.aside++
			chunks = append(chunks, c)
		}
		return c.tried()
	})
	return chunks
}

// notAgain is why they have no further attempt.
func (b *bulk[T, R]) notAgain() error {
	const what = "not tried again"
	switch {
	case b.pool.ctx.Err() != nil:
		return b.pool.contextError(b.pool.ctx, what)
	case b.caller.Err() != nil:
		return b.pool.contextError(b.caller, what)
	}
	return newError(b.pool.name, nil, "%s: the call has ended", what)
}

// await waits until there is a place for the ticket in jobs, which is nil if there is no
// ticket, or something has changed.
func (d *dispatcher[T, R]) await(jobs chan<- task[T, R]) {
	select {
	case jobs <- task[T, R]{call: &d.bulk.ticket}:
		d.ticket = false
	case <-d.wake:
	case <-d.tick:
		d.tick = nil
		d.watch()
	case <-d.back:
		d.back = nil
		d.placeIsBack()
	case <-d.ends:
		d.ends = nil
	case <-d.poolEnds:
		d.poolEnds = nil
	}
}

func (d *dispatcher[T, R]) trySend() bool {
	select {
	case d.pool.jobs <- task[T, R]{call: &d.bulk.ticket}:
		return true
	default:
		return false
	}
}

// lend lends the place of the job that calls to one more helper, and reports whether it
// did. It does not matter how many others there are: those that have yet to receive their
// ticket may never do, if every worker has a job that waits as this one does. As long as
// another call of that job has the place, back says when to try again.
func (d *dispatcher[T, R]) lend() bool {
	if d.outer == nil || d.back != nil || !d.lends() {
		return false
	}
	lent, back := d.outer.lend()
	switch {
	case lent:
		d.back = d.pool.runLent(d.outer, task[T, R]{call: &d.bulk.ticket})
		return true
	case back == nil:
		d.outerHasEnded()
	}
	d.back = back
	d.drop()
	d.placeIsBack()
	return false
}

// lends notes that the place is lent, if it may be.
func (b *bulk[T, R]) lends() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent = b.couldLend()
	if b.lent {
		b.helpers++
	}
	return b.lent
}

func (b *bulk[T, R]) outerHasEnded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outer = nil
}

func (b *bulk[T, R]) placeIsBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lent = false
	b.source.placeBack()
}

func (d *dispatcher[T, R]) arm() {
	if d.timer == nil {
		d.timer = time.NewTimer(watchTime)
	} else {
		d.timer.Reset(watchTime)
	}
	d.tick = d.timer.C
}

func (d *dispatcher[T, R]) disarm() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// watch looks for chunks that take too long. What has yet to begin of their jobs is for
// others, and chunks are short again.
func (b *bulk[T, R]) watch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, c := range b.running {
		if now.Sub(c.began) >= 2*chunkTime {
			b.cutShort(c)
		}
	}
}

// cutShort leaves to others what has yet to begin of a chunk that runs.
func (b *bulk[T, R]) cutShort(c *chunk[T, R]) {
	if c.late {
		return
	}
	b.countChunk(c, -1)
	c.late = true
	b.countChunk(c, 1)
	c.place.look.Store(true)
	b.length = 1
}

// mustWatch reports whether one of the chunks that run may take longer than wants counts
// on, or than the jobs behind it in the chunk should wait. Where each worker helps already,
// whoever is through will take from the others: that is in time if nobody else waits.
func (b *bulk[T, R]) mustWatch() bool {
	if b.over || b.alone && b.helpers >= b.pool.places() {
		return false
	}
	n, more := b.ready()
	return b.long > 0 || (n > 0 || more) && b.length > 1 && len(b.running) > b.late
}

// countChunk counts a chunk that runs, or, with n = -1, one that does not any more.
func (b *bulk[T, R]) countChunk(c *chunk[T, R], n int) {
	switch {
	case c.late:
		b.late += n
	case len(c.jobs) > 1:
		b.long += n
	}
}

// cutsOff reports whether the jobs of c that have yet to begin are not for the worker that
// has it.
func (b *bulk[T, R]) cutsOff(c *chunk[T, R]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil || c.late
}

// poke makes the dispatcher look around.
func (b *bulk[T, R]) poke() {
	select {
	case b.wake <- struct{}{}:
	default: // it has yet to look
	}
}

// places is how many workers there are for jobs.
func (p *Pool[T, R]) places() int { return int(max(1, p.live.Load()-p.excess.Load())) }

// stop ends the call early with err, and reports whether nothing else has before. What
// runs sees its context end with the cause.
func (b *bulk[T, R]) stop(err, cause error) bool {
	b.mu.Lock()
	first := b.err == nil && !b.over
	if first {
		b.err = err
		b.source.announce(-1)
		for _, c := range b.running {
			c.place.look.Store(true)
		}
	}
	b.mu.Unlock()
	b.cancel(cause)
	b.poke()
	return first
}

// stopByContext ends the call because its context or that of the pool has ended.
func (b *bulk[T, R]) stopByContext() {
	ctx := b.caller
	if b.pool.ctx.Err() != nil {
		ctx = b.pool.ctx
	}
	b.mu.Lock()
	if b.err == nil {
		b.notRun = b.pool.contextError(ctx, "job not run", ErrNotRun)
	}
	b.mu.Unlock()
	b.stop(b.pool.contextError(ctx, b.op+": cut short"), context.Cause(ctx))
}

// ended reports whether a context has ended without which no job may start.
func (b *bulk[T, R]) ended() bool { return b.ctx.Err() != nil || b.pool.ctx.Err() != nil }

// fail ends the call because of the error of a job.
func (b *bulk[T, R]) fail(index int, err error) {
	if !b.ended() && b.stop(newError(b.pool.name, []error{err}, "%s: job %d: %v", b.op, index, err), err) {
		return
	}
	b.pool.logLost(err)
}
