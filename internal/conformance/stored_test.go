package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/conformance"
)

// The pool of this test is as one between processes is, but for the processes: its jobs and
// results are JSON in a storage that outlives it, and what it cannot do a queue on a network
// could not do either. It shows that the statements for such pools are ones that a pool can keep.

type (
	job    = conformance.Job
	value  = conformance.Value
	result = conformance.Result
)

// TestStored runs the suite with all traits.
func TestStored(t *testing.T) {
	conformance.Run(t, conformance.Maker{
		New: func(t testing.TB, handler workerpool.Func[job, value], s conformance.Settings) conformance.Pool {
			store := &storage{
				capacity: s.Workers + s.Buffer, resultCapacity: s.Buffer + 1, keyed: s.Keyed, errors: s.Errors,
				changed: make(chan struct{}), busyKeys: make(map[string]bool),
			}
			return openPool(t, store, handler, s)
		},
		Reopen: func(t testing.TB, previous conformance.Pool, handler workerpool.Func[job, value], s conformance.Settings) conformance.Pool {
			return openPool(t, previous.(*storedPool).storage, handler, s)
		},
		Traits: conformance.Traits{
			Stores: true, ErrorsAsText: true, TryWithin: time.Second, DetachedDo: true, NestedMayRefuse: true, KeyedOrder: true,
			Holds: func(s conformance.Settings) int { return s.Workers + s.Buffer + s.Buffer + 1 + 1 },
		},
	})
}

// storedJob is a job until its result is stored.
type storedJob struct {
	data  []byte
	key   string
	taken bool
	reply chan reply // of a Do
}

type reply struct {
	value value
	err   error
}

// storage is what outlives a pool.
type storage struct {
	capacity, resultCapacity int
	keyed                    bool
	errors                   map[string]error

	mu       sync.Mutex
	jobs     []*storedJob
	results  [][]byte
	busyKeys map[string]bool
	changed  chan struct{}
}

// update calls f with mu held, and tells those who wait.
func (s *storage) update(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// await waits until try, which is called with mu held, reports that it was successful, or ctx ends.
func (s *storage) await(ctx context.Context, try func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := try(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ended(ctx)
		}
	}
}

func ended(ctx context.Context) error {
	return fmt.Errorf("stored: %w: %w", ctx.Err(), context.Cause(ctx))
}

// take takes the next job that may run.
func (s *storage) take(ctx context.Context) (next *storedJob, err error) {
	err = s.await(ctx, func() bool {
		for _, j := range s.jobs {
			if j.taken || s.keyed && s.busyKeys[j.key] {
				continue
			}
			j.taken, s.busyKeys[j.key] = true, s.keyed
			next = j
			return true
		}
		return false
	})
	return next, err
}

// giveBack has a job run again.
func (s *storage) giveBack(j *storedJob) {
	s.update(func() { j.taken, s.busyKeys[j.key] = false, false })
}

func (s *storage) remove(j *storedJob) {
	s.busyKeys[j.key] = false
	s.jobs = slices.DeleteFunc(s.jobs, func(other *storedJob) bool { return other == j })
}

// wireResult is a result as JSON.
type wireResult struct {
	Job      json.RawMessage
	Value    value
	Attempts int
	Text     string
	Is       []string
	Panic    string
	Stack    []byte
	Failed   bool
}

func (s *storage) known() map[string]error {
	known := map[string]error{
		"goexit": workerpool.ErrGoexit, "timeout": workerpool.ErrJobTimeout, "c": context.Canceled, "d": context.DeadlineExceeded,
	}
	maps.Copy(known, s.errors)
	return known
}

func (s *storage) encode(j *storedJob, r workerpool.Result[*storedJob, value]) []byte {
	w := wireResult{Job: j.data, Value: r.Value, Attempts: r.Attempts, Failed: r.Err != nil}
	if r.Err != nil {
		w.Value, w.Text = value{}, r.Err.Error()
		for name, err := range s.known() {
			if errors.Is(r.Err, err) {
				w.Is = append(w.Is, name)
			}
		}
		var pe *workerpool.PanicError
		if errors.As(r.Err, &pe) {
			w.Panic, w.Stack = fmt.Sprint(pe.Value), pe.Stack
		}
	}
	data, err := json.Marshal(w)
	if err != nil {
		panic(err)
	}
	return data
}

// remoteError is an error that came as text.
type remoteError struct {
	text string
	is   []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.is }

func (s *storage) decode(data []byte) (r result) {
	var w wireResult
	if err := errors.Join(json.Unmarshal(data, &w), json.Unmarshal(w.Job, &r.Job)); err != nil {
		panic(err)
	}
	r.Value, r.Attempts = w.Value, w.Attempts
	switch {
	case w.Stack != nil:
		r.Err = &workerpool.PanicError{Value: w.Panic, Stack: w.Stack}
	case w.Failed:
		e := &remoteError{text: w.Text}
		for _, name := range w.Is {
			e.is = append(e.is, s.known()[name])
		}
		r.Err = e
	}
	return r
}

// insideKey finds the jobs of a pool in a context.
type insideKey struct{ pool *storedPool }

type storedPool struct {
	*storage
	inner     *workerpool.Pool[*storedJob, value]
	ctx       context.Context
	cancel    context.CancelCauseFunc
	closed    bool // guarded by mu
	completed bool // closed, and everything has run: guarded by mu
	out       chan result
	running   sync.WaitGroup
}

func openPool(t testing.TB, store *storage, handler workerpool.Func[job, value], s conformance.Settings) *storedPool {
	p := &storedPool{storage: store, out: make(chan result)}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	opts := []workerpool.Option{
		workerpool.WithWorkers(s.Workers), workerpool.WithBuffer(max(1, s.Buffer)), workerpool.WithContext(p.ctx),
	}
	if s.Retry != nil {
		opts = append(opts, workerpool.WithRetry(s.Retry))
	}
	if s.JobTimeout > 0 {
		opts = append(opts, workerpool.WithJobTimeout(s.JobTimeout))
	}
	if s.Limiter != nil {
		opts = append(opts, workerpool.WithLimiter(s.Limiter))
	}
	var err error
	p.inner, err = workerpool.New(func(ctx context.Context, sj *storedJob) (value, error) {
		var j job
		if err := json.Unmarshal(sj.data, &j); err != nil {
			return value{}, err
		}
		return handler(context.WithValue(ctx, insideKey{p}, true), j)
	}, opts...)
	require.NoError(t, err)
	p.running.Go(p.feed)
	p.running.Go(p.collect)
	p.running.Go(p.deliver)
	return p
}

// feed brings jobs from the storage to the workers.
func (p *storedPool) feed() {
	for {
		j, err := p.take(p.ctx)
		if err != nil {
			return
		}
		if p.inner.Submit(p.ctx, j) != nil {
			p.giveBack(j)
			return
		}
	}
}

// collect stores what became of them. What the end of the pool has interrupted is to run
// again.
func (p *storedPool) collect() {
	for r := range p.inner.Results() {
		j := r.Job
		if p.ctx.Err() != nil && errors.Is(r.Err, context.Cause(p.ctx)) {
			p.giveBack(j)
			continue
		}
		data := p.encode(j, r)
		_ = p.await(p.ctx, func() bool { return j.reply != nil || len(p.results) < p.resultCapacity })
		p.update(func() {
			p.remove(j)
			if j.reply == nil {
				p.results = append(p.results, data)
				return
			}
			decoded := p.decode(data)
			j.reply <- reply{decoded.Value, decoded.Err}
		})
	}
}

// deliver offers what is stored to the reader.
func (p *storedPool) deliver() {
	defer close(p.out)
	for {
		var next []byte
		var over bool
		err := p.await(p.ctx, func() bool {
			if len(p.results) > 0 {
				next = p.results[0]
				return true
			}
			over = p.closed && len(p.jobs) == 0
			return over
		})
		if err != nil || over {
			return
		}
		select {
		case p.out <- p.decode(next):
			p.update(func() { p.results = p.results[1:] })
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *storedPool) inside(ctx context.Context) bool { return ctx.Value(insideKey{p}) != nil }

// put stores a job, or says why not; it is called with mu held.
func (p *storedPool) put(j *storedJob) error {
	switch {
	case p.closed || p.ctx.Err() != nil:
		return p.closedError()
	case len(p.jobs) >= p.capacity:
		return fmt.Errorf("stored: %w", workerpool.ErrFull)
	}
	p.jobs = append(p.jobs, j)
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

func (p *storedPool) closedError() error {
	if p.ctx.Err() != nil && !p.completed {
		return fmt.Errorf("%w: %w: %w", workerpool.ErrClosed, p.ctx.Err(), context.Cause(p.ctx))
	}
	return fmt.Errorf("stored: %w", workerpool.ErrClosed)
}

func (p *storedPool) submit(ctx context.Context, v job, r chan reply) error {
	if ctx == nil {
		return errors.New("stored: context must not be nil")
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	j := &storedJob{data: data, key: v.Key, reply: r}
	var putErr error
	err = p.await(ctx, func() bool {
		putErr = p.put(j)
		return p.inside(ctx) || !errors.Is(putErr, workerpool.ErrFull)
	})
	return errors.Join(err, onlyIf(err == nil, putErr))
}

func onlyIf(cond bool, err error) error {
	if !cond {
		return nil
	}
	return err
}

func (p *storedPool) Submit(ctx context.Context, v job) error { return p.submit(ctx, v, nil) }

func (p *storedPool) TrySubmit(v job) error {
	return p.submit(context.WithValue(context.Background(), insideKey{p}, true), v, nil)
}

func (p *storedPool) Do(ctx context.Context, v job) (value, error) {
	r := make(chan reply, 1)
	if ctx != nil && p.inside(ctx) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed {
			return value{}, p.closedError()
		}
		return value{}, errors.New("stored: Do from inside a job")
	}
	if err := p.submit(ctx, v, r); err != nil {
		if ctx != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", workerpool.ErrNotRun, err)
		}
		return value{}, err
	}
	select {
	case o := <-r:
		return o.value, o.err
	case <-ctx.Done():
		return value{}, ended(ctx)
	case <-p.ctx.Done():
		return value{}, ended(p.ctx)
	}
}

func (p *storedPool) Results() <-chan result { return p.out }

func (p *storedPool) Close() { p.update(func() { p.closed = true }) }

func (p *storedPool) mayWait(ctx context.Context) error {
	if ctx == nil || p.inside(ctx) {
		return errors.New("stored: no context to wait with")
	}
	return nil
}

// Wait waits for the jobs, or the end of the pool.
func (p *storedPool) Wait(ctx context.Context) error {
	if err := p.mayWait(ctx); err != nil {
		return err
	}
	return p.await(ctx, func() bool {
		idle := !slices.ContainsFunc(p.jobs, func(j *storedJob) bool { return j.taken || p.ctx.Err() == nil })
		p.completed = p.completed || idle && p.closed && p.ctx.Err() == nil
		return idle
	})
}

func (p *storedPool) Shutdown(ctx context.Context) error {
	if ctx != nil {
		p.Close()
	}
	if err := p.mayWait(ctx); err != nil {
		return err
	}
	err := p.Wait(ctx)
	p.mu.Lock()
	completed := p.completed
	p.mu.Unlock()
	switch {
	case completed:
		return nil
	case p.ctx.Err() != nil:
		return &workerpool.ShutdownError{Err: ended(p.ctx)}
	case err != nil:
		p.cancel(context.Cause(ctx))
		return &workerpool.ShutdownError{Err: err}
	}
	return nil
}

func (p *storedPool) Stop() []result {
	p.cancel(workerpool.ErrStopped)
	p.Close()
	p.inner.Close()
	p.running.Wait()
	return nil
}
