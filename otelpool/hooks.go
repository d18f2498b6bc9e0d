package otelpool

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/boundedgo/workerpool"
)

// Hooks returns hooks that make a span of each attempt of a job, and record how long jobs waited
// and ran, for as many pools as are given them. The error is one of the API.
func Hooks(to Providers) (workerpool.Hooks, error) {
	m := to.meter()
	wait, err := m.Float64Histogram("workerpool.task.wait.duration", metric.WithUnit("s"), buckets(),
		metric.WithDescription("How long jobs waited before they ran."))
	if err != nil {
		return workerpool.Hooks{}, err
	}
	run, err := m.Float64Histogram("workerpool.task.run.duration", metric.WithUnit("s"), buckets(),
		metric.WithDescription("How long jobs ran."))
	if err != nil {
		return workerpool.Hooks{}, err
	}
	h := &hooks{tracer: to.tracer(), wait: wait, run: run, links: links{spans: map[jobKey]trace.SpanContext{}}}
	return workerpool.Hooks{Queued: h.queued, Started: h.started, Retrying: h.retrying, Done: h.done}, nil
}

// buckets are for seconds: the bounds that an SDK has by default, 0, 5, 10 and so on, are for
// milliseconds, and would put all up to 5 s into one bucket.
func buckets() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(
		0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
		0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500)
}

type hooks struct {
	tracer    trace.Tracer
	wait, run metric.Float64Histogram
	links     links
}

func (h *hooks) queued(ctx context.Context, j workerpool.JobInfo) {
	h.links.put(jobKey{j.Pool, j.ID}, trace.SpanContextFromContext(ctx))
}

// started begins the span. The context is the caller's, with his span, where he waits for the
// job, and else that of the pool, whose span, if it has one, is of whatever made the pool.
func (h *hooks) started(ctx context.Context, j workerpool.JobInfo) context.Context {
	from, submitted := h.links.of(jobKey{j.Pool, j.ID})
	opts := []trace.SpanStartOption{trace.WithAttributes(
		named(j.Pool), attribute.Int64("workerpool.task.id", count(j.ID)), attribute.Int("workerpool.task.attempt", j.Attempt))}
	if submitted && !from.Equal(trace.SpanContextFromContext(ctx)) {
		opts = append(opts, trace.WithNewRoot())
		if from.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: from}))
		}
	}
	if first(j) {
		opts = append(opts, trace.WithAttributes(attribute.Float64("workerpool.task.wait", j.Started.Sub(j.Queued).Seconds())))
	}
	ctx, span := h.tracer.Start(ctx, spanName(j.Pool), opts...)
	return context.WithValue(ctx, spanKey{}, attempt{jobKey{j.Pool, j.ID}, j.Attempt, span})
}

// spanKey is under which a context has the span of the attempt that runs under it.
type spanKey struct{}

// attempt is an attempt of a job, and its span.
type attempt struct {
	job    jobKey
	number int
	span   trace.Span
}

// spanOf returns the span of an attempt. There is none for a job that is not tried again though
// it was to be: its last attempt has ended, and the span of the context is its caller's.
func spanOf(ctx context.Context, j workerpool.JobInfo) (trace.Span, bool) {
	a, ok := ctx.Value(spanKey{}).(attempt)
	return a.span, ok && a.job == jobKey{j.Pool, j.ID} && a.number == j.Attempt
}

// first reports whether an attempt has waited for nothing but its start, and it is known for how
// long.
func first(j workerpool.JobInfo) bool { return j.Attempt == 1 && !j.Queued.IsZero() }

func spanName(pool string) string {
	if pool == "" {
		return "workerpool.run"
	}
	return "workerpool.run " + valid(pool)
}

func (h *hooks) done(ctx context.Context, j workerpool.JobInfo) {
	h.links.drop(jobKey{j.Pool, j.ID})
	h.ended(ctx, j)
}

func (h *hooks) retrying(ctx context.Context, j workerpool.JobInfo, wait time.Duration) {
	h.ended(ctx, j, attribute.Float64("workerpool.task.retry.delay", wait.Seconds()))
}

// ended ends the span of an attempt, if there was one, and records it.
func (h *hooks) ended(ctx context.Context, j workerpool.JobInfo, more ...attribute.KeyValue) {
	span, ok := spanOf(ctx, j)
	if !ok {
		return
	}
	what := outcomeOf(j.Err)
	span.SetAttributes(append(more, outcome(what))...)
	if j.Err != nil {
		text := textOf(j.Err)
		recordError(span, j.Err, text)
		span.SetStatus(codes.Error, text)
	}
	span.End()
	if j.Finished.IsZero() { // made without WithTiming
		return
	}
	name := named(j.Pool)
	if first(j) {
		h.wait.Record(ctx, j.Started.Sub(j.Queued).Seconds(), metric.WithAttributeSet(attribute.NewSet(name)))
	}
	h.run.Record(ctx, j.Finished.Sub(j.Started).Seconds(), metric.WithAttributeSet(attribute.NewSet(name, outcome(what))))
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case isPanic(err):
		return "panic"
	}
	return "error"
}

// isPanic reports whether an error is that of a job which panicked. To look for it calls methods
// of the error, as Unwrap: one that panics is none of the pool's.
func isPanic(err error) (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	var caught *workerpool.PanicError
	return errors.As(err, &caught)
}
