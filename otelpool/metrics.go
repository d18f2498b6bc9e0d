// Package otelpool gives OpenTelemetry the metrics of worker pools, and a span for each
// attempt of a job. It uses the API only: which SDK there is, and where it sends things, is for
// the program.
//
//	hooks, err := otelpool.Hooks(otelpool.Providers{})
//	pool, err := workerpool.New(fetch,
//		workerpool.WithName("pages"),
//		workerpool.WithTiming(),
//		workerpool.WithHooks(hooks))
//	registration, err := otelpool.Observe(otelpool.Providers{}, pool)
//	defer registration.Unregister()
//
// # Metrics
//
// Those of Observe are read when the SDK collects, all those of a pool at one moment, and cost
// nothing in between. Each has the attribute workerpool.name, which is what was given to
// [workerpool.WithName]; what of it is not UTF-8 becomes U+FFFD, and so it is with the texts of
// errors.
//
//	workerpool.worker.count           updowncounter, {worker}: workerpool.worker.state is busy, held or idle
//	workerpool.worker.limit           updowncounter, {worker}: of WithWorkers or Resize
//	workerpool.queue.size             updowncounter, {task}: jobs that wait for a worker
//	workerpool.queue.capacity         updowncounter, {task}: how many may
//	workerpool.queue.oldest.age       gauge, s: how long the oldest has waited; takes WithTiming
//	workerpool.call.waiting           updowncounter, {call}: calls of Submit and Do that wait for a place
//	workerpool.call.bulk              updowncounter, {call}: bulk calls and streams that are not finished
//	workerpool.call.short             updowncounter, {call}: those of them that have jobs for more workers than there are
//	workerpool.result.unread          updowncounter, {result}: results that nobody has read
//	workerpool.task.retrying          updowncounter, {task}: jobs that wait for their next attempt
//	workerpool.paused                 updowncounter, {pool}: 1 from a RetryAfter until jobs may start as ever, else 0
//	workerpool.pause.remaining        gauge, s: for how long no job starts; 0 while a pause ends with probes
//	workerpool.task.submitted         counter, {task}: jobs that were accepted
//	workerpool.task.completed         counter, {task}: workerpool.task.outcome is ok, error, panic or canceled (never ran)
//	workerpool.task.rejected          counter, {call}: calls that were refused
//	workerpool.task.attempted         counter, {attempt}: calls of the function that have ended
//	workerpool.task.retried           counter, {attempt}: calls of the function that were not the first for their task
//	workerpool.task.throttled         counter, {attempt}: those of them that brought a RetryAfter
//	workerpool.task.timed_out         counter, {attempt}: those of them that WithJobTimeout has ended
//
// A worker is held that has a job which may not start yet, because of a limiter, a pause or a
// wait for the next attempt.
//
// Those of Hooks are recorded as attempts end; both take WithTiming:
//
//	workerpool.task.wait.duration     histogram, s: from being brought to the first start
//	workerpool.task.run.duration      histogram, s: of calls of the function, with workerpool.task.outcome
//
// The bounds of their buckets are 1, 2.5 and 5 times the powers of ten, from 100 µs to 500 s. A
// view of the SDK may set others.
//
// # Spans
//
// Each attempt of a job is a span "workerpool.run NAME", with its number as
// workerpool.task.attempt, and its error if it has one; workerpool.task.retry.delay is how long
// after one that failed the next may come, at the earliest. Where the caller waits for the job,
// as in Do and in bulk calls, it is a child of the caller's span. With a job of Submit each
// begins a trace of its own, which is linked to the submitter's span: that has long ended when
// the job runs.
package otelpool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/inspect"
	"github.com/boundedgo/workerpool/internal/outcomes"
)

const scope = "github.com/boundedgo/workerpool/otelpool"

// Providers are where metrics and spans go. What is nil is the global provider.
type Providers struct {
	Meter  metric.MeterProvider
	Tracer trace.TracerProvider
}

func (p Providers) meter() metric.Meter {
	if p.Meter == nil {
		p.Meter = otel.GetMeterProvider()
	}
	return p.Meter.Meter(scope)
}

func (p Providers) tracer() trace.Tracer {
	if p.Tracer == nil {
		p.Tracer = otel.GetTracerProvider()
	}
	return p.Tracer.Tracer(scope)
}

// attributes that have one of few values.
func state(v string) attribute.KeyValue   { return attribute.String("workerpool.worker.state", v) }
func outcome(v string) attribute.KeyValue { return attribute.String("workerpool.task.outcome", v) }
func named(v string) attribute.KeyValue   { return attribute.String("workerpool.name", valid(v)) }

// Observe has the metrics of pools read whenever the SDK collects, until Unregister of what it
// returns is called. Each should have a name of its own, by [workerpool.WithName]: of several
// with the same one, here or in several calls, the SDK adds up the values of counters and of
// updowncounters, and of a gauge it keeps the value that it read last. The error is one of the
// API, or says that a pool is nil.
func Observe(to Providers, pools ...workerpool.Inspector) (metric.Registration, error) {
	counters := make([]outcomes.Counter, len(pools))
	if slices.ContainsFunc(pools, func(p workerpool.Inspector) bool { return inspect.IsNil(p) }) {
		return nil, errors.New("otelpool: Observe: pool must not be nil")
	}
	m := to.meter()
	i := newInstruments(m)
	if i.err != nil {
		return nil, i.err
	}
	return m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for n, p := range pools {
			s := p.Stats()
			i.observe(o, s, counters[n].Of(s))
		}
		return nil
	}, i.all...)
}

// instruments are those that are read when the SDK collects.
type instruments struct {
	workers, limit, queued, capacity, unread metric.Int64ObservableUpDownCounter
	waiting, bulk, short, retrying, paused   metric.Int64ObservableUpDownCounter
	oldest, remaining                        metric.Float64ObservableGauge
	submitted, completed, rejected           metric.Int64ObservableCounter
	attempted, retried, throttled, timedOut  metric.Int64ObservableCounter

	meter metric.Meter
	all   []metric.Observable
	err   error // the first one
}

func newInstruments(m metric.Meter) *instruments {
	i := &instruments{meter: m}
	i.workers = i.upDown("workerpool.worker.count", "{worker}", "Workers, by what they do.")
	i.limit = i.upDown("workerpool.worker.limit", "{worker}", "How many jobs may run at once.")
	i.queued = i.upDown("workerpool.queue.size", "{task}", "Jobs that wait for a worker.")
	i.capacity = i.upDown("workerpool.queue.capacity", "{task}", "How many jobs may wait for a worker.")
	i.waiting = i.upDown("workerpool.call.waiting", "{call}", "Calls of Submit and Do that wait for a place.")
	i.bulk = i.upDown("workerpool.call.bulk", "{call}", "Bulk calls and streams that are not finished.")
	i.short = i.upDown("workerpool.call.short", "{call}", "Bulk calls that have jobs for more workers than there are.")
	i.unread = i.upDown("workerpool.result.unread", "{result}", "Results that nobody has read.")
	i.retrying = i.upDown("workerpool.task.retrying", "{task}", "Jobs that wait for their next attempt.")
	i.paused = i.upDown("workerpool.paused", "{pool}", "1 from a RetryAfter until jobs may start as ever, else 0.")
	i.submitted = i.counter("workerpool.task.submitted", "{task}", "Jobs that were accepted.")
	i.completed = i.counter("workerpool.task.completed", "{task}", "Jobs that have an outcome.")
	i.rejected = i.counter("workerpool.task.rejected", "{call}", "Calls that were refused.")
	i.attempted = i.counter("workerpool.task.attempted", "{attempt}", "Calls of the function that have ended.")
	i.retried = i.counter("workerpool.task.retried", "{attempt}", "Calls of the function that were not the first for their task.")
	i.throttled = i.counter("workerpool.task.throttled", "{attempt}", "Calls of the function that brought a RetryAfter.")
	i.timedOut = i.counter("workerpool.task.timed_out", "{attempt}", "Calls of the function that the job timeout has ended.")
	i.oldest = i.seconds("workerpool.queue.oldest.age", "How long the job has waited that has waited longest.")
	i.remaining = i.seconds("workerpool.pause.remaining", "For how long no job starts because of a RetryAfter.")
	return i
}

func (i *instruments) seconds(name, what string) metric.Float64ObservableGauge {
	g, err := i.meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(what))
	i.keep(g, err)
	return g
}

func (i *instruments) upDown(name, unit, what string) metric.Int64ObservableUpDownCounter {
	c, err := i.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	i.keep(c, err)
	return c
}

func (i *instruments) counter(name, unit, what string) metric.Int64ObservableCounter {
	c, err := i.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
	i.keep(c, err)
	return c
}

func (i *instruments) keep(o metric.Observable, err error) {
	i.all = append(i.all, o)
	if i.err == nil {
		i.err = err
	}
}

func (i *instruments) observe(o metric.Observer, s workerpool.Stats, n outcomes.Counts) {
	name := named(s.Name)
	pool := metric.WithAttributeSet(attribute.NewSet(name))
	with := func(a attribute.KeyValue) metric.ObserveOption {
		return metric.WithAttributeSet(attribute.NewSet(name, a))
	}
	o.ObserveInt64(i.workers, int64(s.Busy), with(state("busy")))
	o.ObserveInt64(i.workers, int64(s.Held), with(state("held")))
	o.ObserveInt64(i.workers, int64(max(0, s.Workers-s.Busy-s.Held)), with(state("idle")))
	o.ObserveInt64(i.limit, int64(s.Workers), pool)
	o.ObserveInt64(i.queued, int64(s.Queued), pool)
	o.ObserveInt64(i.capacity, int64(s.Capacity), pool)
	o.ObserveInt64(i.waiting, int64(s.Waiting), pool)
	o.ObserveInt64(i.bulk, int64(s.Bulk), pool)
	o.ObserveInt64(i.short, int64(s.Short), pool)
	o.ObserveInt64(i.unread, int64(s.Unread), pool)
	o.ObserveInt64(i.submitted, count(n.Submitted), pool)
	o.ObserveInt64(i.completed, count(n.OK), with(outcome("ok")))
	o.ObserveInt64(i.completed, count(n.Failed), with(outcome("error")))
	o.ObserveInt64(i.completed, count(n.Panicked), with(outcome("panic")))
	o.ObserveInt64(i.completed, count(n.NotRun), with(outcome("canceled")))
	o.ObserveInt64(i.rejected, count(n.Rejected), pool)
	o.ObserveInt64(i.attempted, count(n.Attempts), pool)
	o.ObserveInt64(i.retried, count(n.Retries), pool)
	o.ObserveInt64(i.throttled, count(n.Throttled), pool)
	o.ObserveInt64(i.timedOut, count(n.TimedOut), pool)
	o.ObserveInt64(i.retrying, int64(s.Retrying), pool)
	i.observePause(o, s.PausedUntil, pool)
	if t := s.Timing; t != nil {
		o.ObserveFloat64(i.oldest, t.OldestQueued.Seconds(), pool)
	}
}

func (i *instruments) observePause(o metric.Observer, until time.Time, pool metric.ObserveOption) {
	paused := int64(1)
	if until.IsZero() {
		paused = 0
	}
	o.ObserveInt64(i.paused, paused, pool)
	o.ObserveFloat64(i.remaining, max(0, time.Until(until).Seconds()), pool)
}

func count(n uint64) int64 { return int64(min(n, 1<<63-1)) }

// links keeps the spans of submitters until their jobs are done: each attempt is linked.
type links struct {
	mu    sync.Mutex
	spans map[jobKey]trace.SpanContext
}

// jobKey tells a job from those of other pools with the same hooks. Pools with the same name
// may mix up their links, and nothing else.
type jobKey struct {
	pool string
	id   uint64
}

func (l *links) put(k jobKey, s trace.SpanContext) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spans[k] = s
}

func (l *links) of(k jobKey) (s trace.SpanContext, submitted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, submitted = l.spans[k]
	return s, submitted
}

func (l *links) drop(k jobKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.spans, k)
}
