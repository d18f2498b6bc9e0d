package workerpool

import (
	"context"
	"sync"
	"time"
)

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
	again    bool          // it is to be tried again,
	wait     time.Duration // after this time
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
	info := JobInfo{Pool: o.pool, Attempt: w.tries.n, Started: o.now(), Goroutine: v.goroutine}
	switch {
	case r != nil:
		info.ID, info.Queued = r.id, r.queued
		o.waitsNoMore(r)
	case w.tries.id == 0:
		w.tries.id = o.lastID.Add(1)
		fallthrough
	default:
		info.ID = w.tries.id
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

// ends is for an attempt that is through.
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
		if out.again {
			o.retrying(v.under, info, out.wait)
		} else {
			o.done(v.under, info)
		}
		v.ended = nil
	}
	v.clear()
}

// seeRun runs one job of a chunk.
func (w *worker[T, R]) seeRun(ctx context.Context, job T, fn Func[T, R]) (out outcome[R]) {
	w.tries = tries{n: 1}
	out.value, out.err = fn(w.starts(ctx, job, nil), job)
	if out.err != nil {
		w.pool.throttledBy(out.err)
	}
	w.ends(out)
	w.tries = tries{}
	return out
}

// endsAbnormally is ends where Func did not return: out says how. It may be that it did,
// but a hook Done has ended the goroutine; then it returns what there was. A hook Retrying that
// does so has ended the job.
func (w *worker[T, R]) endsAbnormally(out outcome[R]) outcome[R] {
	v := w.view
	switch {
	case v == nil:
	case v.ended != nil && !v.ended.again:
		out, v.ended = *v.ended, nil
		v.clear()
	case v.ended != nil: // the hook was Retrying
		v.mu.Lock()
		v.info.Err = out.err
		v.mu.Unlock()
		info, _ := v.read()
		o := w.pool.observer
		o.contained(func() { o.done(v.under, info) })
		v.ended = nil
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
