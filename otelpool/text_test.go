package otelpool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/otelpool"
)

// newFailingPool replaces the pool of k by one whose jobs fail with this error.
func (k *kit) newFailingPool(t *testing.T, name string, err error) *workerpool.Pool[int, int] {
	t.Helper()
	k.pool.Stop()
	hooks, hooksErr := otelpool.Hooks(k.providers)
	require.NoError(t, hooksErr)
	p, poolErr := workerpool.New(func(context.Context, int) (int, error) { return 0, err }, workerpool.WithName(name),
		workerpool.WithTiming(), workerpool.WithHooks(hooks))
	require.NoError(t, poolErr)
	return p
}

func assertUTF8(t *testing.T, attrs []attribute.KeyValue) {
	t.Helper()
	for _, a := range attrs {
		assert.True(t, utf8.ValidString(a.Value.String()), "%s is %q", a.Key, a.Value.String())
	}
}

// attributesOf are those of all points of a metric.
func attributesOf(m metricdata.Metrics) (attrs []attribute.KeyValue) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			attrs = append(attrs, p.Attributes.ToSlice()...)
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			attrs = append(attrs, p.Attributes.ToSlice()...)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			attrs = append(attrs, p.Attributes.ToSlice()...)
		}
	}
	return attrs
}

// An exporter cannot send what is not UTF-8, nor anything that it would send with it.
func TestTextsAreUTF8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		p := k.newFailingPool(t, "bad\xffname", errors.New("bad \xff byte"))
		registration, err := otelpool.Observe(k.providers, p)
		require.NoError(t, err)
		_, err = p.Do(t.Context(), 1)
		assert.EqualError(t, err, "bad \xff byte", "the caller's is as it was")

		require.Len(t, k.spans.Ended(), 1)
		s := k.spans.Ended()[0]
		assert.Equal(t, "workerpool.run bad\uFFFDname", s.Name())
		assert.Equal(t, "bad \uFFFD byte", s.Status().Description)
		assertUTF8(t, s.Attributes())
		require.Len(t, s.Events(), 1)
		assertUTF8(t, s.Events()[0].Attributes)
		metrics := k.metrics(t)
		assert.Contains(t, metrics, "workerpool.task.run.duration")
		for name, m := range metrics {
			attrs := attributesOf(m)
			assert.Contains(t, attrs, attribute.String("workerpool.name", "bad\uFFFDname"), name)
			assertUTF8(t, attrs)
		}
		assert.NoError(t, registration.Unregister())
		p.Stop()
	})
}

// namedError is an error whose type is no pointer.
type namedError string

func (e namedError) Error() string { return string(e) }

// An error is recorded as RecordError of a span does it.
func TestErrorsAreRecordedAsBySDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, err := range []error{errors.New("busy"), namedError("busy"), &workerpool.PanicError{Value: 1}} {
			k := newKit(t)
			p := k.newFailingPool(t, "thumbs", err)
			_, _ = p.Do(t.Context(), 1)
			p.Stop()
			_, span := k.tracer.Start(t.Context(), "by the SDK")
			span.RecordError(err)
			span.End()
			require.Len(t, k.spans.Ended(), 2)
			assert.Equal(t, exceptionOf(t, k.spans.Ended()[1]), exceptionOf(t, k.spans.Ended()[0]))
		}
	})
}

// brokenError is an error, with methods that panic where it is nil.
type brokenError struct{ text string }

func (e *brokenError) Error() string { return e.text }
func (e *brokenError) Unwrap() error { return errors.New(e.text) }

// recursiveError is an error of which fmt too does not know what it says.
type recursiveError struct{}

func (e recursiveError) Error() string { panic(e) }

// Whatever the methods of an error do, the span of its attempt ends, and its time is recorded.
func TestErrorsWhoseMethodsPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, err := range map[string]error{
			"*otelpool_test.brokenError, whose method Error panicked":   (*brokenError)(nil),
			"otelpool_test.recursiveError, whose method Error panicked": recursiveError{},
		} {
			k := newKit(t)
			p := k.newFailingPool(t, "thumbs", err)
			_, _ = p.Do(t.Context(), 1)
			p.Stop()
			require.Len(t, k.spans.Ended(), 1, text)
			s := k.spans.Ended()[0]
			assert.Equal(t, codes.Error, s.Status().Code)
			assert.Equal(t, text, s.Status().Description)
			assert.Contains(t, exceptionOf(t, s).Attributes, attribute.String("exception.message", text))
			assert.Contains(t, s.Attributes(), outcome("error"))
			assert.Contains(t, k.metrics(t), "workerpool.task.run.duration")
		}
	})
}

// exceptionOf is the event of a span that has one, without its time.
func exceptionOf(t *testing.T, s sdktrace.ReadOnlySpan) sdktrace.Event {
	t.Helper()
	require.Len(t, s.Events(), 1)
	e := s.Events()[0]
	return sdktrace.Event{Name: e.Name, Attributes: e.Attributes}
}
