package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/boundedgo/workerpool/examples/internal/cli"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// Each of these is one line of the output, whatever happens.
func TestRun_Kinds(t *testing.T) {
	const (
		half  = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
		limit = "-max-bytes=12345"
		all   = "-max-bytes=9223372036854775807"
		soon  = "-timeout=50ms"
		late  = "not complete within 50ms"
	)
	tests := map[string]struct {
		url   target
		args  string
		want  record
		error string // a part of it
		vague bool   // how far it came is not certain
	}{
		"no scheme":       {url: at("example.com"), want: record{Kind: kindBadURL}, error: "does not begin with http:// or https://"},
		"another scheme":  {url: at("ftp://localhost/"), want: record{Kind: kindBadURL}, error: "does not begin with http:// or https://"},
		"no host":         {url: at("http://:80/"), want: record{Kind: kindBadURL}, error: "has no host"},
		"garbage":         {url: at("http://\x00\xff/"), want: record{Kind: kindBadURL}, error: "invalid control character"},
		"long line":       {url: at("http://localhost/" + strings.Repeat("x", maxLine)), want: record{Kind: kindBadURL}, error: "longer than 65536 bytes"},
		"no such host":    {url: at("http://a..b/"), want: record{Kind: kindDNS}, error: "no such host"},
		"refused":         {url: at("http://127.0.0.1:1/"), want: record{Kind: kindConnect}, error: "refused"},
		"no such port":    {url: at("http://127.0.0.1:99999/"), want: record{Kind: kindConnect}, error: "invalid port"},
		"bad certificate": {url: servedTLS(hello), want: record{Kind: kindTLS}, error: "certificate"},
		"no TLS":          {url: overTLS(served(hello)), want: record{Kind: kindTLS}, error: "HTTP response to HTTPS client"},
		"redirect":        {url: served(redirectTo("ftp://localhost/")), want: record{Kind: kindRedirect}, error: "leads to ftp://localhost/"},
		"redirect loop":   {url: served(redirectTo("/")), want: record{Kind: kindRedirect}, error: "more than 20 redirects"},
		"bad redirect":    {url: served(redirectTo("http://%zz/")), want: record{Kind: kindBroken}, error: "Location"},
		"not found":       {url: served(http.NotFound), want: record{Kind: kindStatus, Status: 404, Bytes: 19}, error: "404 Not Found"},
		"closed at once":  {url: raw(answering("")), want: record{Kind: kindBroken}, error: "EOF"},
		"no HTTP":         {url: raw(answering("220 mail ESMTP\r\n")), want: record{Kind: kindBroken}, error: "malformed HTTP"},
		"long no HTTP":    {url: raw(answering(strings.Repeat("x", 4000) + "\r\n")), want: record{Kind: kindBroken}, error: "…"},
		"cut off":         {url: raw(answering(half)), want: record{Kind: kindBroken, Status: 200, Bytes: 4}, error: "EOF"},
		"reset at once":   {url: raw(resetting("")), want: record{Kind: kindBroken}},
		"reset":           {url: raw(resetting(half)), want: record{Kind: kindBroken}, vague: true},
		"too large":       {url: served(endless), args: limit, want: record{Kind: kindTooLarge, Status: 200, Bytes: 12345}, error: "more than 12345 bytes"},
		"a byte too much": {url: served(hello), args: "-max-bytes=4", want: record{Kind: kindTooLarge, Status: 200, Bytes: 4}, error: "more than 4 bytes"},
		"just enough":     {url: served(hello), args: "-max-bytes=5", want: record{Status: 200, Bytes: 5}},
		"any size":        {url: served(hello), args: all, want: record{Status: 200, Bytes: 5}},
		"no body":         {url: served(empty), want: record{Status: 200}},
		"no answer":       {url: served(unanswered), args: soon, want: record{Kind: kindTimeout}, error: late},
		"no handshake":    {url: overTLS(raw(silent)), args: soon, want: record{Kind: kindTimeout}, error: late},
		"never ends":      {url: served(endless), args: soon + " " + all, want: record{Kind: kindTimeout}, error: late, vague: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := runOn(t, tt.url(t)+"\n", strings.Fields(tt.args)...)
			require.Len(t, got.records, 1)
			r := got.records[0]
			assert.Equal(t, tt.want.Kind, r.Kind, r.Error)
			assert.Contains(t, r.Error, tt.error)
			assert.Equal(t, r.Kind == "", r.Error == "", "a kind has an error")
			assert.NotRegexp(t, "^(parse|Get) ", r.Error, "the URL is there already")
			assert.LessOrEqual(t, len(r.Error), cli.MaxText+len("…"))
			if !tt.vague {
				assert.Equal(t, tt.want.Status, r.Status)
				assert.Equal(t, tt.want.Bytes, r.Bytes)
			}
			assert.Equal(t, r.Kind == "", got.status == 0)
		})
	}
}

func TestRun_FollowsRedirectsUpToALimit(t *testing.T) {
	var came atomic.Int64
	var most int64
	url := served(func(w http.ResponseWriter, r *http.Request) {
		if came.Add(1) <= most {
			redirectTo("/next")(w, r)
		}
	})(t)
	most = maxRedirects
	assert.Equal(t, map[kind]int{"": 1}, byKind(runOn(t, url).records))
	came.Store(0)
	most = maxRedirects + 1
	assert.Equal(t, map[kind]int{kindRedirect: 1}, byKind(runOn(t, url).records))
	assert.EqualValues(t, most, came.Load(), "requests sent")
}

// What a test on loopback cannot bring about.
func TestKindOf(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := map[string]struct {
		err  error
		want kind
	}{
		"no way to the host":   {dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), kindConnect},
		"the system gave up":   {dial(os.NewSyscallError("connect", syscall.ETIMEDOUT)), kindTimeout},
		"no name server":       {dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), kindDNS},
		"something else":       {errors.New("something else"), kindBroken},
		"reset while it reads": {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, kindBroken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, kindOf(tt.err)) })
	}
}

func TestFailureOf_APanicIsALineToo(t *testing.T) {
	f := failureOf(result{Attempts: 1, Err: &workerpool.PanicError{Value: "oops"}})
	assert.Equal(t, kindPanic, f.kind)
	assert.Contains(t, f.text, "oops")
}

func TestKinds_AllAreInTheHelp(t *testing.T) {
	seen := make(map[kind]bool)
	for _, k := range kinds {
		assert.False(t, seen[k.kind], k.kind)
		seen[k.kind] = true
		assert.NotEmpty(t, k.meaning)
	}
	assert.Len(t, seen, 12)
}
