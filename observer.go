package workerpool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// observer is what a pool has at which somebody looks, by hooks or by WithTiming. Others
// have none, and pay for it one look whether they have, on a job's way in; a chunk pays
// one too.
//
// The jobs of Submit are calls then, as those of Do are, so that a job has somewhere to
// keep what is known of it, and takes the way of everything that is rare.
type observer struct {
	hooked
	timing bool
	lastID atomic.Uint64

	// With timing. Workers share the shards, so that a thousand of them do not have a
	// thousand histograms.
	shards    [8]shard
	nextShard atomic.Uint32

	mu             sync.Mutex
	oldest, newest *record // those that wait for a worker, as they came
}

// record is what is known of an observed job that has yet to run.
type record struct {
	id           uint64
	queued       time.Time
	waits        bool
	older, newer *record // with the mutex of the observer held
}

// shard is where some workers note how long jobs took.
type shard struct {
	mu                sync.Mutex
	wait, run, failed Histogram
	_                 cacheLine
}

func newObserver(c config) *observer {
	if len(c.hooks) == 0 && !c.timing {
		return nil
	}
	return &observer{hooked: hooked{c.name, c.hooks}, timing: c.timing}
}

// now is the time, if that is wanted.
func (o *observer) now() (t time.Time) {
	if o.timing {
		t = time.Now()
	}
	return t
}

// bring is for a job that its submitter has just brought.
func (o *observer) bring(ctx context.Context, job any) *record {
	r := &record{id: o.lastID.Add(1), queued: o.now()}
	if o.timing {
		o.wait(r)
	}
	if len(o.hooks) > 0 {
		o.bringToHooks(ctx, r, job)
	}
	return r
}

// bringToHooks calls Queued. If one of these hooks ends the goroutine, that is the end of the
// job, for those who were told of it.
func (o *observer) bringToHooks(ctx context.Context, r *record, job any) {
	returned := false
	defer func() {
		if !returned {
			o.neverRan(ctx, r, job, ErrGoexit, true)
		}
	}()
	o.queued(ctx, o.info(r, job))
	returned = true
}

func (o *observer) info(r *record, job any) JobInfo {
	return JobInfo{Pool: o.pool, ID: r.id, Job: job, Queued: r.queued}
}

func (o *observer) wait(r *record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.waits = true
	if r.older = o.newest; r.older != nil {
		r.older.newer = r
	} else {
		o.oldest = r
	}
	o.newest = r
}

// waitsNoMore is for a job that begins, or never will.
func (o *observer) waitsNoMore(r *record) {
	if !o.timing {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !r.waits {
		return
	}
	r.waits = false
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		o.oldest = r.newer
	}
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		o.newest = r.older
	}
	r.older, r.newer = nil, nil
}

// neverRan ends a job that has not run, because of err. Where it was accepted, refused is
// false.
func (o *observer) neverRan(ctx context.Context, r *record, job any, err error, refused bool) {
	o.waitsNoMore(r)
	if len(o.hooks) > 0 {
		j := o.info(r, job)
		j.Err, j.Refused = err, refused
		o.contained(func() { o.done(o.all(ctx), j) })
	}
}

// abandoned ends a job that has had attempts, and will have no more, with err. r is nil for
// one of a bulk call.
func (o *observer) abandoned(ctx context.Context, r *record, job any, t tries, err error) {
	if len(o.hooks) == 0 {
		return
	}
	j := JobInfo{Pool: o.pool, ID: t.id, Job: job, Attempt: t.n, Err: err}
	if r != nil {
		j.ID, j.Queued = r.id, r.queued
	}
	o.contained(func() { o.done(o.all(ctx), j) })
}

// throttled calls the hooks of that name.
func (o *observer) throttled(until time.Time) {
	o.contained(func() { o.hooked.throttled(until) })
}

// oldestQueued returns when the job was brought that has waited longest, or zero.
func (o *observer) oldestQueued() (t time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.oldest != nil {
		t = o.oldest.queued
	}
	return t
}

func (o *observer) nextShardOf() *shard { return &o.shards[int(o.nextShard.Add(1))%len(o.shards)] }

func (s *shard) note(j *JobInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !j.Queued.IsZero() && j.Attempt == 1 {
		s.wait.add(j.Started.Sub(j.Queued))
	}
	run := &s.run
	if j.Err != nil {
		run = &s.failed
	}
	run.add(j.Finished.Sub(j.Started))
}

// histograms returns what all shards have together.
func (o *observer) histograms() (wait, run, failed Histogram) {
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		wait.merge(s.wait)
		run.merge(s.run)
		failed.merge(s.failed)
		s.mu.Unlock()
	}
	return wait, run, failed
}

// bring is for a job of op that is brought to the pool: nil if nobody observes that, and
// an error if the job is refused at once.
func (p *Pool[T, R]) bring(ctx context.Context, op string, job T, wait bool) (*record, error) {
	switch {
	case p.observer == nil:
		return nil, nil
	case !p.accepting():
		return nil, p.turnedAway(ctx, nil, job, p.refuseCall(op))
	case !wait && p.seemsFull() && p.jobOf(ctx) == nil:
		p.rejected.Add(1)
		return nil, p.turnedAway(ctx, nil, job, p.fullError(op))
	}
	return p.observer.bring(ctx, job), nil
}

// turnedAway is for a call that is refused because of err, which it returns, and for the job
// that was brought, if there is one.
func (p *Pool[T, R]) turnedAway(ctx context.Context, r *record, job T, err error) error {
	o := p.observer
	if o == nil {
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if r != nil {
		o.neverRan(ctx, r, job, err, true)
	}
	o.rejected(ctx, err)
	return err
}

// submit is Submit, and TrySubmit where wait is false, whenever their own short ways will not
// do: the pool is observed, or the job is about to be refused.
func (p *Pool[T, R]) submit(ctx context.Context, op string, job T, wait bool) error {
	if err := p.mayStart(ctx, op); err != nil {
		return p.turnedAway(ctx, nil, job, err)
	}
	r, err := p.bring(ctx, op, job, wait)
	if err != nil {
		return err
	}
	if err = p.enter(op); err == nil {
		c := p.newSubmitted(job, r)
		if wait {
			err = p.send(ctx, op, task[T, R]{call: c})
		} else {
			err = p.trySend(op, task[T, R]{call: c})
		}
		if err != nil {
			c.over()
		}
	}
	if err != nil {
		return p.turnedAway(ctx, r, job, err)
	}
	return nil
}

// contained calls f, if that may call hooks on a goroutine of its own, and returns when it
// has ended, however.
func (o *observer) contained(f func()) {
	if len(o.hooks) == 0 {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}
