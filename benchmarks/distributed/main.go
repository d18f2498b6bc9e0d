// Command distributed compares the pool of package natspool with asynq and with River, and
// writes what it measured as benchmarks do. Its neighbour, report, makes a page of that.
//
// It starts NATS servers by itself, in this process or another. Redis and Postgres it has to be
// told: scripts/bench-distributed.sh starts them. A contender without its server is left out.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := dispatch(ctx, os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "distributed:", err)
		os.Exit(1)
	}
}

// dispatch is for what this program is: the one who measures, or a process that it has started.
func dispatch(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == "-free-port" {
		return freePort(ctx, os.Stdout)
	}
	if os.Getenv(contenders.ChildEnv) == "" || len(args) == 0 {
		return command(ctx, args, os.Stderr)
	}
	ctx, cancel := contenders.UntilInputEnds(ctx)
	defer cancel()
	switch name, args := args[0], args[1:]; name {
	case "serve":
		return contenders.Serve(ctx, args[0])
	case "work":
		return work(ctx, args)
	case "weigh":
		return weigh(ctx, args, os.Stdout)
	default:
		return fmt.Errorf("unknown command %q", name)
	}
}

// command measures.
func command(ctx context.Context, args []string, log io.Writer) (err error) {
	s := session{log: log}
	flags := flag.NewFlagSet("distributed", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.IntVar(&s.rounds, "rounds", 5, "how often to measure, from 1 to 7")
	flags.DurationVar(&s.lasting, "lasting", 500*time.Millisecond, "about how long one measurement of jobs a second is to take")
	flags.BoolVar(&s.quick, "quick", false, "do few jobs, to see whether everything works; the figures mean nothing")
	flags.StringVar(&s.servers.RedisEverysec, "redis-everysec", "", "where a Redis with appendfsync everysec is, `host:port`; all that is in it will be gone")
	flags.StringVar(&s.servers.RedisAlways, "redis-always", "", "where a Redis with appendfsync always is")
	flags.StringVar(&s.servers.Postgres, "postgres", "", "how to connect to a Postgres, whose schemas bench0 and so on are overwritten")
	flags.StringVar(&s.dir, "dir", "", "the directory where NATS servers store; a new one unless told")
	flags.Uint64Var(&s.seed, "seed", 1, "of the orders in which contenders come")
	run := flags.String("run", "", "measure only benchmarks whose name matches this regular expression")
	out := flags.String("out", "results", "the directory in which run.txt is written")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.rounds < 1 || s.rounds > maxRounds {
		return fmt.Errorf("-rounds=%d: must be from 1 to %d", s.rounds, maxRounds)
	}
	if s.chosen, err = regexp.Compile(*run); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(s.dir, "distributed"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	var b bytes.Buffer
	if err := s.run(ctx, &b); err != nil {
		return err
	}
	// Not before: half a run would look like a whole one.
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*out, "run.txt"), b.Bytes(), 0o644)
}

// freePort prints a port on which nobody listens, for a script that starts servers.
func freePort(ctx context.Context, out io.Writer) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, port)
	return err
}
