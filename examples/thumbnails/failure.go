package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/boundedgo/workerpool/examples/internal/cli"

	"github.com/boundedgo/workerpool"
)

// kind says for programs why a picture has no thumbnail. A kind keeps its name.
type kind string

const (
	kindBadURL      kind = "bad-url"
	kindNotAllowed  kind = "not-allowed"
	kindUnreachable kind = "unreachable"
	kindRedirect    kind = "redirect"
	kindStatus      kind = "status"
	kindBroken      kind = "broken"
	kindTooLarge    kind = "too-large"
	kindPixels      kind = "too-many-pixels"
	kindFormat      kind = "unknown-format"
	kindCorrupt     kind = "corrupt"
	kindTimeout     kind = "timeout"
	kindInterrupted kind = "interrupted"
	kindNotRun      kind = "not-run"
	kindPanic       kind = "panic"
)

// kinds is all of them, for the help.
var kinds = []struct {
	kind    kind
	meaning string
}{
	{kindBadURL, "no http or https URL"},
	{kindNotAllowed, "it, or where it redirects to, is on no host of -hosts"},
	{kindUnreachable, "the host was not found, or let nobody connect"},
	{kindRedirect, "too many redirects"},
	{kindStatus, "the status of the answer is not 200"},
	{kindBroken, "the answer ended too early, or is no HTTP"},
	{kindTooLarge, "it has more bytes than -max-bytes"},
	{kindPixels, "it has more pixels than -max-pixels"},
	{kindFormat, "neither JPEG nor PNG nor GIF"},
	{kindCorrupt, "the picture is not complete, or not what it says it is"},
	{kindTimeout, "it took longer than -timeout, or than the system waits"},
	{kindInterrupted, "it was being made when the server was stopped"},
	{kindNotRun, "the server was stopped before its turn came"},
	{kindPanic, "a bug of this program, or of a decoder"},
}

// failure is the error of a picture, the way it goes to the client.
type failure struct {
	kind kind
	text string
}

func fail(k kind, format string, args ...any) *failure {
	return &failure{k, cli.Short(fmt.Sprintf(format, args...))}
}

func (f *failure) Error() string { return string(f.kind) + ": " + f.text }

// failureOf returns why a job failed, or nil.
func failureOf(r result) *failure {
	if r.Err == nil {
		return nil
	}
	if errors.Is(r.Err, workerpool.ErrNotRun) {
		return fail(kindNotRun, "the server was stopped before its turn came")
	}
	if f, ok := errors.AsType[*failure](r.Err); ok {
		return f
	}
	// What remains is a panic or a runtime.Goexit, since our Func returns no other errors.
	// What it says is for the log: it may be anything.
	return fail(kindPanic, "a bug in this server, or in its decoder of this format")
}

// cutOff makes a failure of the end of a picture's context, or of err if it has not ended.
// A context that ends shows as one of many errors. What ended it knows the context.
func cutOff(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case err == nil || cause == nil:
		return err
	case errors.Is(cause, workerpool.ErrJobTimeout):
		return fail(kindTimeout, "not ready in time")
	default:
		return fail(kindInterrupted, "%v", cause)
	}
}

// fetchFailure makes a failure of an error of package http.
func fetchFailure(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f // of the check of a redirect
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fail(kindTooLarge, "more than %d bytes", e.Limit)
	}
	// The texts of these have addresses which are none of a stranger's business.
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return fail(kindUnreachable, "%s", e.Err)
	}
	e, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fail(kindTimeout, "the host took too long")
	case ok && e.Op == "dial":
		return fail(kindUnreachable, "no connection: %v", e.Err)
	case ok:
		return fail(kindBroken, "%v", e.Err)
	}
	return fail(kindBroken, "%v", cli.WithoutURL(err))
}
