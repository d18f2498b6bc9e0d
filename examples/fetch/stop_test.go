package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// hanging is a server that says when a request has come, and does not answer it. When
// the client has left, it says that too.
func hanging(arrived, left chan<- struct{}) target {
	return served(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		unanswered(w, r)
		left <- struct{}{}
	})
}

func TestRun_StoppedWhileItFetches(t *testing.T) {
	const urls, workers = 100, 3
	for signal, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(signal.String(), func(t *testing.T) {
			arrived, left := make(chan struct{}, urls), make(chan struct{}, urls)
			p := startProgram(t, fmt.Sprint("-workers=", workers))
			p.write(strings.Repeat(hanging(arrived, left)(t)+"\n", urls))
			for range workers {
				<-arrived
			}
			p.stop(signalError{signal})
			got := p.rest()
			assert.Equal(t, status, got.status)
			assert.Equal(t, upTo(urls), lineNumbers(got.records), "what was read is there, once")
			assert.Equal(t, map[kind]int{kindInterrupted: workers, kindNotRun: urls - workers}, byKind(got.records))
			assert.Regexp(t, `^fetch: 0 ok, 3 failed, 97 not run, \S+$`, lastLine(got.errs))
			assert.Empty(t, arrived, "nothing began after that")
		})
	}
}

func TestRun_StoppedWhileTheInputIsIdle(t *testing.T) {
	p := startProgram(t)
	p.write(served(hello)(t) + "\nhttp://localhost/the-beginning-of-a-longer-")
	assert.Equal(t, 1, p.result().Line)
	p.stop(signalError{syscall.SIGINT})
	got := p.rest()
	assert.Equal(t, 130, got.status)
	want := record{URL: "http://localhost/the-beginning-of-a-longer-…", Line: 2, Kind: kindNotRun, Error: "the line was not read to its end"}
	assert.Equal(t, []record{want}, got.records)
}

func TestRun_StoppedBeforeItBegan(t *testing.T) {
	for _, file := range []string{"-", "main_test.go"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(signalError{syscall.SIGINT})
		var out, errs bytes.Buffer
		in := strings.NewReader("http://localhost/")
		assert.Equal(t, 130, run(ctx, []string{file}, in, &out, &errs))
		assert.Empty(t, out.String())
		assert.Equal(t, len("http://localhost/"), in.Len(), "nothing was read")
		assert.Regexp(t, `^fetch: 0 ok, 0 failed, \S+$`, lastLine(errs.String()))
	}
}

// brokenPipe takes one write, and fails at the next.
type brokenPipe struct {
	err    error
	writes int
}

func (w *brokenPipe) Write(p []byte) (int, error) {
	if w.writes++; w.writes > 1 {
		return 0, w.err
	}
	return len(p), nil
}

func TestRun_NobodyReadsTheOutput(t *testing.T) {
	tests := map[string]struct {
		err  error
		last string
	}{
		"any more": {syscall.EPIPE, `^fetch: 0 ok, 3 failed, \S+$`},
		"at all":   {errors.New("the disk is full"), `^fetch: cannot write the results: the disk is full$`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			arrived, left := make(chan struct{}, 1), make(chan struct{}, 1)
			url := hanging(arrived, left)(t)
			stdin, feed := io.Pipe() // which stays open
			defer func() { _ = feed.Close() }()
			go func() {
				_, _ = io.WriteString(feed, url+"\n")
				<-arrived // the results of the next two are to find it being fetched
				_, _ = io.WriteString(feed, "nowhere\nnowhere\n")
			}()
			out := &brokenPipe{err: tt.err}
			var errs bytes.Buffer
			assert.Equal(t, exitFailed, run(t.Context(), nil, stdin, out, &errs))
			<-left
			assert.Equal(t, 2, out.writes, "it does not try again")
			assert.Regexp(t, tt.last, lastLine(errs.String()))
		})
	}
}
