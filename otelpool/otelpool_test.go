package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/otelpool"
)

// work takes as many seconds as its job says, fails below 0, and panics at 13.
func work(ctx context.Context, n int) (int, error) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return 0, errors.New("no span")
	}
	if n == 13 {
		panic(n)
	}
	time.Sleep(time.Duration(max(n, -n)) * time.Second)
	if n < 0 {
		return 0, errors.New("below zero")
	}
	return n, nil
}

// kit is an SDK that keeps everything in memory, and a pool that reports to it.
type kit struct {
	providers otelpool.Providers
	tracer    trace.Tracer
	reader    *sdkmetric.ManualReader
	spans     *tracetest.SpanRecorder
	pool      *workerpool.Pool[int, int]
}

func newKit(t *testing.T, opts ...workerpool.Option) *kit {
	t.Helper()
	k := &kit{reader: sdkmetric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(k.spans))
	k.tracer = tracers.Tracer("test")
	k.providers = otelpool.Providers{Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(k.reader)), Tracer: tracers}
	hooks, err := otelpool.Hooks(k.providers)
	require.NoError(t, err)
	k.pool, err = workerpool.New(work, append(opts, workerpool.WithName("thumbs"), workerpool.WithWorkers(2), workerpool.WithBuffer(2),
		workerpool.WithHooks(hooks))...)
	require.NoError(t, err)
	return k
}

// metrics are those that the SDK collects now, by name.
func (k *kit) metrics(t *testing.T) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, k.reader.Collect(context.Background(), &all))
	found := map[string]metricdata.Metrics{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			found[m.Name] = m
		}
	}
	return found
}

// sum is the value of a point of a sum, with the attribute workerpool.name and one more.
func sum(t *testing.T, m metricdata.Metrics, more ...attribute.KeyValue) int64 {
	t.Helper()
	want := attribute.NewSet(append(more, attribute.String("workerpool.name", "thumbs"))...)
	data, ok := m.Data.(metricdata.Sum[int64])
	require.True(t, ok, "%s is %T", m.Name, m.Data)
	for _, p := range data.DataPoints {
		if p.Attributes.Equals(&want) {
			return p.Value
		}
	}
	t.Fatalf("%s has no point %v", m.Name, want)
	return 0
}

func outcome(v string) attribute.KeyValue { return attribute.String("workerpool.task.outcome", v) }
func state(v string) attribute.KeyValue   { return attribute.String("workerpool.worker.state", v) }

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, workerpool.WithTiming())
		p := k.pool
		registration, err := otelpool.Observe(k.providers, p)
		require.NoError(t, err)
		assert.NoError(t, p.TrySubmit(1))
		_, err = p.Do(t.Context(), -2)
		assert.Error(t, err)
		_, err = p.Do(t.Context(), 13)
		assert.Error(t, err)
		for range 2 {
			assert.NoError(t, p.TrySubmit(60))
			synctest.Wait()
		}
		assert.NoError(t, p.TrySubmit(1))
		time.Sleep(5 * time.Second)

		m := k.metrics(t)
		for name, want := range map[string]int64{
			"workerpool.worker.limit": 2, "workerpool.queue.size": 1, "workerpool.queue.capacity": 2,
			"workerpool.result.unread": 1, "workerpool.task.submitted": 6, "workerpool.task.rejected": 0,
		} {
			assert.Equal(t, want, sum(t, m[name]), name)
		}
		assert.Equal(t, int64(2), sum(t, m["workerpool.worker.count"], state("busy")))
		assert.Equal(t, int64(0), sum(t, m["workerpool.worker.count"], state("idle")))
		for what, want := range map[string]int64{"ok": 1, "error": 1, "panic": 1, "canceled": 0} {
			assert.Equal(t, want, sum(t, m["workerpool.task.completed"], outcome(what)), what)
		}
		assert.True(t, m["workerpool.task.completed"].Data.(metricdata.Sum[int64]).IsMonotonic)
		assert.False(t, m["workerpool.queue.size"].Data.(metricdata.Sum[int64]).IsMonotonic)
		age := m["workerpool.queue.oldest.age"]
		assert.Equal(t, "s", age.Unit)
		assert.InDelta(t, 5, age.Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 1e-9)
		runs := m["workerpool.task.run.duration"].Data.(metricdata.Histogram[float64]).DataPoints
		require.Len(t, runs, 3)
		total := 0.0
		for _, r := range runs {
			assert.Equal(t, uint64(1), r.Count)
			total += r.Sum
		}
		assert.InDelta(t, 3, total, 1e-9)
		assert.Equal(t, uint64(3), m["workerpool.task.wait.duration"].Data.(metricdata.Histogram[float64]).DataPoints[0].Count)

		for name, want := range map[string]int64{
			"workerpool.task.retrying": 0, "workerpool.paused": 0, "workerpool.task.attempted": 3,
			"workerpool.task.retried": 0, "workerpool.task.throttled": 0, "workerpool.task.timed_out": 0,
		} {
			assert.Equal(t, want, sum(t, m[name]), name)
		}

		assert.NoError(t, registration.Unregister())
		assert.NotContains(t, k.metrics(t), "workerpool.queue.size")
		p.Stop()
	})
}

// histogram runs jobs of a millisecond and of a second, and returns what an SDK with these
// options has of a histogram then.
func histogram(t *testing.T, name string, opts ...sdkmetric.Option) (h metricdata.HistogramDataPoint[float64]) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		k := &kit{reader: sdkmetric.NewManualReader()}
		k.providers.Meter = sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(k.reader))...)
		hooks, err := otelpool.Hooks(k.providers)
		require.NoError(t, err)
		sleep := func(_ context.Context, d time.Duration) (int, error) { time.Sleep(d); return 0, nil }
		p, err := workerpool.New(sleep, workerpool.WithWorkers(1), workerpool.WithTiming(), workerpool.WithHooks(hooks))
		require.NoError(t, err)
		for _, d := range []time.Duration{time.Millisecond, time.Second} {
			_, err = p.Do(t.Context(), d)
			require.NoError(t, err)
		}
		p.Stop()
		data := k.metrics(t)[name].Data.(metricdata.Histogram[float64])
		require.Len(t, data.DataPoints, 1)
		h = data.DataPoints[0]
	})
	return h
}

// The buckets tell milliseconds from seconds.
func TestBuckets(t *testing.T) {
	for _, name := range []string{"workerpool.task.run.duration", "workerpool.task.wait.duration"} {
		h := histogram(t, name)
		require.Equal(t, []float64{
			0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
			0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500,
		}, h.Bounds, name)
	}
	h := histogram(t, "workerpool.task.run.duration")
	for i, n := range h.BucketCounts {
		want := uint64(0)
		if i < len(h.Bounds) && (h.Bounds[i] == 0.001 || h.Bounds[i] == 1) {
			want = 1
		}
		assert.Equal(t, want, n, i)
	}
}

func TestBucketsOfAView(t *testing.T) {
	own := []float64{1, 60}
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: "workerpool.task.run.duration"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: own}})
	assert.Equal(t, own, histogram(t, "workerpool.task.run.duration", sdkmetric.WithView(view)).Bounds)
}

func TestSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, workerpool.WithTiming())
		ctx, request := k.tracer.Start(t.Context(), "request")
		_, err := k.pool.Do(ctx, 1)
		assert.NoError(t, err)
		_, err = k.pool.Map(ctx, []int{1, -1})
		assert.Error(t, err)
		assert.NoError(t, k.pool.Submit(ctx, 2))
		request.End()
		<-k.pool.Results()
		assert.NoError(t, k.pool.TrySubmit(13)) // of nobody
		<-k.pool.Results()
		k.pool.Stop()

		spans := k.spans.Ended()
		require.Len(t, spans, 6)
		asked := request.SpanContext()
		children, linked, alone := 0, 0, 0
		for _, s := range spans {
			if s.Name() == "request" {
				continue
			}
			assert.Equal(t, "workerpool.run thumbs", s.Name())
			assert.Contains(t, s.Attributes(), attribute.String("workerpool.name", "thumbs"))
			switch {
			case s.Parent().SpanID() == asked.SpanID():
				children++
				assert.Empty(t, s.Links())
			case len(s.Links()) == 1:
				linked++
				assert.Equal(t, asked.SpanID(), s.Links()[0].SpanContext.SpanID())
				assert.NotEqual(t, asked.TraceID(), s.SpanContext().TraceID())
				assert.Equal(t, 2*time.Second, s.EndTime().Sub(s.StartTime()))
			default:
				alone++
				assert.Equal(t, codes.Error, s.Status().Code)
				assert.Contains(t, s.Attributes(), outcome("panic"))
				assert.Equal(t, "exception", s.Events()[0].Name)
			}
		}
		assert.Equal(t, []int{3, 1, 1}, []int{children, linked, alone})
	})
}

// flaky says with which error its jobs fail next.
type flaky struct{ errs []error }

func (f *flaky) next(context.Context, int) (int, error) {
	time.Sleep(time.Second)
	if len(f.errs) == 0 {
		return 0, nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return 0, err
}

func tryAgain(attempt int, _ error) (time.Duration, bool) { return 2 * time.Second, attempt < 4 }

// newFlakyPool replaces the pool of k by one whose jobs fail with these errors, and are tried
// again.
func (k *kit) newFlakyPool(t *testing.T, errs ...error) *workerpool.Pool[int, int] {
	t.Helper()
	k.pool.Stop()
	hooks, err := otelpool.Hooks(k.providers)
	require.NoError(t, err)
	p, err := workerpool.New((&flaky{errs}).next, workerpool.WithName("thumbs"), workerpool.WithWorkers(2), workerpool.WithTiming(),
		workerpool.WithHooks(hooks), workerpool.WithRetry(tryAgain))
	require.NoError(t, err)
	return p
}

// Each attempt has a span with its number and its error, beside those of the other attempts.
func TestSpansOfAttempts(t *testing.T) {
	errBusy := errors.New("busy")
	for _, submit := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			k := newKit(t)
			p := k.newFlakyPool(t, errBusy, workerpool.RetryAfter(errBusy, time.Minute))
			ctx, request := k.tracer.Start(t.Context(), "request")
			if submit {
				assert.NoError(t, p.Submit(ctx, 1))
				<-p.Results()
			} else {
				_, err := p.Do(ctx, 1)
				assert.NoError(t, err)
			}
			p.Stop()
			spans := k.spans.Ended()
			require.Len(t, spans, 3)
			asked := request.SpanContext()
			for i, s := range spans {
				assert.Contains(t, s.Attributes(), attribute.Int("workerpool.task.attempt", i+1))
				assert.Equal(t, time.Second, s.EndTime().Sub(s.StartTime()), "without the wait for it")
				if submit {
					require.Len(t, s.Links(), 1)
					assert.Equal(t, asked.SpanID(), s.Links()[0].SpanContext.SpanID())
				} else {
					assert.Equal(t, asked.SpanID(), s.Parent().SpanID())
				}
			}
			assert.Equal(t, "busy", spans[0].Status().Description)
			assert.Contains(t, spans[0].Attributes(), attribute.Float64("workerpool.task.retry.delay", 2))
			assert.Contains(t, spans[1].Attributes(), attribute.Float64("workerpool.task.retry.delay", 60))
			assert.Contains(t, spans[1].Attributes(), outcome("error"))
			assert.Contains(t, spans[2].Attributes(), outcome("ok"))
			m := k.metrics(t)
			assert.Equal(t, uint64(1), m["workerpool.task.wait.duration"].Data.(metricdata.Histogram[float64]).DataPoints[0].Count, "the first start")
			request.End()
		})
	}
}

// A job that is not tried again, since its caller has left, has no span to end: not his.
func TestSpansOfAJobThatIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		p := k.newFlakyPool(t, errors.New("busy"))
		ctx, request := k.tracer.Start(t.Context(), "request")
		late, cancel := context.WithTimeout(ctx, 1900*time.Millisecond)
		defer cancel()
		_, err := p.Do(late, 1)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		p.Stop()
		assert.True(t, request.IsRecording(), "it is the caller's")
		require.Len(t, k.spans.Ended(), 1)
		assert.Equal(t, "busy", k.spans.Ended()[0].Status().Description)
		request.End()
	})
}

// Those who have more for a pool than it can take.
func TestMetricsOfDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		registration, err := otelpool.Observe(k.providers, k.pool)
		require.NoError(t, err)
		wants := func(waiting, short int64) {
			t.Helper()
			time.Sleep(time.Second)
			m := k.metrics(t)
			assert.Equal(t, waiting, sum(t, m["workerpool.call.waiting"]))
			assert.Equal(t, int64(1), sum(t, m["workerpool.call.bulk"]))
			assert.Equal(t, short, sum(t, m["workerpool.call.short"]))
		}
		go func() { _, _ = k.pool.Map(t.Context(), []int{60, 60, 60}) }()
		wants(0, 1)
		for range 3 { // two are in the queue
			go func() { _, _ = k.pool.Do(t.Context(), 60) }()
		}
		wants(1, 1)
		assert.NoError(t, registration.Unregister())
		k.pool.Stop()
	})
}

// What the docs of Observe say of pools with the same name is what the SDK does.
func TestMetricsOfPoolsWithTheSameName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, workerpool.WithTiming())
		pools := []*workerpool.Pool[int, int]{k.pool, newKit(t, workerpool.WithTiming()).pool, newKit(t, workerpool.WithTiming()).pool}
		for _, p := range pools {
			for range 3 { // two run
				assert.NoError(t, p.TrySubmit(60))
				synctest.Wait()
			}
			time.Sleep(time.Second)
		}
		first, err := otelpool.Observe(k.providers, pools[0], pools[1])
		require.NoError(t, err)
		m := k.metrics(t)
		assert.Equal(t, int64(6), sum(t, m["workerpool.task.submitted"]), "a counter")
		assert.Equal(t, int64(2), sum(t, m["workerpool.queue.size"]), "an updowncounter")
		assert.InDelta(t, 2, oldestAge(t, m), 1e-9, "of the last, and not 3")

		second, err := otelpool.Observe(k.providers, pools[2])
		require.NoError(t, err)
		m = k.metrics(t)
		assert.Equal(t, int64(9), sum(t, m["workerpool.task.submitted"]))
		assert.Equal(t, int64(6), sum(t, m["workerpool.worker.count"], state("busy")))
		assert.InDelta(t, 1, oldestAge(t, m), 1e-9)
		assert.NoError(t, errors.Join(first.Unregister(), second.Unregister()))
		for _, p := range pools {
			p.Stop()
		}
	})
}

// oldestAge is the value of a gauge that has one point.
func oldestAge(t *testing.T, m map[string]metricdata.Metrics) float64 {
	t.Helper()
	points := m["workerpool.queue.oldest.age"].Data.(metricdata.Gauge[float64]).DataPoints
	require.Len(t, points, 1)
	return points[0].Value
}

func TestMetricsOfAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		p := k.newFlakyPool(t, workerpool.RetryAfter(errors.New("busy"), time.Minute))
		registration, err := otelpool.Observe(k.providers, p)
		require.NoError(t, err)
		assert.NoError(t, p.TrySubmit(1))
		time.Sleep(2 * time.Second)
		assert.NoError(t, p.TrySubmit(2))
		time.Sleep(19 * time.Second)
		m := k.metrics(t)
		for name, want := range map[string]int64{
			"workerpool.task.retrying": 1, "workerpool.paused": 1, "workerpool.task.attempted": 1,
			"workerpool.task.retried": 0, "workerpool.task.throttled": 1,
		} {
			assert.Equal(t, want, sum(t, m[name]), name)
		}
		assert.Equal(t, int64(1), sum(t, m["workerpool.worker.count"], state("held")))
		assert.InDelta(t, 40, m["workerpool.pause.remaining"].Data.(metricdata.Gauge[float64]).DataPoints[0].Value, 1e-9)
		assert.NoError(t, registration.Unregister())
		p.Stop()
	})
}

// The span of whatever has made the pool is not what its jobs belong to.
func TestSpansOfAPoolMadeInASpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		k.pool.Stop()
		hooks, err := otelpool.Hooks(k.providers)
		require.NoError(t, err)
		startup, span := k.tracer.Start(t.Context(), "startup")
		span.End()
		p, err := workerpool.New(work, workerpool.WithHooks(hooks), workerpool.WithContext(startup))
		require.NoError(t, err)
		ctx, request := k.tracer.Start(t.Context(), "request")
		assert.NoError(t, p.Submit(ctx, 1))
		<-p.Results()
		assert.NoError(t, p.TrySubmit(1))
		<-p.Results()
		request.End()
		p.Stop()
		links := 0
		for _, s := range k.spans.Ended() {
			if s.Name() == "workerpool.run" {
				assert.False(t, s.Parent().IsValid())
				links += len(s.Links())
			}
		}
		assert.Equal(t, 1, links)
	})
}

// Another observer may have spans too.
func TestSpansBesideThoseOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		k.pool.Stop()
		hooks, err := otelpool.Hooks(k.providers)
		require.NoError(t, err)
		inner := workerpool.Hooks{Started: func(ctx context.Context, _ workerpool.JobInfo) context.Context {
			ctx, _ = k.tracer.Start(ctx, "inner") // which nobody ends
			return ctx
		}}
		p, err := workerpool.New(work, workerpool.WithHooks(hooks), workerpool.WithHooks(inner))
		require.NoError(t, err)
		_, err = p.Do(t.Context(), 1)
		assert.NoError(t, err)
		p.Stop()
		require.Len(t, k.spans.Ended(), 1)
		assert.Equal(t, "workerpool.run", k.spans.Ended()[0].Name())
	})
}

func TestObserveNeedsPools(t *testing.T) {
	_, err := otelpool.Observe(otelpool.Providers{}, nil)
	assert.ErrorContains(t, err, "pool must not be nil")
}

// Jobs that never run leave nothing behind.
func TestSpansOfJobsThatNeverRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		ctx, request := k.tracer.Start(t.Context(), "request")
		for range 4 {
			assert.NoError(t, k.pool.Submit(ctx, 60))
			synctest.Wait()
		}
		late, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		assert.Error(t, k.pool.Submit(late, 60))
		request.End()
		k.pool.Stop()
		assert.Len(t, k.spans.Ended(), 3, "two ran")
	})
}

func TestGlobalProviders(t *testing.T) {
	hooks, err := otelpool.Hooks(otelpool.Providers{})
	require.NoError(t, err)
	p, err := workerpool.New(func(_ context.Context, n int) (int, error) { return n, nil }, workerpool.WithHooks(hooks))
	require.NoError(t, err)
	defer p.Stop()
	registration, err := otelpool.Observe(otelpool.Providers{}, p)
	require.NoError(t, err)
	_, err = p.Do(t.Context(), 1)
	assert.NoError(t, err)
	assert.NoError(t, registration.Unregister())
}

func ExampleHooks() {
	hooks, err := otelpool.Hooks(otelpool.Providers{}) // the global ones
	if err != nil {
		panic(err)
	}
	fetch := func(context.Context, string) (int, error) { return 200, nil }
	pool, err := workerpool.New(fetch, workerpool.WithName("pages"), workerpool.WithTiming(), workerpool.WithHooks(hooks))
	if err != nil {
		panic(err)
	}
	defer pool.Stop()
	registration, err := otelpool.Observe(otelpool.Providers{}, pool)
	if err != nil {
		panic(err)
	}
	defer func() { _ = registration.Unregister() }()
	status, err := pool.Do(context.Background(), "https://example.com")
	fmt.Println(status, err)
	// Output: 200 <nil>
}
