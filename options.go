package workerpool

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// Limits of what New and Resize accept. They are far above what makes sense, and there
// to name a slip of the pen: so many workers take some GiB.
const (
	maxWorkers = 1 << 20
	maxBuffer  = 1 << 24
)

// defaultBuffer is the number of places in the queue, and of results that wait
// for their reader, when WithBuffer is not given. On no-op jobs a pool with 128
// places has most of the throughput there is to have (see DESIGN.md for the
// figures); more only adds to what is in flight at a shutdown.
const defaultBuffer = 128

// An Option configures a pool when it is made. Options are made by the With
// functions of this package. A nil Option is ignored, and of two options of the
// same kind the later one wins.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// config is what the options add up to. It has no type parameters, so that
// New(fetch, WithWorkers(8)) infers the types of the pool from fetch alone.
type config struct {
	workers    int
	buffer     int
	ctx        context.Context
	name       string
	jobTimeout time.Duration
	hasTimeout bool
	hasContext bool
	noResults  bool
	timing     bool
	hooks      []Hooks
	limiter    Limiter
	hasLimiter bool
	retry      RetryPolicy
	hasRetry   bool
	budget     float64
	hasBudget  bool
	oneCall    bool // the pool is for one bulk call, which needs no place for more tickets than workers
}

func newConfig(opts []Option) config {
	c := config{
		workers: runtime.GOMAXPROCS(0),
		buffer:  defaultBuffer,
		ctx:     context.Background(),
	}
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	return c
}

// validate returns one error for each setting that is out of bounds, all joined.
func (c config) validate() error {
	return errors.Join(
		c.check(c.workers >= 1, "WithWorkers(%d): must be at least 1", c.workers),
		c.check(c.workers <= maxWorkers, "WithWorkers(%d): must be at most %d", c.workers, maxWorkers),
		c.check(c.buffer >= 0, "WithBuffer(%d): must be at least 0", c.buffer),
		c.check(c.buffer <= maxBuffer, "WithBuffer(%d): must be at most %d", c.buffer, maxBuffer),
		c.check(c.ctx != nil, "WithContext(nil): must not be nil"),
		c.check(!c.hasTimeout || c.jobTimeout > 0, "WithJobTimeout(%v): must be positive", c.jobTimeout),
		c.check(!c.hasLimiter || c.limiter != nil, "WithLimiter(nil): must not be nil"),
		c.check(!c.hasRetry || c.retry != nil, "WithRetry(nil): must not be nil (retry.Backoff returns nil for arguments out of bounds)"),
		c.check(!c.hasBudget || c.budget >= 0 && c.budget < 1, "WithRetryBudget(%v): must be at least 0 and below 1", c.budget),
		c.check(!c.hasBudget || c.hasRetry, "WithRetryBudget(%v): is of no use without WithRetry", c.budget),
	)
}

func (c config) check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return newError(c.name, []error{ErrInvalidOption}, format, args...)
}

// WithWorkers sets how many jobs run at once: from 1 to 1<<20. The default is
// [runtime.GOMAXPROCS](0), which fits jobs that keep a processor busy. Jobs that
// wait, for a network or a disk, want more: as many as the other side can handle at
// once. [Pool.Resize] changes the number later. Each worker is a goroutine from the start.
func WithWorkers(n int) Option {
	return optionFunc(func(c *config) { c.workers = n })
}

// WithBuffer sets how many accepted jobs may wait for a worker, and how many
// results may wait for their reader: from 0 to 1<<24 each; the default is 128.
// It is how many jobs beyond the running ones are accepted before Submit waits and
// TrySubmit returns ErrFull. With 0 a job is handed straight to a worker that waits for
// one. New allocates the room for all of it. A bulk call that has more jobs than the pool
// has workers free takes places too while it waits: one for each worker that it could use.
// Those that are left when the call has ended become free as workers come to them.
func WithBuffer(n int) Option {
	return optionFunc(func(c *config) { c.buffer = n })
}

// WithContext makes the pool live no longer than ctx: when ctx is cancelled the
// pool stops as by [Pool.Stop], with the cause of ctx. Jobs given to Submit run
// under a context derived from ctx, so they see its values too. The default is
// [context.Background]. (The end of a context that is not of package context reaches
// the pool, as any context derived from it, a moment later.)
func WithContext(ctx context.Context) Option {
	return optionFunc(func(c *config) { c.ctx, c.hasContext = ctx, true })
}

// WithName names the pool in its errors and in [Stats], and is what tells its metrics, its
// goroutines in profiles and its jobs in traces from those of other pools: so give each its own.
func WithName(name string) Option {
	return optionFunc(func(c *config) { c.name = name })
}

// WithJobTimeout bounds each call of Func: its context ends d after the call
// began, with [ErrJobTimeout] as its cause. d must be positive; the default is no
// bound.
//
// A Func that then returns an error which is context.DeadlineExceeded, as ErrJobTimeout
// is, has it wrapped together with ErrJobTimeout in its Result, so that it can be told
// from a deadline of the job's own. A Func that does not watch its context is not
// ended: the pool never abandons a goroutine, so such a job keeps its worker
// until it returns. The time goes on while a job that it has submitted runs in its place
// (guarantee G10).
func WithJobTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.jobTimeout, c.hasTimeout = d, true })
}

// WithoutResults is for a pool whose results nobody reads: jobs that Submit and TrySubmit bring
// leave nothing on Results, so no worker waits for a reader. Their outcomes reach [Hooks] and
// [Stats] only; a panic that no hook Done is there to see is logged by [slog.Error]. (Any hook
// Done counts, be it one that only counts jobs: poollog.Jobs logs them.) Results is closed at
// the end all the same, and Stop returns nil. Do and bulk calls give their results to their
// callers as ever.
func WithoutResults() Option {
	return optionFunc(func(c *config) { c.noResults = true })
}

// WithTiming makes the pool read the clock as jobs are brought, begin and end, and note which
// runs where: that is what [Stats] has in Timing, what [Pool.Running] returns, and the times in
// a [JobInfo]. It is for pools whose jobs take some µs at least: a job costs some 400 ns
// more, in a bulk call too.
func WithTiming() Option {
	return optionFunc(func(c *config) { c.timing = true })
}

// WithHooks has functions called as things happen: see [Hooks] for when, and where. It may
// be given several times, for several observers that know nothing of each other: the hooks
// of one are called in the order of the options, so that the context which Started of one
// returns is the next one's; those named Done are called in the opposite order.
func WithHooks(h Hooks) Option {
	return optionFunc(func(c *config) { c.hooks = append(c.hooks, h) })
}

// WithLimiter has each attempt of a job, the first and every other, wait for l before it
// starts. A [*rate.Limiter] of golang.org/x/time/rate will do as it is:
//
//	workerpool.WithLimiter(rate.NewLimiter(100, 10)) // 100 a second, 10 at once
//
// and so will one that several pools share, or that is kept elsewhere. The worker waits with
// the job, so no more jobs wait here than there are workers; the others wait in the queue.
// The time does not count for [WithJobTimeout]. Bulk calls take their jobs one by one then, which
// costs some 1 µs for each.
//
// A job whose context ends while it waits for its first attempt has not run ([ErrNotRun]). If l
// returns an error, or panics, that is the outcome of that one job, and wraps ErrNotRun too,
// unless the job has had an attempt. l must not be nil.
//
// Nothing but the context that it is given ends a Wait: one that does not heed that delays
// [Pool.Stop], and the return of a Map. A *rate.Limiter heeds it early: it fails at once when the
// deadline is nearer than the time it would have to wait, with an error that is not
// [context.DeadlineExceeded].
//
// [*rate.Limiter]: https://pkg.go.dev/golang.org/x/time/rate#Limiter
func WithLimiter(l Limiter) Option {
	return optionFunc(func(c *config) { c.limiter, c.hasLimiter = l, true })
}

// WithRetry has a job whose Func returned an error called again, for as long as policy says
// so. Package retry has policies; one of your own is a function:
//
//	workerpool.WithRetry(func(attempt int, err error) (time.Duration, bool) {
//		return time.Second, attempt < 5 && errors.Is(err, errOverloaded)
//	})
//
// policy is not asked after an error made by [Permanent], a panic or a Goexit, nor once the
// job's context has ended. After [RetryAfter] the wait is at least as long as that says.
//
// A job that waits for its next attempt holds no worker: others run meanwhile, and when it is
// due it joins the end of the queue. As many may wait as the queue has places ([WithBuffer]),
// with those that are back in it. Beyond that, and so always with WithBuffer(0), a job waits in
// the place of its worker; and so does a job of Do or Submit in a lent place (guarantee G10).
// They are accepted jobs as any other: Close lets them have their attempts, and after a
// cancellation each has its Result, with the last error. Jobs of bulk calls are tried again
// too; a Map fails with the first job that does for good.
//
// Bulk calls take their jobs one by one then, which costs some 1 µs for each.
//
// Retries of pools inside each other multiply: three attempts here of a Func that calls a pool
// with three attempts are nine. So let one of them retry, the one that knows most of the error,
// and return [Permanent] here for what the inner pool has given up. The same goes for a client
// library that tries again by itself.
//
// Whoever calls Func again has to know that it may be: a request that has timed out may have
// had its effect. policy must not be nil.
func WithRetry(policy RetryPolicy) Option {
	return optionFunc(func(c *config) { c.retry, c.hasRetry = policy, true })
}

// WithRetryBudget lets at most this share of all attempts of the pool be retries, so that an
// outage does not multiply the load: with 0.1, ten jobs that fail for ever cost eleven attempts
// and not ten times what the policy allows. A job whose retry is not within the budget ends
// with a [*RetryError] that says so.
//
// The budget begins empty and fills with first attempts: nine of them for each retry, with 0.1.
// So the very first failures of a pool get no retry, whatever policy says. No more than 100 are
// saved up. share is from 0, which
// is no retries, to below 1 (a Map with a pool of its own begins with nothing too), and is of
// use with [WithRetry] only.
func WithRetryBudget(share float64) Option {
	return optionFunc(func(c *config) { c.budget, c.hasBudget = share, true })
}
