package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// program is a run that goes on while a test feeds it.
type program struct {
	t      *testing.T
	stop   context.CancelCauseFunc
	feed   *io.PipeWriter
	lines  *bufio.Reader // of its standard output
	errs   bytes.Buffer
	status chan int
}

// startProgram starts a run whose input is open.
func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	stdin, feed := io.Pipe()
	out, stdout := io.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	p := &program{t: t, stop: cancel, feed: feed, lines: bufio.NewReader(out), status: make(chan int, 1)}
	go func() {
		defer func() { _ = stdout.Close() }()
		p.status <- run(ctx, args, stdin, stdout, &p.errs)
	}()
	t.Cleanup(func() {
		cancel(nil)
		_ = feed.Close() // ends the read that the run has left behind
		_ = out.Close()
	})
	return p
}

func (p *program) write(input string) {
	p.t.Helper()
	_, err := io.WriteString(p.feed, input)
	require.NoError(p.t, err)
}

// result waits for the next line of the output.
func (p *program) result() record {
	p.t.Helper()
	text, err := p.lines.ReadString('\n')
	require.NoError(p.t, err)
	return decodeLine(p.t, text)
}

// rest waits for the end.
func (p *program) rest() outcome {
	p.t.Helper()
	out, err := io.ReadAll(p.lines)
	require.NoError(p.t, err)
	return outcome{<-p.status, decode(p.t, string(out)), p.errs.String()}
}

func TestRun_ResultsComeWhileTheInputIsOpen(t *testing.T) {
	url := served(hello)(t)
	p := startProgram(t)
	for n := range 3 {
		p.write(url + "\n")
		assert.Equal(t, record{URL: url, Line: n + 1, Status: 200, Bytes: 5}, withoutTime(p.result()))
	}
	require.NoError(t, p.feed.Close())
	got := p.rest()
	assert.Zero(t, got.status)
	assert.Empty(t, got.records)
}

func withoutTime(r record) record {
	r.MS = 0
	return r
}

// A slow URL holds nobody up but itself.
func TestRun_ResultsComeAsTheyComplete(t *testing.T) {
	answer := make(chan struct{})
	url := served(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-answer
		}
	})(t)
	p := startProgram(t, "-workers=2")
	p.write(url + "/slow\n" + url + "/fast\n" + url + "/fast\n")
	assert.Equal(t, 2, p.result().Line)
	assert.Equal(t, 3, p.result().Line)
	close(answer)
	assert.Equal(t, 1, p.result().Line)
}

func TestRun_EachOnceAndNoMoreAtOnceThanWorkers(t *testing.T) {
	const urls, workers = 5000, 8
	var mu sync.Mutex
	now, most, connections := 0, 0, 0
	came := make(map[string]int)
	var open sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		came[r.URL.Path]++
		mu.Unlock()
		hello(w, r)
		mu.Lock()
		now--
		mu.Unlock()
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
			mu.Lock()
			connections++
			mu.Unlock()
		case http.StateClosed:
			open.Done()
		}
	}
	server.Start()
	defer server.Close()
	var input strings.Builder
	for n := range urls {
		fmt.Fprintf(&input, "%s/%d\n", server.URL, n+1)
	}
	got := runOn(t, input.String(), fmt.Sprint("-workers=", workers))
	assert.Zero(t, got.status)
	assert.Equal(t, upTo(urls), lineNumbers(got.records))
	for _, r := range got.records {
		path := fmt.Sprint("/", r.Line)
		assert.Equal(t, record{URL: server.URL + path, Line: r.Line, Status: 200, Bytes: 5}, withoutTime(r))
		assert.Equal(t, 1, came[path])
	}
	assert.Len(t, came, urls)
	assert.LessOrEqual(t, most, workers)
	assert.Less(t, connections, urls/50, "connections are used again")
	open.Wait() // the program closes them at its end
}

func TestRun_AsManyAtOnceAsWorkers(t *testing.T) {
	const workers = 5
	var arrived sync.WaitGroup
	arrived.Add(workers)
	url := served(func(http.ResponseWriter, *http.Request) {
		arrived.Done()
		arrived.Wait() // for all of them to be here
	})(t)
	got := runOn(t, strings.Repeat(url+"\n", workers), fmt.Sprint("-workers=", workers))
	assert.Zero(t, got.status)
}

// endlessInput is the same line again and again. It notes how far the lines that were
// read are ahead of those that were fetched.
type endlessInput struct {
	line          string
	read, fetched atomic.Int64
	ahead         int64
}

func (e *endlessInput) Read(p []byte) (int, error) {
	e.ahead = max(e.ahead, e.read.Load()-e.fetched.Load())
	n := 0
	for n+len(e.line) <= len(p) {
		n += copy(p[n:], e.line)
		e.read.Add(1)
	}
	return n, nil
}

func TestRun_ReadsNoFurtherAheadThanItMust(t *testing.T) {
	const workers = 4
	ctx, cancel := context.WithCancelCause(t.Context())
	var in endlessInput
	in.line = served(func(http.ResponseWriter, *http.Request) {
		if in.fetched.Add(1) == 1000 {
			cancel(signalError{syscall.SIGINT})
		}
	})(t) + "\n"
	var out bytes.Buffer
	status := run(ctx, []string{fmt.Sprint("-workers=", workers)}, &in, &out, io.Discard)
	assert.Equal(t, 130, status)
	records := decode(t, out.String())
	assert.Equal(t, upTo(int(in.read.Load())), lineNumbers(records), "what was read is there, once")
	assert.LessOrEqual(t, byKind(records)[kindNotRun], workers+4096/len(in.line), "no more is read at a time")
	assert.LessOrEqual(t, in.ahead, int64(2*workers), "those in the queue, and those with a worker")
}
