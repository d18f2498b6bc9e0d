package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		program.Remove()
		os.Exit(status)
	}))
}

// running is a server that runs, with an origin that has the samples.
type running struct {
	*server
	t       *testing.T
	samples *origin
	http    *http.Client
	signals chan os.Signal
	ended   chan struct{}
	err     error // when it has ended
	errs    *buffer
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func startSamples(t *testing.T) *origin {
	t.Helper()
	samples, err := startOrigin("127.0.0.1:0", time.Millisecond)
	require.NoError(t, err)
	t.Cleanup(samples.close)
	return samples
}

func newHTTPClient(t *testing.T) *http.Client {
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// runServer runs a server with other flags than the defaults, and prepared for the test.
func runServer(t *testing.T, flags func(*config), prepare ...func(*running)) *running {
	t.Helper()
	r := &running{t: t, samples: startSamples(t), http: newHTTPClient(t), signals: make(chan os.Signal, 2), ended: make(chan struct{}), errs: new(buffer)}
	c := defaults()
	c.addr, c.hosts = "127.0.0.1:0", []string{r.samples.host}
	if flags != nil {
		flags(&c)
	}
	require.NoError(t, c.validate())
	var err error
	r.server, err = start(c, newLog(r.errs))
	require.NoError(t, err)
	for _, p := range prepare {
		p(r)
	}
	go func() {
		defer close(r.ended)
		r.err = r.run(r.signals)
	}()
	t.Cleanup(func() {
		for range 2 { // whatever a test that failed has left in flight is cut off
			select {
			case r.signals <- syscall.SIGTERM:
			default:
			}
		}
		<-r.ended
	})
	return r
}

// end waits until the server has ended, and returns with what.
func (r *running) end() error {
	r.t.Helper()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(10 * time.Second):
		require.Fail(r.t, "the server does not end")
		return nil
	}
}

// eventually waits for what is certain to come.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 10*time.Second, time.Millisecond, what)
}

// reply is an answer that comes bit by bit.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	lines  *bufio.Reader
	leave  func() // and never come back
}

// send posts a body, and returns when the header of the answer is there.
func send(t *testing.T, c *http.Client, url, body string) *reply {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(leave)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return &reply{t, resp.StatusCode, resp.Header, bufio.NewReader(resp.Body), leave}
}

func arrayOf(urls []string) string {
	text, _ := json.Marshal(urls) // of strings
	return string(text)
}

// post asks for URLs.
func (r *running) post(urls ...string) *reply {
	r.t.Helper()
	return send(r.t, r.http, r.url, arrayOf(urls))
}

// want asks for samples for somebody.
func (r *running) want(whose string, names ...string) *reply {
	r.t.Helper()
	return r.post(r.samples.urls(whose, names...)...)
}

func (o *origin) urls(whose string, names ...string) (urls []string) {
	for _, name := range names {
		urls = append(urls, o.url(name, whose))
	}
	return urls
}

// later does what ask does beside the test, which goes on before the answer has begun.
func (r *running) later(whose string, names ...string) (wait func() answer) {
	var a answer
	var err error
	var asking sync.WaitGroup
	urls := r.samples.urls(whose, names...)
	asking.Go(func() { a, err = ask(r.t.Context(), r.http, r.url, urls, func(line) error { return nil }) })
	return func() answer {
		r.t.Helper()
		asking.Wait()
		require.NoError(r.t, err)
		return a
	}
}

// next waits for the next line.
func (r *reply) next() (l line) {
	r.t.Helper()
	text, err := r.lines.ReadString('\n')
	require.NoError(r.t, err)
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(r.t, d.Decode(&l), text)
	return l
}

// rest waits for all further lines, and returns them by index.
func (r *reply) rest() map[int]line {
	r.t.Helper()
	all := make(map[int]line)
	for {
		if _, err := r.lines.Peek(1); errors.Is(err, io.EOF) {
			return all
		}
		l := r.next()
		assert.NotContains(r.t, all, l.Index, "each once")
		all[l.Index] = l
	}
}

// kindsOf are the kinds of lines by index.
func kindsOf(lines map[int]line) map[int]kind {
	all := make(map[int]kind)
	for i, l := range lines {
		all[i] = l.Kind
	}
	return all
}

// problem returns what a refused request got.
func (r *reply) problem() (p problem) {
	r.t.Helper()
	assert.Equal(r.t, "application/json", r.header.Get("Content-Type"))
	d := json.NewDecoder(r.lines)
	d.DisallowUnknownFields()
	require.NoError(r.t, d.Decode(&p))
	return p
}

// oneLine asks for one picture.
func (r *running) oneLine(url string) line {
	r.t.Helper()
	got := r.post(url)
	require.Equal(r.t, http.StatusOK, got.status)
	l := got.next()
	assert.Empty(r.t, got.rest())
	return l
}

func runOn(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(nil, args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestRun_Flags(t *testing.T) {
	const hosts = "-hosts=example.org "
	tests := map[string]string{
		"":                             "-hosts: must name the hosts from which pictures may be fetched, unless there is -samples or -demo",
		hosts + "-workers=0":           "-workers 0: must be from 1 to 1000",
		hosts + "-workers=many":        `invalid value "many" for flag -workers`,
		hosts + "-buffer=-1":           "-buffer -1: must be from 0 to 1000000",
		hosts + "-size=1025":           "-size 1025: must be from 1 to 1024",
		hosts + "-max-urls=0":          "-max-urls 0: must be from 1 to 10000",
		hosts + "-max-body=0":          "-max-body 0: must be from 1 to 104857600",
		hosts + "-max-bytes=0":         "-max-bytes 0: must be from 1 to 1073741824",
		hosts + "-max-pixels=0":        "-max-pixels 0: must be from 1 to 1073741824",
		hosts + "-timeout=0s":          "-timeout 0s: must be positive",
		hosts + "-drain=-1s":           "-drain -1s: must be positive",
		hosts + "-unknown":             "flag provided but not defined: -unknown",
		hosts + "more":                 `unexpected argument "more": there are only flags`,
		"-demo -workers=3":             "-demo: goes with no other flag",
		"-hosts=*.example.org":         `-hosts "*.example.org": must be like example.org or example.org:8080`,
		"-hosts=a,http://b":            `-hosts "http://b": must be like example.org or example.org:8080`,
		hosts + "-workers=0 -buffer=x": `invalid value "x" for flag -buffer`,
		hosts + "-workers=0 -size=0":   "thumbnails: -workers 0: must be from 1 to 1000\nthumbnails: -size 0: must be from 1 to 1024\n",
	}
	for args, want := range tests {
		t.Run(args, func(t *testing.T) {
			status, out, errs := runOn(strings.Fields(args)...)
			assert.Equal(t, cli.ExitUsage, status)
			assert.Empty(t, out)
			assert.Contains(t, errs, want)
			assert.Contains(t, errs, "thumbnails -h lists the flags.")
		})
	}
}

func TestRun_Help(t *testing.T) {
	status, out, errs := runOn("-h")
	assert.Zero(t, status)
	assert.Empty(t, errs)
	for _, name := range []string{"-hosts", "-max-pixels", "not-allowed", "too-many-pixels"} {
		assert.Contains(t, out, "  "+name+" ")
	}
}

func TestRun_CannotListen(t *testing.T) {
	for _, args := range [][]string{
		{"-hosts=example.org", "-addr=127.0.0.1:x"},
		{"-samples=127.0.0.1:x"},
	} {
		status, _, errs := runOn(args...)
		assert.Equal(t, exitFailed, status)
		assert.Contains(t, errs, "thumbnails: listen tcp: ")
	}
}
