// Command thumbnails is an HTTP server that makes thumbnails of pictures elsewhere. One
// pool, shared by all requests, fetches, decodes and scales them. Who posts the URLs gets
// a line of JSON for each picture as it is ready:
//
//	go run -C examples ./thumbnails -samples 127.0.0.1:8081
//	curl -N --json '["http://127.0.0.1:8081/photo.jpeg"]' http://127.0.0.1:8080/thumbnails
//
// A client that goes away cancels its own pictures; a pool without a place is a 503; a
// signal lets the requests in flight finish. All of that shows itself, with clients and
// pictures of its own and nothing else needed:
//
//	go run -C examples ./thumbnails -demo
//
// It fetches only from the hosts that -hosts allows. With -h it lists its flags.
//
// How the pool is used is in pictures.go, and how it ends in drain.go.
package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// The exit statuses, beside 0 and cli.ExitUsage.
const (
	exitFailed      = 1   // it could not serve, or pictures were cut off, or of the demo something is wrong
	exitInterrupted = 130 // the demo was stopped; what shells give a program that ended by Ctrl-C
)

func main() {
	signals := make(chan os.Signal, 2) // the first drains, the second cuts off
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(signals, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without its process, and returns the exit status.
func run(signals <-chan os.Signal, args []string, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, stdout)
	if err != nil {
		return cli.FlagStatus(stderr, "thumbnails", err)
	}
	if c.demo {
		return demo(signals, stdout, stderr)
	}
	if err := serve(signals, c, stderr); err != nil {
		cli.Complain(stderr, "thumbnails", err)
		return exitFailed
	}
	return 0
}

// serve serves until a signal comes, and the sample pictures too, if c says so.
func serve(signals <-chan os.Signal, c config, stderr io.Writer) error {
	log := newLog(stderr)
	if c.samples != "" {
		samples, err := startOrigin(c.samples, 2*time.Second)
		if err != nil {
			return err
		}
		defer samples.close()
		c.hosts = append(c.hosts, samples.host)
		for _, s := range allSamples {
			log.Printf("sample %s", samples.url(s.name, ""))
		}
	}
	s, err := start(c, log)
	if err != nil {
		return err
	}
	log.Printf("listening on %s", s.url)
	err = s.run(signals)
	log.Print(s.summary())
	log.Print(s.poolSummary())
	return err
}
