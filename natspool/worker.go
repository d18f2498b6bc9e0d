package natspool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/boundedgo/workerpool"
)

// worker is the part of a pool that works: it takes jobs from the server, has them run by a
// pool in this process, and stores what became of them. A job goes one way:
//
//	pullers -> (sift -> lane) -> the pool -> finish -> outbox
//
// Only a job that the server had given to somebody before takes the way in brackets.
type worker struct {
	cfg     config
	r       *remote
	results string // how the subjects of results begin
	line    *line
	leases  *leases
	outbox  *outbox
	pool    *workerpool.Pool[*run, []byte]
	pullers []*puller
	handler workerpool.Func[[]byte, []byte]

	pulling context.Context // ends when no job is to be taken any more
	stopped context.Context // ends when what runs is to end too
	leaving atomic.Bool     // what has not begun is to go back

	again    chan *run // for sift
	suspects chan *run // for the lane

	counts counts
	warned atomic.Int64  // when it was last said that there is no room for results
	done   chan struct{} // closed when nothing of it is left
}

// counts are what Stats has of the worker.
type counts struct {
	completed, failed, retried, handedBack, leaseLost, redelivered, suppressed, deadLettered atomic.Uint64
}

// newWorker makes the consumers on the server, and the pool. It starts nothing yet.
func newWorker(ctx context.Context, b *base, handler workerpool.Func[[]byte, []byte]) (*worker, error) {
	w := &worker{
		cfg: b.cfg, r: b.remote, results: b.remote.subject("res") + ".", line: b.line,
		leases: newLeases(b.nc, b.cfg.lease), handler: handler, done: make(chan struct{}),
	}
	if err := w.makePullers(ctx); err != nil {
		return nil, err
	}
	most := 0
	for _, p := range w.pullers {
		most += p.credits.free
	}
	w.again, w.suspects = make(chan *run, most), make(chan *run, most)
	w.stopped, w.pulling = b.stopped.ctx, b.pulling.ctx
	var err error
	if w.pool, err = workerpool.New(w.run, w.poolOptions(most)...); err != nil {
		return nil, err
	}
	if w.outbox, err = newOutbox(b.stopped.ctx, b.nc, b.line); err != nil {
		w.pool.Stop()
		return nil, err
	}
	return w, nil
}

func (w *worker) poolOptions(most int) []workerpool.Option {
	opts := []workerpool.Option{
		workerpool.WithName(w.cfg.name), workerpool.WithWorkers(w.cfg.workers), workerpool.WithContext(w.stopped),
		workerpool.WithBuffer(most), // so that who takes jobs from the server never waits here
	}
	if w.cfg.hasLimiter {
		opts = append(opts, workerpool.WithLimiter(w.cfg.limiter))
	}
	if w.cfg.hasTimeout {
		opts = append(opts, workerpool.WithJobTimeout(w.cfg.jobTimeout))
	}
	if w.cfg.hasRetry {
		opts = append(opts, workerpool.WithRetry(w.ask))
	}
	if w.cfg.timing {
		opts = append(opts, workerpool.WithTiming())
	}
	return opts
}

// makePullers makes one for jobs without a key, one for those that were delayed, and one for
// each partition.
func (w *worker) makePullers(ctx context.Context) error {
	add := func(s jetstream.Stream, want jetstream.ConsumerConfig, most, least int) error {
		_, err := ensure(ctx, w.cfg, func(ctx context.Context) (jetstream.Consumer, error) {
			return ensureConsumer(ctx, w.cfg, s, want)
		})
		if err != nil {
			return err
		}
		from := newCredits(most, least)
		w.pullers = append(w.pullers, &puller{
			line: w.line, stream: s.CachedInfo().Config.Name, consumer: want.Durable, credits: from, trouble: w.trouble,
			take: func(m *nats.Msg) { w.take(m, from) },
		})
		return nil
	}
	consumers := w.cfg.consumers(w.r.names)
	if err := add(w.r.jobs, consumers[laneAny], w.cfg.workers+w.cfg.prefetch, w.cfg.prefetch/4); err != nil {
		return err
	}
	if err := add(w.r.delayed, w.cfg.dueConsumer(w.r.names), w.cfg.workers, 1); err != nil {
		return err
	}
	for i := range w.cfg.partitions {
		if err := add(w.r.jobs, consumers[lane(i)], 1, 1); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) trouble(err error) {
	w.cfg.logger.Warn("natspool: cannot take jobs; trying again", "pool", w.cfg.name, "error", err)
}

// work goes on until no job is to be taken any more and all that were have been seen to.
func (w *worker) work() {
	defer close(w.done)
	beating := make(chan struct{})
	var stages [5]sync.WaitGroup
	stages[0].Go(func() { w.leases.keep(beating) })
	stages[0].Go(func() { w.sweep(beating) })
	for _, p := range w.pullers {
		stages[1].Go(func() { p.pull(w.pulling) })
	}
	stages[2].Go(w.sift)
	stages[3].Go(w.lane)
	stages[4].Go(w.finishAll)

	// Each stage ends when the one before has.
	stages[1].Wait()
	close(w.again)
	stages[2].Wait()
	close(w.suspects)
	stages[3].Wait()
	w.pool.Close()
	stages[4].Wait()
	<-w.outbox.settled()
	w.outbox.close()
	close(beating)
	stages[0].Wait()
}

// take is called for each job that comes from the server.
func (w *worker) take(msg *nats.Msg, from *credits) {
	r, err := newRun(w, msg, from)
	if err != nil {
		w.cfg.logger.Error("natspool: message that is no job", "pool", w.cfg.name, "subject", clip(msg.Subject), "error", err)
		_ = msg.Term() // the log has it; it would come again for ever
		from.give(1)
		return
	}
	if r.delivered > 1 {
		w.counts.redelivered.Add(1)
		w.again <- r
		return
	}
	w.start(r)
}

func (w *worker) start(r *run) {
	r.state.Store(waits)
	if w.leaving.Load() && r.state.CompareAndSwap(waits, returned) { // giveBack may be over
		w.handBack(r)
		return
	}
	if err := w.pool.Submit(context.Background(), r); err != nil && r.mine() { // it was stopped
		w.handBack(r)
	}
}

// giveBack gives back what waits for a worker, at once: those may be busy for long.
func (w *worker) giveBack() {
	w.leaving.Store(true)
	for _, h := range w.leases.all() {
		if r := h.run.Load(); r != nil && r.state.CompareAndSwap(waits, returned) {
			w.handBack(r)
		}
	}
}

// run is what the pool in this process calls for each job.
func (w *worker) run(ctx context.Context, r *run) ([]byte, error) {
	if !r.mine() || w.leaving.Load() {
		return nil, errHandBack
	}
	if r.hold.lost() {
		return nil, ErrLeaseLost
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, runKey{}, r))
	defer cancel(nil)
	r.hold.tell(cancel)
	r.started = time.Now()
	defer func() { r.finished = time.Now() }()
	value, err := w.handler(ctx, r.hold.msg.Data)
	if err != nil && w.cfg.hasRetry {
		err = &tried{r, err}
	}
	return value, err
}

// tried takes an error, and whose it is, to the policy.
type tried struct {
	run *run
	err error
}

func (t *tried) Error() string { return t.err.Error() }
func (t *tried) Unwrap() error { return t.err }

// ask is the policy of the pool in this process. That asks it only where there may be another
// attempt, inside its fence; but the attempt is for the server to give, so here it says no.
func (w *worker) ask(_ int, err error) (time.Duration, bool) {
	if t, ok := as[*tried](err); ok {
		t.run.wait, t.run.again = w.cfg.retry(t.run.attempts(), t.err)
		if after, ok := as[retryAfter](t.err); ok {
			t.run.wait = max(t.run.wait, after.RetryAfter())
		}
	}
	return 0, false
}

// retryAfter is what an error of workerpool.RetryAfter has.
type retryAfter interface {
	error
	RetryAfter() time.Duration
}
