// Command distributed shows a pool over several processes, one of which is killed at work.
//
//	go run -C examples ./distributed
//
// It starts a NATS server inside itself, two worker processes and, as a producer and reader,
// itself; kills one worker half-way; and counts what came of the jobs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// poolName is what makes these processes one pool.
const poolName = "squares"

// config is what the flags say.
type config struct {
	jobs  int
	work  time.Duration
	lease time.Duration
	dir   string // of the server

	url string // for a worker process: where the server is
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		os.Exit(2)
	case cfg.url != "":
		err = work(ctx, cfg)
	default:
		err = show(ctx, cfg, os.Stdout)
	}
	if err != nil {
		cli.Complain(os.Stderr, "distributed", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("distributed", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&c.jobs, "jobs", 2000, "how many `jobs`")
	flags.DurationVar(&c.work, "work", 10*time.Millisecond, "how long a job takes")
	flags.DurationVar(&c.lease, "lease", 2*time.Second, "after how long without a sign of life a worker's jobs are given to another")
	flags.StringVar(&c.dir, "dir", "", "where the server stores; a new directory, removed at the end, unless told")
	flags.StringVar(&c.url, "worker", "", "be a worker process of the server at this `URL`")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	var err error
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.jobs < 1 || c.jobs > 1_000_000:
		err = fmt.Errorf("-jobs %d: must be from 1 to 1000000", c.jobs)
	case c.work < 0 || c.work > time.Minute:
		err = fmt.Errorf("-work %v: must be from 0 to 1m", c.work)
	case c.lease < time.Second || c.lease > time.Minute:
		err = fmt.Errorf("-lease %v: must be from 1s to 1m", c.lease)
	}
	if err != nil {
		cli.Complain(stderr, "distributed", err)
	}
	return c, err
}
