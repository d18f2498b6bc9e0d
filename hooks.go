package workerpool

import (
	"context"
	"slices"
	"time"
)

// JobInfo is what [Hooks] and [Pool.Running] say of a job.
type JobInfo struct {
	Pool string // of WithName
	// ID is a number that no other job of the pool has, and no job that came before.
	ID uint64
	// Job is the job itself, a T. The Func that has it may be writing to what it points to,
	// and in what Running returns, so may whoever has received its Result since.
	Job any
	// Attempt is the number of the call of Func that this is about, from 1; 0 for a job
	// that has not run yet, or never did.
	Attempt int
	// Queued is when its submitter brought it, before the wait for a place, and Started
	// and Finished are when Func was called and when it returned. All are zero without
	// [WithTiming], or as long as they are to come; so is Queued of a bulk call's job.
	Queued, Started, Finished time.Time
	// Err is, for Done, the outcome: the Err of its Result, or of the call that was refused;
	// and for Retrying that of the attempt.
	Err error
	// Refused says, for Done, that the job was not accepted after all: it is its caller's
	// again.
	Refused bool
	// Goroutine is the number of the goroutine that runs the job, as stack dumps give it,
	// or 0 without WithTiming.
	Goroutine uint64
}

// Hooks are functions that a pool calls as things happen to its jobs, for logs, metrics
// and traces: see [WithHooks]. Any of them may be nil.
//
// For each job of Submit and Do that is brought to a pool which is open, and not turned away at
// once (by a full queue from TrySubmit or TryDo, or because its context has ended): Queued, then
// Started if it runs, then Done, once, whatever becomes of it. Each is called after the one before has
// returned. With [WithRetry], Started is called for each attempt, and Retrying after each that
// another one is to follow. Of the jobs of bulk calls, those that run have Started and Done. A
// refused call has Rejected; if its job was waiting for a place, Done comes first, and says
// Refused. A job that is given up while it waits for its next attempt has one more Done, with
// the number of the attempt that Retrying has told of, and no times. What a hook itself brings
// to the pool has hooks too.
//
// Hooks run on the goroutine that does what they tell of, and take its time: Queued and
// Rejected that of the submitter, Started, Retrying and Done that of the worker, whose next job
// waits, and Resized that of the caller of Resize. (Throttled, and Done of a job that panicked,
// called Goexit or never ran has a goroutine of its own, which the other waits for. When a pool
// is cancelled, those of the jobs in its queue come one after the other.) No lock is held
// meanwhile, and they may call the pool as a Func may, with the context that they are given.
// But some must not wait for the pool: those that have no context, Throttled, and where the call
// comes from a job Queued and Rejected of TrySubmit; and Done of a job that never ran or was given
// up between two attempts, which has no place that it could lend. A hook that panics has the
// panic logged by [slog.Error], and all goes on as if it had returned. One that calls [runtime.Goexit] ends the
// goroutine: of a submitter his own; in Started it is as if Func had called it, and in Done the
// job has its outcome already; in Retrying that is the end of the job, with ErrGoexit. What it
// ends is that goroutine, and not the hooks of others.
type Hooks struct {
	// Queued is called when a job is brought, before it has a place in the queue. ctx is
	// the submitter's.
	Queued func(ctx context.Context, j JobInfo)
	// Started is called before each call of Func, with the job's context, and Func gets
	// the context that it returns: ctx, or one derived from it. nil stands for ctx.
	Started func(ctx context.Context, j JobInfo) context.Context
	// Done is called after the last call of Func, when the outcome is certain, and
	// before anybody receives it. ctx is what Started of the same Hooks returned. Where the job
	// never ran, or was given up between two attempts, it is the one that it would have run
	// under, or for a refused call its own.
	Done func(ctx context.Context, j JobInfo)
	// Retrying is called after an attempt that another one will follow, no sooner than wait
	// later: with its number and its error. ctx is what Started of the same Hooks returned for
	// it. Without [WithRetry] it is never called.
	Retrying func(ctx context.Context, j JobInfo, wait time.Duration)
	// Rejected is called when a call that brings jobs is refused, before it returns err.
	// ctx is the submitter's; that of TrySubmit, which has none, is context.Background.
	Rejected func(ctx context.Context, err error)
	// Resized is called when Resize has changed the number of workers. Of calls at once
	// the order is not certain.
	Resized func(from, to int)
	// Throttled is called when a job has returned [RetryAfter], and the pool starts none
	// before until; when that is put off, it is called again. Of calls at once the order is
	// not certain.
	Throttled func(until time.Time)
}

// hooked is what a pool calls: all that WithHooks gave, in order.
type hooked struct {
	pool  string
	hooks []Hooks
}

// seesDone reports whether a hook is told of every outcome.
func (h *hooked) seesDone() bool {
	return slices.ContainsFunc(h.hooks, func(h Hooks) bool { return h.Done != nil })
}

// guard is deferred around each call of a hook.
func (h *hooked) guard(hook string) {
	if v := recover(); v != nil {
		logPanic(h.pool, "the hook "+hook, newPanicError(v))
	}
}

// each calls f with each of the hooks, in order, and with the others too if one panics or ends
// the goroutine. started differs.
func (h *hooked) each(hook string, f func(*Hooks)) { h.eachFrom(0, hook, f) }

func (h *hooked) eachFrom(i int, hook string, f func(*Hooks)) {
	if i == len(h.hooks) {
		return
	}
	defer h.eachFrom(i+1, hook, f)
	defer h.guard(hook)
	f(&h.hooks[i])
}

func (h *hooked) queued(ctx context.Context, j JobInfo) {
	h.each("Queued", func(k *Hooks) {
		if k.Queued != nil {
			k.Queued(ctx, j)
		}
	})
}

func (h *hooked) rejected(ctx context.Context, err error) {
	h.each("Rejected", func(k *Hooks) {
		if k.Rejected != nil {
			k.Rejected(ctx, err)
		}
	})
}

func (h *hooked) throttled(until time.Time) {
	h.each("Throttled", func(k *Hooks) {
		if k.Throttled != nil {
			k.Throttled(until)
		}
	})
}

func (h *hooked) resized(from, to int) {
	h.each("Resized", func(k *Hooks) {
		if k.Resized != nil {
			k.Resized(from, to)
		}
	})
}

// done calls those that come last first, as deferred functions are: what Started of the
// first began ends last.
func (h *hooked) done(under []context.Context, j JobInfo) {
	n := len(under)
	if n == 0 {
		return
	}
	defer h.done(under[:n-1], j)
	if f := h.hooks[n-1].Done; f != nil {
		h.job("Done", f, under[n-1], j)
	}
}

// retrying is as done.
func (h *hooked) retrying(under []context.Context, j JobInfo, wait time.Duration) {
	n := len(under)
	if n == 0 {
		return
	}
	defer h.retrying(under[:n-1], j, wait)
	if f := h.hooks[n-1].Retrying; f != nil {
		h.job("Retrying", func(ctx context.Context, j JobInfo) { f(ctx, j, wait) }, under[n-1], j)
	}
}

// all is ctx for each of the hooks.
func (h *hooked) all(ctx context.Context) []context.Context {
	return slices.Repeat([]context.Context{ctx}, len(h.hooks))
}

func (h *hooked) job(hook string, f func(context.Context, JobInfo), ctx context.Context, j JobInfo) {
	defer h.guard(hook)
	f(ctx, j)
}

// started notes in under which context Done of each of the hooks is to have. One that ends
// the goroutine does so in place of Func: those after it don't see the start of a call that
// there is none of.
func (h *hooked) started(ctx context.Context, j JobInfo, under []context.Context) context.Context {
	for i := range h.hooks {
		under[i] = ctx // if it ends the goroutine
		if f := h.hooks[i].Started; f != nil {
			ctx = h.start(f, ctx, j)
			under[i] = ctx
		}
	}
	return ctx
}

func (h *hooked) start(f func(context.Context, JobInfo) context.Context, ctx context.Context, j JobInfo) (under context.Context) {
	under = ctx
	defer h.guard("Started")
	if c := f(ctx, j); c != nil {
		under = c
	}
	return under
}
