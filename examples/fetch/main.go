// Command fetch reads URLs, one a line, from a file or from standard input,
// fetches them, so many at once and no more, and prints a line of JSON for each as
// soon as it is done:
//
//	go run -C examples ./fetch -workers 8 urls.txt
//
// With -h it lists its flags, the kinds of errors and the exit statuses.
//
// The pool is in pooled.go. The rest is what it takes to make a program of it.
package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// exitFailed is the exit status when some URL was not fetched, or the input not read, or
// the output not written. Others are 0, cli.ExitUsage, and 128 and its number for a signal.
const exitFailed = 1

// signalError is the cause of a context that a signal has ended.
type signalError struct{ syscall.Signal }

func (e signalError) Error() string { return "stopped by a signal: " + e.String() }

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE) // a write to a pipe that was closed is an error like any other
	go func() {
		s := <-signals
		signal.Reset(os.Interrupt, syscall.SIGTERM) // so that a second Ctrl-C ends the program at once
		cancel(signalError{s.(syscall.Signal)})
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program without its process, and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, stdout)
	if err != nil {
		return cli.FlagStatus(stderr, "fetch", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in, err := openInput(ctx, c.file, stdin)
	if err != nil && ctx.Err() == nil { // what a signal has kept from opening ends as any other run
		cli.Complain(stderr, "fetch", err)
		return cli.ExitUsage
	}
	defer in.close()
	out := newOutput(stdout, newProgress(stderr, in), cancel)
	stats, err := fetchAll(ctx, c, newLineReader(in), out)
	return exitStatus(cmp.Or(context.Cause(ctx), err), stats, stderr)
}

// exitStatus says what a run has come to. err is what has ended it early.
func exitStatus(err error, stats workerpool.Stats, stderr io.Writer) int {
	if s, ok := errors.AsType[signalError](err); ok {
		return 128 + int(s.Signal)
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) { // a reader who has enough, as head, is no trouble
		cli.Complain(stderr, "fetch", err)
	}
	if err != nil || stats.Failed+stats.NotRun > 0 {
		return exitFailed
	}
	return 0
}
