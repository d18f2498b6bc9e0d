// Command crawl crawls a website with a pool whose jobs submit jobs: each fetches a
// page, and submits the links that it finds there. At the end it prints which links are
// broken.
//
// It brings a site along, on the loopback interface, which knows what there is to be
// found and counts what it is asked for. Nothing else is needed:
//
//	go run -C examples ./crawl
//
// With a URL it crawls the site there. With -h it lists its flags.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// The exit statuses, beside 0 and cli.ExitUsage.
const (
	exitFailed      = 1   // something is broken, or of our own site not as it should be
	exitInterrupted = 130 // what shells give a program that ended by Ctrl-C
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // so that a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without its process, and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, stdout)
	if err != nil {
		return cli.FlagStatus(stderr, "crawl", err)
	}
	r, err := c.survey(ctx, stdout, progress{out: stderr, live: cli.IsTerminal(stderr)})
	switch {
	case err != nil && ctx.Err() == nil:
		cli.Complain(stderr, "crawl", err)
		return exitFailed
	case err == nil:
		r.print(stdout)
	}
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case !r.ok():
		return exitFailed
	}
	return 0
}
