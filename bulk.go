package workerpool

import (
	"context"
)

// Map runs all of jobs on the pool and returns what Func returned for them, in the order
// of jobs. It waits until all of them have run, and needs no reader of Results.
//
// The first error, in time, ends the call. Map returns it, with the index of its job, as in
// "Map: job 17: not found", and nil for the values; [errors.Is] and [errors.As] find the
// error of Func, a [*PanicError] or [ErrGoexit] in it. The jobs that run then see their
// context end with that error as its cause, those that have yet to begin never run, and
// Map waits for the ones that run: it leaves nothing behind. To go on after errors use
// [Pool.Collect]; a Func that returns nothing but an error has struct{} for its R.
//
// The jobs run under ctx, values included, and are cancelled with the pool's context too.
// When either ends, the same happens as after an error, and Map returns its error and
// cause. The other errors: [ErrClosed] after Close, wrapping the cause when the pool was
// cancelled, and one that says so when ctx is nil. A Map that has begun before Close is
// finished whole.
//
// What else the pool has to do goes on meanwhile, by turns; see "Many jobs at once" in the
// documentation of the package, also for what jobs must not do. Map from inside a job,
// with the job's context, lends that job's place, and returns when nothing runs in it any
// more. jobs must not be changed until Map has returned.
func (p *Pool[T, R]) Map(ctx context.Context, jobs []T) ([]R, error) {
	return p.mapAll(ctx, "Map", jobs)
}

// Collect runs all of jobs on the pool, whether or not some of them fail, and returns a
// [Result] for each, in the order of jobs. It waits until all of them have run, and needs
// no reader of Results.
//
// The errors of jobs are in their results; [errors.Join] makes one of them. The error of
// Collect is nil unless the call was cut short: because ctx or the pool's context has ended
// before the last job had, whose error and cause it wraps. The results are complete then
// too. Those of jobs that did not run have an Err that wraps [ErrNotRun] and the cause. Only
// if the call never began are the results nil, and no job was accepted: beside [ErrClosed],
// or the error of a ctx that had ended before, or was nil. All else is as for [Pool.Map].
func (p *Pool[T, R]) Collect(ctx context.Context, jobs []T) ([]Result[T, R], error) {
	results := make([]Result[T, R], len(jobs)) // before the call is in the ledger: it may panic
	b, err := p.newBulk(ctx, "Collect")
	if err != nil {
		return nil, err
	}
	return results, b.run(&collecting[T, R]{slice: slice[T, R]{jobs: jobs}, bulk: b, results: results})
}

// Map is [Pool.Map] on a pool of its own, made with opts for this one call. There are
// never more workers than jobs. The default of [WithWorkers] is for jobs that compute;
// those that wait for a network want more.
//
//	pages, err := workerpool.Map(ctx, urls, fetch, workerpool.WithWorkers(8))
//
// The other errors are those of [New], which says how large a T and an R may be. WithContext is
// not an option here, as it is ctx that the jobs run under, and WithBuffer is of no use but for
// how many jobs may wait for their next attempt ([WithRetry]).
func Map[T, R any](ctx context.Context, jobs []T, fn Func[T, R], opts ...Option) ([]R, error) {
	p, err := newOwn(ctx, "Map", len(jobs), fn, opts)
	if err != nil {
		return nil, err
	}
	defer p.end()
	return p.Map(ctx, jobs)
}

// ForEach is [Map] for a function that has no result but an error: the first one ends the
// call, and is returned with the index of its job.
func ForEach[T any](ctx context.Context, jobs []T, fn func(ctx context.Context, job T) error, opts ...Option) error {
	var f Func[T, struct{}]
	if fn != nil {
		f = func(ctx context.Context, job T) (struct{}, error) { return struct{}{}, fn(ctx, job) }
	}
	p, err := newOwn(ctx, "ForEach", len(jobs), f, opts)
	if err != nil {
		return err
	}
	defer p.end()
	_, err = p.mapAll(ctx, "ForEach", jobs)
	return err
}

// Collect is [Pool.Collect] on a pool of its own, as for [Map].
func Collect[T, R any](ctx context.Context, jobs []T, fn Func[T, R], opts ...Option) ([]Result[T, R], error) {
	p, err := newOwn(ctx, "Collect", len(jobs), fn, opts)
	if err != nil {
		return nil, err
	}
	defer p.end()
	return p.Collect(ctx, jobs)
}

// newOwn makes the pool of one call of op, for no more than so many jobs at once.
func newOwn[T, R any](ctx context.Context, op string, jobs int, fn Func[T, R], opts []Option) (*Pool[T, R], error) {
	c := newConfig(opts)
	var errs []error
	if ctx == nil {
		errs = append(errs, newError(c.name, nil, "%s: context must not be nil", op))
	}
	errs = append(errs, c.check(!c.hasContext, "WithContext: not an option of %s, which has a context", op))
	errs = append(errs, c.check(!c.noResults, "WithoutResults: not an option of %s, which gives the results", op))
	if c.oneCall = true; c.validate() == nil {
		c.workers = min(c.workers, max(1, jobs))
	}
	return newPool(op, fn, c, errs...)
}

// end ends a pool with which nobody has anything to do any more, and waits until it has.
func (p *Pool[T, R]) end() {
	p.Close()
	for range p.results { // nothing comes
	}
}

func (p *Pool[T, R]) mapAll(ctx context.Context, op string, jobs []T) ([]R, error) {
	values := make([]R, len(jobs)) // before the call is in the ledger: it may panic
	b, err := p.newBulk(ctx, op)
	if err != nil {
		return nil, err
	}
	b.failFast = true
	if err := b.run(&mapping[T, R]{slice[T, R]{jobs: jobs}, values}); err != nil {
		return nil, err
	}
	return values, nil
}

// run runs all jobs of s, and returns why not.
func (b *bulk[T, R]) run(s source[T, R]) error {
	b.source, b.alone = s, b.pool.oneCall
	b.dispatch()
	b.forget()
	return b.err
}

// slice is the source of a call whose jobs are all there at once, without what becomes of
// their results.
type slice[T, R any] struct {
	jobs []T
	next int // the index of the first that is not yet cut
}

func (s *slice[T, R]) ready() (n int, ended bool) { return len(s.jobs) - s.next, true }

func (s *slice[T, R]) cut(n int) *chunk[T, R] {
	c := &chunk[T, R]{first: int64(s.next), jobs: s.jobs[s.next : s.next+n]}
	s.next += n
	return c
}

func (s *slice[T, R]) keep(*chunk[T, R])     {}
func (s *slice[T, R]) finish(*chunk[T, R])   {}
func (s *slice[T, R]) leaveOut(*chunk[T, R]) {}
func (s *slice[T, R]) announce(int)          {} // all of them are there
func (s *slice[T, R]) waits() bool           { return true }
func (s *slice[T, R]) placeBack()            {}

// mapping is the source of Map, where values stay where Func's are put.
type mapping[T, R any] struct {
	slice[T, R]
	values []R
}

func (m *mapping[T, R]) cut(n int) *chunk[T, R] {
	c := m.slice.cut(n)
	c.values = m.values[c.first : int(c.first)+n]
	return c
}

// collecting is the source of Collect.
type collecting[T, R any] struct {
	slice[T, R]
	bulk    *bulk[T, R]
	results []Result[T, R]
}

func (s *collecting[T, R]) keep(c *chunk[T, R]) {
	for i := range c.ran {
		s.bulk.result(&s.results[int(c.first)+i], c, i)
	}
}

func (s *collecting[T, R]) leaveOut(c *chunk[T, R]) {
	for i := range c.jobs {
		s.bulk.result(&s.results[int(c.first)+i], c, i)
	}
}
