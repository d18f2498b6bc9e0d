// Command dashboard serves a live page of five pools under a load that changes: one has too
// few workers for its peaks, one is well, one is throttled by a partner at its peaks, one has
// jobs that fail, and of one nobody reads the results.
//
//	go run -C examples ./dashboard
//
// Open the URL that it prints. The same URL is a table for curl, and JSON for who accepts
// that. A signal ends it, or -for does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
	"github.com/boundedgo/workerpool/livepage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without its process, and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("dashboard", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "the address to listen on")
	limit := flags.Duration("for", 0, "how long to serve; 0 is until a signal")
	speed := flags.Float64("speed", 1, "how much faster than a minute a cycle of the load is")
	err := cli.Parse(flags, args, stdout, usage)
	if err == nil {
		err = errors.Join(
			cli.Check(*limit >= 0, "-for %v: must not be negative", *limit),
			cli.Check(*speed > 0, "-speed %v: must be positive", *speed))
	}
	if err != nil {
		return cli.FlagStatus(stderr, "dashboard", err)
	}
	if *limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *limit)
		defer cancel()
	}
	if err := serve(ctx, *addr, *speed, stdout); err != nil {
		cli.Complain(stderr, "dashboard", err)
		return 1
	}
	return 0
}

func usage(flags *flag.FlagSet) {
	cli.Printf(flags.Output(), "Serves a live page of worker pools under a load that changes.\n\n")
	flags.PrintDefaults()
}

// serve serves the page until ctx ends.
func serve(ctx context.Context, addr string, speed float64, stdout io.Writer) error {
	page := livepage.New(livepage.Options{Describe: func(job any) string { return fmt.Sprint(job) }})
	end, err := startPools(ctx, page, speed)
	if err != nil {
		return err
	}
	defer end()

	mux := http.NewServeMux()
	mux.Handle("/debug/workerpool", page)
	mux.Handle("/", http.RedirectHandler("/debug/workerpool", http.StatusFound))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	server.RegisterOnShutdown(page.Close) // viewers would keep it from ending
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	cli.Printf(stdout, "http://%s/debug/workerpool\n", l.Addr())
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(late)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
