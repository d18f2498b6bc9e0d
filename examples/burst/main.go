// Command burst sends a burst of requests to an API that serves only so many at
// once: with a goroutine for each request, through a pool, and through a pool that nobody
// tells the limit. It prints what each way cost.
//
// It brings the API along, on the loopback interface, and lets it count what
// happens to it. Nothing else is needed:
//
//	go run -C examples ./burst
//
// With -h it lists its flags.
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
	exitFailed      = 1   // some result is missing or wrong
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
		return cli.FlagStatus(stderr, "burst", err)
	}
	cli.Printf(stdout, "%s\n", c.intro())
	reports, err := c.measureAll(ctx, screen{out: stdout, live: cli.IsTerminal(stdout)})
	if err != nil {
		cli.Complain(stderr, "burst", err)
		return exitFailed
	}
	interrupted := ctx.Err() != nil
	printReports(stdout, reports, interrupted)
	switch {
	case interrupted:
		return exitInterrupted
	case !allRight(reports):
		return exitFailed
	}
	return 0
}
