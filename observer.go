package workerpool

import (
	"bytes"
	"context"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
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
	if !j.Queued.IsZero() {
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

// submitObserved is Submit, and TrySubmit where wait is false, of a pool that is observed.
func (p *Pool[T, R]) submitObserved(ctx context.Context, op string, job T, wait bool) error {
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

// view is what a worker of an observed pool knows of the job that it has.
type view[T, R any] struct {
	shard     *shard // nil without timing
	goroutine uint64
	under     []context.Context // those that the hooks Done are to have
	ended     *outcome[R]       // what became of it, while these run

	mu   sync.Mutex // Running looks at what follows
	job  T
	info JobInfo // with an ID of 0 while there is none
}

// outcome is what became of a job.
type outcome[R any] struct {
	value    R
	err      error
	panicked bool
}

// observed makes w one whose jobs are seen, if the pool is observed.
func (w *worker[T, R]) observed() {
	o := w.pool.observer
	if o == nil {
		return
	}
	w.view = &view[T, R]{under: make([]context.Context, len(o.hooks))}
	if o.timing {
		w.view.shard = o.nextShardOf()
	}
}

// starts is for a job that is about to run, and returns the context for Func. r is nil for
// one of a bulk call.
func (w *worker[T, R]) starts(ctx context.Context, job T, r *record) context.Context {
	o, v := w.pool.observer, w.view
	info := JobInfo{Pool: o.pool, Attempt: 1, Started: o.now(), Goroutine: v.goroutine}
	if r != nil {
		info.ID, info.Queued = r.id, r.queued
		o.waitsNoMore(r)
	} else {
		info.ID = o.lastID.Add(1)
	}
	v.mu.Lock()
	v.job, v.info = job, info
	v.mu.Unlock()
	if len(o.hooks) > 0 {
		for i := range v.under {
			v.under[i] = ctx
		}
		info.Job = job
		ctx = o.started(ctx, info, v.under)
	}
	return ctx
}

// ends is for a job whose Func is through.
func (w *worker[T, R]) ends(out outcome[R]) {
	o, v := w.pool.observer, w.view
	v.mu.Lock()
	v.info.Finished, v.info.Err = o.now(), out.err
	info, job := v.info, v.job
	v.mu.Unlock()
	if v.shard != nil {
		v.shard.note(&info)
	}
	if len(o.hooks) > 0 {
		info.Job = job
		v.ended = &out // for the case that the hook ends the goroutine
		o.done(v.under, info)
		v.ended = nil
	}
	v.clear()
}

// runSeen runs one job of an observed pool. r is nil for one of a bulk call.
func (w *worker[T, R]) runSeen(ctx context.Context, job T, r *record, fn Func[T, R]) (out outcome[R]) {
	out.value, out.err = fn(w.starts(ctx, job, r), job)
	w.ends(out)
	return out
}

// endsAbnormally is ends where Func did not return: out says how. It may be that it did,
// but a hook Done has ended the goroutine; then it returns what there was.
func (w *worker[T, R]) endsAbnormally(out outcome[R]) outcome[R] {
	v := w.view
	switch {
	case v == nil:
	case v.ended != nil:
		out, v.ended = *v.ended, nil
		v.clear()
	default:
		w.pool.observer.contained(func() { w.ends(out) })
		v.ended = nil // it may have ended that goroutine
		v.clear()
	}
	return out
}

// clear is for when the job is gone, so that v does not keep it.
func (v *view[T, R]) clear() {
	var none T
	clear(v.under)
	v.mu.Lock()
	v.job, v.info = none, JobInfo{}
	v.mu.Unlock()
}

// read returns what v knows of its job, and false if it has none.
func (v *view[T, R]) read() (JobInfo, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	info := v.info
	info.Job = v.job
	return info, info.ID != 0
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

// settleIn is what w does first on a goroutine.
func (w *worker[T, R]) settleIn() {
	if w.pool.name != "" {
		pprof.SetGoroutineLabels(w.pool.ctx)
	}
	if w.view != nil && w.pool.observer.timing {
		w.view.goroutine = goroutine()
	}
}

// labelled returns ctx with the label for profiles which the goroutines of the pool get,
// and so do those that return to the labels of a job's context.
func labelled(ctx context.Context, name string) context.Context {
	if name == "" {
		return ctx
	}
	return pprof.WithLabels(ctx, pprof.Labels("workerpool", name))
}

// taskType is what tasks of runtime/trace are called.
func (p *Pool[T, R]) taskType() string {
	if p.name == "" {
		return "workerpool"
	}
	return p.name
}

// attemptTraced is attempt for a job of a bulk call while a trace is being taken.
func (p *Pool[T, R]) attemptTraced(ctx context.Context, job T) (R, error) {
	ctx, task := trace.NewTask(ctx, p.taskType())
	defer task.End()
	return p.attempt(ctx, job)
}

// goroutine returns the number of the current goroutine. The runtime says it nowhere but
// in stack dumps, and there is no other use for it than to find a goroutine in one.
func goroutine() uint64 {
	var buf [32]byte
	number, _, _ := bytes.Cut(bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine ")), []byte(" "))
	n, _ := strconv.ParseUint(string(number), 10, 64)
	return n
}
