package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

const (
	demoTime = time.Minute            // by then it has long ended, or something hangs
	demoSlow = 300 * time.Millisecond // how long the slow picture takes
)

// show is a demo: a server with its samples, and what is there to be seen of them.
type show struct {
	ctx     context.Context // ends with the demo, however that ends
	out     io.Writer
	samples *origin
	server  *server
	signals chan os.Signal // to the server
	ended   chan struct{}  // closed when it has ended
	err     error          // with what; from then on
	http    *http.Client   // of all its clients

	mu       sync.Mutex // guards what follows, and out
	scene    time.Time  // when it began
	requests int        // that were answered
	lines    int
	wrong    []string
}

// demo shows the server with pictures and clients of its own, and returns the exit status.
func demo(signals <-chan os.Signal, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), demoTime)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		select {
		case <-signals:
			close(stopped)
			cancel()
		case <-ctx.Done():
		}
	}()
	s, err := newShow(ctx, stdout, stderr)
	if err != nil {
		cli.Complain(stderr, "thumbnails", err)
		return exitFailed
	}
	s.run()
	s.close()
	select {
	case <-stopped:
		return exitInterrupted
	default:
		return s.verdict()
	}
}

func newShow(ctx context.Context, stdout, stderr io.Writer) (*show, error) {
	samples, err := startOrigin("127.0.0.1:0", demoSlow)
	if err != nil {
		return nil, err
	}
	c := defaults()
	c.addr, c.hosts = "127.0.0.1:0", []string{samples.host}
	server, err := start(c, newLog(stderr))
	if err != nil {
		samples.close()
		return nil, err
	}
	s := &show{
		ctx: ctx, out: stdout, samples: samples, server: server,
		signals: make(chan os.Signal, 2),
		ended:   make(chan struct{}),
		http:    &http.Client{Transport: &http.Transport{}},
	}
	go func() {
		defer close(s.ended)
		s.err = server.run(s.signals)
	}()
	return s, nil
}

func (s *show) run() {
	c := s.server.config
	scenes := []struct {
		title string
		play  func()
	}{
		{fmt.Sprintf("One pool of %d workers, shared by three clients. Each line comes when its picture is ready.", c.workers), s.share},
		{"dora goes away half-way, and ed stays. Only her pictures are given up.", s.leave},
		{fmt.Sprintf("%d clients with a picture each, and no place for fay's.", c.workers+c.buffer), s.fill},
		{"SIGTERM, while gil waits for pictures.", s.drain},
	}
	for _, scene := range scenes {
		if s.ctx.Err() == nil {
			s.begin(scene.title)
			scene.play()
		}
	}
}

// close ends what is left.
func (s *show) close() {
	for range cap(s.signals) { // the second cuts off; a server that has ended does not mind
		select {
		case s.signals <- syscall.SIGTERM:
		default:
		}
	}
	s.samples.close()
	<-s.ended
	s.http.CloseIdleConnections()
}

func (s *show) begin(title string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scene = time.Now()
	cli.Printf(s.out, "\n%s\n\n", title)
}

// say says what has just happened to somebody.
func (s *show) say(who, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return // what still comes is what Ctrl-C has made of it
	}
	cli.Printf(s.out, "%7d ms  %-5s %s\n", time.Since(s.scene).Milliseconds(), who, fmt.Sprintf(format, args...))
}

// check notes what is wrong, unless ok.
func (s *show) check(ok bool, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok || s.ctx.Err() != nil {
		return
	}
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// await waits until something is the case.
func (s *show) await(what string, is func() bool) {
	limit, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	for !is() {
		if !until(s.ctx, time.After(time.Millisecond)) || limit.Err() != nil {
			s.check(false, "it did not come to this: %s", what)
			return
		}
	}
}

// verdict says whether all was as it should be.
func (s *show) verdict() int {
	o := s.samples.total()
	cli.Printf(s.out, "\n%s\n%s\nsamples: %d requests, %d of them cancelled\n\n", s.server.summary(), s.server.poolSummary(), o.begun, o.cancelled)
	if err := s.ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		s.wrong = append(s.wrong, fmt.Sprintf("it took more than %v", demoTime))
	}
	if len(s.wrong) == 0 {
		cli.Printf(s.out, "All is as it should be: %d requests had all their lines, %d in all.\n", s.requests, s.lines)
		return 0
	}
	cli.Printf(s.out, "Not as it should be:\n")
	for _, w := range s.wrong {
		cli.Printf(s.out, "  %s\n", w)
	}
	return exitFailed
}
