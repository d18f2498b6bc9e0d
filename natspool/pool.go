package natspool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// A Pool is one process's part of a pool that is kept on a NATS server: it submits jobs, works
// on those of all processes, and reads results. [New] makes one that does all three, [NewClient]
// one that does not work.
//
// All methods may be called from any goroutine, at once, in any order, and from inside a job;
// where that would wait for itself, they say so. A Pool owns goroutines, and a connection unless
// WithConn gave it one, until it has ended: until it was closed and Results was read to its end,
// or Leave or Stop has returned.
type Pool[T, R any] struct {
	b     *base
	codec safeCodec

	results    sync.Once
	deliveries sync.Once
	out        chan workerpool.Result[T, R]
	delivered  chan *Delivery[T, R]
}

// New joins the pool of that name on the server that one of WithServer, WithURL and WithConn
// says, and begins to work: fn is called for jobs that any process has submitted. The first one
// makes the pool. The name has up to 64 letters and digits of ASCII, - and _.
//
// fn has to bear that a job is run twice: when a process, the server, or the way between them
// fails while it runs, nobody can know how far it came. [JobID] is the same both times.
//
// All processes must agree on T and R: what is stored has no type. With [JSON] a job whose fields
// have other names reads as one without them, and no error says so. Where T changes, give the
// pool another name, or fields that old and new processes both understand.
//
// It fails at once when nobody listens there, or the credentials are refused. Else it blocks until
// the server has answered, or ctx has ended; a cluster that was just started takes its time. ctx
// is of no use after that. The error is one for each wrong option, all joined, each of which
// wraps [workerpool.ErrInvalidOption]; or wraps [ErrMismatch], or [ErrUnavailable], or
// what the client library says.
func New[T, R any](ctx context.Context, name string, fn workerpool.Func[T, R], opts ...Option) (*Pool[T, R], error) {
	if fn == nil {
		return nil, errors.Join(newConfig(name, opts).error(nil, "New: nil Func"), newConfig(name, opts).validate())
	}
	b, err := newBase(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	p := newPool[T, R](b)
	if b.worker, err = newWorker(ctx, b, p.handler(fn)); err != nil {
		b.hangUp()
		return nil, err
	}
	go b.live()
	return p, nil
}

// NewClient joins a pool as New does, but does not work: it submits, and reads results. Where
// several programs do so, give each a [WithMailbox] of its own, or they get each other's results.
func NewClient[T, R any](ctx context.Context, name string, opts ...Option) (*Pool[T, R], error) {
	b, err := newBase(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	go b.live()
	return newPool[T, R](b), nil
}

func newPool[T, R any](b *base) *Pool[T, R] {
	return &Pool[T, R]{
		b: b, codec: safeCodec{b.cfg.codec},
		out: make(chan workerpool.Result[T, R]), delivered: make(chan *Delivery[T, R]),
	}
}

// handler is fn for jobs and values in bytes.
func (p *Pool[T, R]) handler(fn workerpool.Func[T, R]) workerpool.Func[[]byte, []byte] {
	return func(ctx context.Context, data []byte) ([]byte, error) {
		var job T
		if err := p.codec.unmarshal(data, &job); err != nil {
			return nil, workerpool.Permanent(fmt.Errorf("%w the job: %w", ErrUndecodable, err))
		}
		value, err := fn(ctx, job)
		if err != nil {
			return nil, err
		}
		out, err := p.codec.marshal(value)
		if err != nil {
			return nil, workerpool.Permanent(fmt.Errorf("natspool: cannot encode the value: %w", err))
		}
		return out, nil
	}
}

// Submit stores a job, and returns when the server has said that it is stored. Its result goes
// to the mailbox of this pool, where Results reads.
//
// It blocks while the queue is full, and while the server does not answer, until ctx ends or
// the pool is closed. From inside a job of the same pool it does not wait for a place: all
// workers may do so at once. Its error wraps
//
//   - [workerpool.ErrClosed] after Close, and the cause after Stop;
//   - [ErrDuplicate] if the job's [ID] is known: the job is stored, or was;
//   - the error of ctx and its cause when that has ended, and [ErrUnavailable] if the job may
//     have been stored all the same;
//   - [ErrTooLarge], [workerpool.ErrInvalidOption], or what the codec says;
//   - [workerpool.ErrFull] from inside a job.
//
// The job does not run under ctx: that ends here.
func (p *Pool[T, R]) Submit(ctx context.Context, job T, opts ...SubmitOption) error {
	return p.submit(ctx, "Submit", job, opts, true)
}

// TrySubmit is Submit that does not wait for a place: its error wraps [workerpool.ErrFull] when
// there is none, and [ErrUnavailable] when the server does not answer within WithTryTimeout.
// So it blocks for the time of one question to the server, and no longer than that.
func (p *Pool[T, R]) TrySubmit(job T, opts ...SubmitOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), p.b.cfg.tryTimeout)
	defer cancel()
	return p.submit(ctx, "TrySubmit", job, opts, false)
}

func (p *Pool[T, R]) submit(ctx context.Context, op string, job T, opts []SubmitOption, patience bool) error {
	data, s, err := p.prepare(ctx, op, job, opts)
	if err != nil {
		return err
	}
	return p.b.submit(ctx, op, data, s, p.b.cfg.mailbox, patience)
}

func (p *Pool[T, R]) prepare(ctx context.Context, op string, job T, opts []SubmitOption) ([]byte, submission, error) {
	if ctx == nil {
		return nil, submission{}, p.b.cfg.error(nil, "%s: nil context", op)
	}
	s, err := p.b.newSubmission(op, opts)
	if err != nil {
		return nil, s, err
	}
	data, err := p.codec.marshal(job)
	if err != nil {
		return nil, s, p.b.cfg.error([]error{err}, "%s: encoding the job: %v", op, err)
	}
	return data, s, nil
}

// SubmitAll stores the jobs of a sequence, many at once: that is several times as fast as
// Submit from one goroutine. It returns when all are stored, and how many that are. It blocks
// as Submit does, and ends when ctx does; then n of the jobs that it took from the sequence are
// known to be stored, and some of the others may be. Jobs are stored in any order where the
// queue was full or the server did not answer in between.
func (p *Pool[T, R]) SubmitAll(ctx context.Context, jobs iter.Seq[T]) (n int, err error) {
	switch {
	case ctx == nil:
		return 0, p.b.cfg.error(nil, "SubmitAll: nil context")
	case jobs == nil:
		return 0, p.b.cfg.error(nil, "SubmitAll: nil sequence")
	}
	return p.b.submitAll(ctx, func(yield func([]byte, error) bool) {
		for job := range jobs {
			if data, err := p.codec.marshal(job); !yield(data, err) {
				return
			}
		}
	})
}

// Do submits a job whose result comes to this caller and not to Results, and waits for it. It
// blocks until then, or until ctx ends; the job may still run then, and its result is dropped.
// Its error is that of the job, as [RemoteError] says; a failed one is no dead letter, since its
// caller knows. Or it is one of those of Submit, which wraps [workerpool.ErrNotRun] too when
// ctx has ended before the job was stored. When the pool ends while the job is stored, the
// error wraps [workerpool.ErrClosed] and [ErrUnavailable]: the job may run, or have run. Do
// takes no [ID]. From inside a job of the same pool it returns [ErrInsideJob].
func (p *Pool[T, R]) Do(ctx context.Context, job T, opts ...SubmitOption) (R, error) {
	return p.do(ctx, "Do", job, opts, true)
}

// TryDo is Do that does not wait for a place, nor for a server: as TrySubmit it returns an error
// that wraps [workerpool.ErrFull] or [ErrUnavailable].
func (p *Pool[T, R]) TryDo(ctx context.Context, job T, opts ...SubmitOption) (R, error) {
	return p.do(ctx, "TryDo", job, opts, false)
}

func (p *Pool[T, R]) do(ctx context.Context, op string, job T, opts []SubmitOption, patience bool) (R, error) {
	var none R
	data, s, err := p.prepare(ctx, op, job, opts)
	if err != nil {
		return none, err
	}
	l, err := p.b.do(ctx, op, data, s, patience)
	if err != nil {
		return none, err
	}
	r := p.result(l)
	return r.Value, r.Err
}

// Results returns the channel of results of this pool's mailbox. A result is acknowledged when
// it was received: where it must survive the end of the reader, use Deliveries. Reading begins
// with the first call, and results that wait here for a reader are not given to another process.
//
// The channel is closed once the pool was closed and all results of the mailbox were read,
// by whichever process, also those of jobs that other processes have submitted with the same
// mailbox. After Leave or Stop it is closed at once; what was not read stays stored, and the
// next pool with the mailbox has it.
func (p *Pool[T, R]) Results() <-chan workerpool.Result[T, R] {
	p.results.Do(func() {
		p.b.startReading(func() { close(p.out) }, func(in *inbox, l *letter) bool {
			select {
			case p.out <- p.result(l):
				_ = in.read(l) // what is not acknowledged comes again, and is known
				return true
			case <-p.b.reading.ctx.Done():
				return false
			}
		})
	})
	return p.out
}

// A Delivery is a result that its reader acknowledges.
type Delivery[T, R any] struct {
	workerpool.Result[T, R]
	ID        string
	Key       string    // of the option Key
	Worker    string    // host and process that ran the job
	Submitted time.Time // by the clock of the server; of a delayed job by that of the submitter
	Started   time.Time // of the last attempt, by the clock of the worker; zero if there was none
	Finished  time.Time

	ack func() error
}

// Ack says that the result was seen to: no reader gets it again. Until then it counts as unread.
// It does not block. An error says that the server may not have heard: then it comes again. To
// call it again does nothing.
func (d *Delivery[T, R]) Ack() error {
	if d.ack == nil {
		return errors.New("natspool: Ack of a Delivery that no pool has made")
	}
	return d.ack()
}

// Deliveries is Results for a reader who must not lose one: each comes with its id, and stays
// stored until Ack was called. Those of a reader that ended without come again to another,
// within some seconds; so it may see one twice whose Ack was lost. At most 512 are out at once:
// who collects them and acknowledges all together needs smaller groups. One that is never
// acknowledged keeps the range from ending, and all results after it from being removed, until
// there is no room. A result goes to one of Results and Deliveries, if
// both are read. The channel is closed when that of Results would be.
func (p *Pool[T, R]) Deliveries() <-chan *Delivery[T, R] {
	p.deliveries.Do(func() {
		p.b.startReading(func() { close(p.delivered) }, func(in *inbox, l *letter) bool {
			select {
			case p.delivered <- p.delivery(in, l):
				return true
			case <-p.b.reading.ctx.Done():
				return false
			}
		})
	})
	return p.delivered
}

func (p *Pool[T, R]) delivery(in *inbox, l *letter) *Delivery[T, R] {
	d := &Delivery[T, R]{Result: p.result(l), ID: l.id}
	if o := l.outcome; o != nil {
		d.Key, d.Worker, d.Submitted, d.Started, d.Finished = o.key, o.worker, o.submitted, o.started, o.finished
	}
	d.ack = sync.OnceValue(func() error {
		if err := in.read(l); err != nil {
			return p.b.cfg.error([]error{ErrUnavailable, err}, "Ack: %v", err)
		}
		return nil
	})
	return d
}

// result turns what was stored into what is handed over.
func (p *Pool[T, R]) result(l *letter) (r workerpool.Result[T, R]) {
	if l.err != nil {
		r.Err = fmt.Errorf("%w the result of %q: %w", ErrUndecodable, l.id, l.err)
		return r
	}
	o := l.outcome
	r.Attempts = o.attempts
	jobErr := p.codec.unmarshal(o.job, &r.Job)
	switch {
	case len(o.failure) > 0:
		r.Err = decodeError(o.failure, p.b.cfg.errs)
	case jobErr != nil:
		r.Err = fmt.Errorf("%w the job of %q: %w", ErrUndecodable, l.id, jobErr)
	default:
		if err := p.codec.unmarshal(o.value, &r.Value); err != nil {
			r.Err = fmt.Errorf("%w the value of %q: %w", ErrUndecodable, l.id, err)
		}
	}
	return r
}

// Lookup returns the result of a job of this mailbox by its id, be it read or not, for as long
// as it is kept. Its error wraps [ErrNotFound] when there is none: the job is not finished, or
// was never submitted, or its result is no longer kept. It asks the server, and blocks until
// that has answered or ctx has ended.
func (p *Pool[T, R]) Lookup(ctx context.Context, id string) (*Delivery[T, R], error) {
	l, err := p.b.lookup(ctx, id)
	if err != nil {
		return nil, err
	}
	d := p.delivery(nil, l)
	d.ack = func() error { return nil }
	return d, nil
}

// Close closes the intake of this pool: no more jobs are submitted here. Its workers go on until
// all jobs of its mailbox are finished, and then leave. It does not block. Other processes are
// not closed. To call it again does nothing.
func (p *Pool[T, R]) Close() { p.b.close() }

// Wait blocks until no job of this mailbox is unfinished, over all processes: none is in the
// queue, runs, is delayed or waits for another attempt. It returns an error that wraps the cause
// of ctx, if that ends before; or [workerpool.ErrClosed], and after Stop the cause, if the pool
// does. Given the context of a job of the pool it returns [ErrInsideJob] at once.
func (p *Pool[T, R]) Wait(ctx context.Context) error { return p.b.wait(ctx) }

// Shutdown is Close, and waits until every job of this mailbox is finished and the workers have
// left; nil means that every result is on Results, perhaps still to be read. When ctx ends
// before, it stops the pool with the cause of ctx and returns a [*workerpool.ShutdownError] at
// once: jobs that ran see their context cancelled. They and all others stay stored, and run
// elsewhere or when the pool is made again. For a process that is to end while others, or its
// successor, go on, use Leave.
func (p *Pool[T, R]) Shutdown(ctx context.Context) error { return p.b.shutdown(ctx) }

// Leave ends this process's part of the pool: it closes the intake, takes no more jobs, gives
// those back that have not begun, and waits for those that run. That costs none of them an
// attempt. When ctx ends before, it stops the pool as Shutdown does and returns the same error.
// It is what a process calls that is replaced by another one. Results that nobody has read stay
// stored.
//
// NotRun of that error is not known unless Close, Wait or Shutdown has counted before: then it is 0.
// Where there is no room for another result, or dead letter, Leave waits for some with the outcomes of
// the jobs that have ended. Those that have none when ctx ends are dropped, and run again when
// their lease is over.
func (p *Pool[T, R]) Leave(ctx context.Context) error { return p.b.leaveWork(ctx) }

// Stop ends this process's part of the pool now: the contexts of running jobs are cancelled with
// [workerpool.ErrStopped] as the cause, and it waits until their functions have returned. One
// that returns a value has its result; the others are given back and run elsewhere, or
// later, as if they had not begun. An outcome that the server has not stored within 2 s, for want of
// room for it say, is dropped, and the job runs again when its lease is over. It returns nil: what
// nobody has read stays stored, unlike in a pool that has its results in memory. From inside a
// job it would wait for itself.
func (p *Pool[T, R]) Stop() []workerpool.Result[T, R] {
	p.b.stop()
	return nil
}

// Stats returns what this process knows, without asking the server.
func (p *Pool[T, R]) Stats() Stats { return p.b.stats() }

// Queue asks the server what it knows of the pool. It blocks until that has answered, or ctx
// has ended; then its error wraps [ErrUnavailable].
func (p *Pool[T, R]) Queue(ctx context.Context) (QueueStats, error) { return p.b.queue(ctx) }

// Local returns the pool inside this process, to be looked at: package livepage shows it, and
// the exporters count it. What that counts as a job is an attempt in this process: one that
// WithRetry has had tried three times here counts three times. It is nil for a client.
func (p *Pool[T, R]) Local() workerpool.Inspector {
	if p.b.worker == nil {
		return nil
	}
	return p.b.worker.pool
}
