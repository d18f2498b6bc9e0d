package workerpool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Jobs may submit jobs (G10). A pool in which every worker waits for a job that
// is still in the queue would wait for ever; so a job that would have to wait
// inside a call to its own pool lends its place, the right to run that its worker
// gave it, to the new job. To find the job that a call comes from, its context
// carries its place.
//
// Rejected: running the new job on the goroutine of its submitter. It is cheaper,
// but a Goexit in it would end the submitter too.

// place is the right to run one job at a time. Each worker has one, and so has
// each job that runs in a lent place.
type place struct {
	_ cacheLine
	// word counts the jobs that ended here, and its lowest bit says that the
	// place of the job which runs now is lent. One atomic addition at the end
	// of a job thus counts it, makes its context lend nothing any more, and
	// tells whether the place is still out.
	word atomic.Uint64
	// failed and panicked count outcomes for Stats.
	failed, panicked atomic.Uint64
	progress
	_ cacheLine

	mu   sync.Mutex
	back chan struct{} // closed when the lent place comes back; guarded by mu
}

// progress is all that the loop over a chunk touches beside the jobs: it is what they cost
// when they do next to nothing.
type progress struct {
	// look makes the worker look around before the next job.
	look atomic.Bool
	// ran is how many jobs have run, and the index of the one that runs. Only the worker
	// itself touches it.
	ran int
}

const (
	placeLent = 1
	placeJob  = 2
)

// cacheLine keeps what one processor writes often off the lines that others read.
// Two lines of 64 bytes, since processors fetch them in pairs.
type cacheLine [128]byte

func (pl *place) ended() uint64 { return pl.word.Load() / placeJob }

// end ends the job that runs in the place, or the n jobs of a chunk. It reports whether
// the place is lent; then the next job has to wait for it.
func (pl *place) end(n int) (lent bool) { return pl.word.Add(uint64(n)*placeJob)&placeLent != 0 }

func (pl *place) isLent() bool { return pl.word.Load()&placeLent != 0 }

// awaitBack waits until the place is not lent.
func (pl *place) awaitBack() {
	pl.mu.Lock()
	back := pl.back
	pl.mu.Unlock()
	<-back
}

// giveBack ends what lend began.
func (pl *place) giveBack() {
	pl.mu.Lock()
	pl.word.Add(^uint64(placeLent - 1))
	back := pl.back
	pl.mu.Unlock()
	close(back)
}

// poolKey is the type of the key under which a pool finds its own jobs in a
// context; each pool has a key of its own, by address. (It has a size, so that no
// two of them have the same address.)
type poolKey struct{ _ byte }

// contextBlock is the contexts of jobs that run in one place one after the other.
//
// Each job has a context of its own, so that one which is used after its job has
// ended can be told; and a context for each, allocated by itself or with its
// neighbours, would be most of what a pool adds to its channels. So a context is one
// byte, its index among its neighbours, from which follows where they keep what they
// have in common. Who keeps the context of a job keeps its block, a quarter of a KiB.
//
// Rejected: one context for all jobs of a worker. A goroutine that a job left
// behind could then lend the place of the next job, and two would run in it.
type contextBlock struct {
	contextHeader
	jobs [contextsPerBlock]jobContext
}

// contextHeader is what the contexts behind it have in common.
type contextHeader struct {
	context.Context
	place *place
	key   *poolKey
	first uint64 // the number of the job with the first context
}

const contextsPerBlock = 216

// jobContext is the context that a job runs under: its parent's, and which job of
// which place it is. It lies behind a contextHeader, with as many others in between
// as its value says.
type jobContext uint8

func (c *jobContext) header() *contextHeader {
	return (*contextHeader)(unsafe.Add(unsafe.Pointer(c), -int(unsafe.Sizeof(contextHeader{}))-int(*c)))
}

func (c *jobContext) Deadline() (time.Time, bool) { return c.header().Deadline() }
func (c *jobContext) Done() <-chan struct{}       { return c.header().Done() }
func (c *jobContext) Err() error                  { return c.header().Err() }

func (c *jobContext) Value(key any) any {
	h := c.header()
	if k, ok := key.(*poolKey); ok && k == h.key {
		return c
	}
	return h.Value(key)
}

// number is the place's count of ended jobs while the job runs.
func (c *jobContext) number() uint64 { return c.header().first + uint64(*c) }

// newContexts makes the contexts of the next jobs that run in pl.
func newContexts(ctx context.Context, pl *place, key *poolKey) *contextBlock {
	b := &contextBlock{contextHeader: contextHeader{ctx, pl, key, pl.ended()}}
	for i := range b.jobs {
		b.jobs[i] = jobContext(i)
	}
	return b
}

// newContext makes the context of the next job that runs in pl.
func newContext(ctx context.Context, pl *place, key *poolKey) *jobContext {
	b := &struct {
		contextHeader
		job jobContext
	}{contextHeader: contextHeader{ctx, pl, key, pl.ended()}}
	return &b.job
}

// lend takes the place of job c for a job that it submits, and reports whether it
// got it. Where another call of the same job has the place, back is closed when
// it comes back. Where the job has ended both are zero: it has nothing to lend.
func (c *jobContext) lend() (ok bool, back <-chan struct{}) {
	pl, running := c.header().place, c.number()*placeJob
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.word.CompareAndSwap(running, running+placeLent) {
		pl.back = make(chan struct{})
		pl.look.Store(true)
		return true, nil
	}
	if pl.word.Load() == running+placeLent {
		return false, pl.back
	}
	return false, nil
}

// running reports whether job c has not ended.
func (c *jobContext) running() bool { return c.header().place.ended() == c.number() }

// jobOf returns the job of this pool that ctx comes from, or nil. It may end at any
// moment, unless the caller is that job.
func (p *Pool[T, R]) jobOf(ctx context.Context) *jobContext {
	c, _ := ctx.Value(&p.key).(*jobContext)
	if c == nil || !c.running() {
		return nil
	}
	return c
}

// borrow enters a job in the ledger and gets it the place of the job outer. It
// reports false when outer has ended meanwhile; then nothing is entered.
func (p *Pool[T, R]) borrow(ctx context.Context, op string, outer *jobContext, wait bool) (bool, error) {
	if err := p.enter(op); err != nil {
		return false, err
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	for {
		lent, back := outer.lend()
		switch {
		case lent:
			return true, nil
		case back == nil:
			p.takeBack()
			return false, nil
		case !wait:
			return false, p.withdraw(newError(p.name, []error{ErrFull}, "%s: another call of this job has its place", op))
		}
		select {
		case <-back:
		case <-ctx.Done():
			return false, p.withdraw(p.contextError(ctx, op+": another call of this job has its place", ErrNotRun))
		case <-p.intake:
			return false, p.withdraw(p.closedError(op))
		}
	}
}

// runLent runs t in the place that outer has lent, on a goroutine of its own, so
// that a Goexit in it harms nothing else. What it returns is closed when outer has
// its place back.
func (p *Pool[T, R]) runLent(outer *jobContext, t task[T, R]) <-chan struct{} {
	back := make(chan struct{})
	w := newWorker(p)
	p.mu.Lock()
	p.workers[w] = struct{}{} // for Stats, until past has what it did
	p.mu.Unlock()
	go w.workLent(outer, back, func() { w.run(t) })
	return back
}

// workLent is the goroutine of a worker in a lent place, which begins with body. After a
// panic or Goexit it goes on with what the chunk that it has, if it has one, holds yet.
func (w *worker[T, R]) workLent(outer *jobContext, back chan<- struct{}, body func()) {
	p := w.pool
	w.settleIn()
	defer func() {
		if w.inFunc {
			w.conclude(w.exitPanic)
			go w.workLent(outer, back, w.goOn)
			return
		}
		w.task = task[T, R]{} // whoever keeps the job's context keeps w
		p.mu.Lock()
		delete(p.workers, w)
		p.past.add(&w.place)
		p.mu.Unlock()
		w.tell()
		outer.header().place.giveBack()
		close(back)
	}()
	for caught := w.fence(body); caught != nil; caught = w.fence(w.goOn) {
		w.conclude(caught)
	}
}
