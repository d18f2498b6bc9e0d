package otelpool

import (
	"fmt"
	"reflect"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// valid makes UTF-8 of a text. Exporters send protocol buffers, which take nothing else: one
// text that is not UTF-8 costs all that is sent together with it.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// textOf is what an error says. Its methods are of the job, and one that panics, as on a nil
// pointer, must not leave a span open.
func textOf(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T, whose method Error panicked", err)
		}
	}()
	return valid(err.Error())
}

// recordError is RecordError of span, with the text given.
func recordError(span trace.Span, err error, text string) {
	span.AddEvent("exception", trace.WithAttributes(
		attribute.String("exception.type", typeName(err)), attribute.String("exception.message", text)))
}

// typeName is what RecordError of the SDK calls the type of an error.
func typeName(err error) string {
	t := reflect.TypeOf(err)
	if t.PkgPath() == "" && t.Name() == "" { // a pointer, for one
		return t.String()
	}
	return fmt.Sprintf("%s.%s", t.PkgPath(), t.Name())
}
