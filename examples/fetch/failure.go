package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// kind says for programs why a URL was not fetched. A kind keeps its name.
type kind string

const (
	kindBadURL      kind = "bad-url"
	kindDNS         kind = "dns"
	kindConnect     kind = "connect"
	kindTLS         kind = "tls"
	kindRedirect    kind = "redirect"
	kindStatus      kind = "status"
	kindBroken      kind = "broken"
	kindTooLarge    kind = "too-large"
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
	{kindBadURL, "the line is no http or https URL, or too long, or incomplete"},
	{kindDNS, "the name of the host was not found"},
	{kindConnect, "no connection: refused, or no way to the host"},
	{kindTLS, "no secure connection: a bad certificate, for instance"},
	{kindRedirect, "too many redirects, or one to something else than http"},
	{kindStatus, "a complete answer, but its status is not 2xx"},
	{kindBroken, "the answer ended too early, or is no HTTP"},
	{kindTooLarge, "the body is larger than -max-bytes"},
	{kindTimeout, "it took longer than -timeout, or than the system waits"},
	{kindInterrupted, "it was being fetched when the program was stopped"},
	{kindNotRun, "the program was stopped before its turn came"},
	{kindPanic, "a bug of this program"},
}

// failure is the error of a URL that was not fetched, the way it is printed.
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
	if r.Attempts == 0 { // whatever the error is, this says that it never ran
		return fail(kindNotRun, "%s", cmp.Or(r.Job.cut, "stopped before its turn came"))
	}
	if f, ok := errors.AsType[*failure](r.Err); ok {
		return f
	}
	return fail(kindPanic, "%v", r.Err) // fetch returns no other errors
}

// kindOf sorts the errors of package http.
func kindOf(err error) kind {
	switch {
	case is[*net.DNSError](err): // before time-outs, of which it may be one
		return kindDNS
	case isTimeout(err):
		return kindTimeout
	case is[*tls.CertificateVerificationError](err), is[tls.AlertError](err), errors.Is(err, http.ErrSchemeMismatch):
		return kindTLS
	case isDial(err):
		return kindConnect
	}
	return kindBroken
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func isDial(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}
