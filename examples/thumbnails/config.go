package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// config is what the flags say.
type config struct {
	demo      bool
	addr      string
	samples   string // where to serve the sample pictures; empty: nowhere
	hosts     []string
	workers   int
	buffer    int
	size      int
	maxURLs   int
	maxBody   int64
	maxBytes  int64
	maxPixels int64
	timeout   time.Duration
	drain     time.Duration
}

// parseFlags returns the flags of args, or an error that says which is wrong. For -h it
// prints the flags to usage and returns flag.ErrHelp.
func parseFlags(args []string, usage io.Writer) (config, error) {
	var c config
	fs := c.flagSet()
	if err := cli.Parse(fs, args, usage, printUsage); err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q: there are only flags", fs.Arg(0))
	}
	if c.demo && len(cli.Given(fs)) > 1 {
		return c, errors.New("-demo: goes with no other flag")
	}
	return c, c.validate()
}

// defaults returns what holds where no flag says anything else.
func defaults() config {
	var c config
	c.flagSet()
	return c
}

// flagSet returns the flags, and sets c to their defaults.
//
// The default of -workers is small because of what a worker may need: see printUsage. The
// one of -buffer is more than that, since each request in flight may wait in the queue for
// as many workers as there are: one request alone must not fill it.
func (c *config) flagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("thumbnails", flag.ContinueOnError)
	fs.BoolVar(&c.demo, "demo", false, "show all of it with pictures and clients of its own, check that all is right, and end")
	fs.StringVar(&c.addr, "addr", "127.0.0.1:8080", "the `address` to listen on")
	fs.StringVar(&c.samples, "samples", "", "another `address`: serve sample pictures there, and allow its host")
	fs.Func("hosts", "`hosts` from which pictures may be fetched: example.org,example.net:8080", func(s string) error {
		c.hosts = append(c.hosts, strings.Split(s, ",")...)
		return nil
	})
	fs.IntVar(&c.workers, "workers", 4, "how many pictures are fetched and scaled at once")
	fs.IntVar(&c.buffer, "buffer", 16, "how many may wait for a worker before a new request is refused with 503")
	fs.IntVar(&c.size, "size", 160, "the longer side of a thumbnail, in pixels")
	fs.IntVar(&c.maxURLs, "max-urls", 50, "how many URLs a request may have")
	fs.Int64Var(&c.maxBody, "max-body", 64<<10, "how many bytes the body of a request may have")
	fs.Int64Var(&c.maxBytes, "max-bytes", 10<<20, "how many bytes a picture may have")
	fs.Int64Var(&c.maxPixels, "max-pixels", 16<<20, "how many pixels a picture may have")
	fs.DurationVar(&c.timeout, "timeout", 10*time.Second, "how long a picture may take, once it has begun")
	fs.DurationVar(&c.drain, "drain", 20*time.Second, "how long the requests in flight may take to finish after a signal")
	return fs
}

func printUsage(fs *flag.FlagSet) {
	cli.Printf(fs.Output(), "%s", `Usage: thumbnails -hosts=host,... [flags]
       thumbnails -samples=address [flags]
       thumbnails -demo

Serves thumbnails. POST a JSON array of URLs to /thumbnails, with the Content-Type
application/json, and a line of JSON comes for each picture as it is ready: its index in
the array and its url, and either the width, height, type and data (base64) of the
thumbnail, or the kind of what went wrong and an error that says more.

`)
	fs.PrintDefaults()
	cli.Printf(fs.Output(), "%s", `
A host of -hosts without a port stands for the usual one of http and of https. URLs that
strangers send are fetched from nowhere else, redirects neither. Allow only hosts that you
trust: where their names lead to is up to them.

A worker may need -max-bytes, and some 15 bytes for each of -max-pixels.

Where a picture has none, the kind is one of these:

`)
	for _, k := range kinds {
		cli.Printf(fs.Output(), "  %-17s%s\n", k.kind, k.meaning)
	}
	cli.Printf(fs.Output(), "%s", `
A request that is refused gets an object with a kind and an error too. With the status 503
it has a Retry-After: no worker and no place in the queue was free, or the server is
shutting down.

SIGTERM or Ctrl-C stops it: requests in flight finish, and it exits with 0. A second one,
or the end of -drain, cuts off what has not finished, and the exit status is 1. That is the
status too when it cannot listen, and when the demo finds something wrong. It is 2 for a
bad flag, and 130 after Ctrl-C in the demo.
`)
}

// validate returns one error for each flag that makes no sense, all joined.
func (c config) validate() error {
	errs := []error{
		between("workers", c.workers, 1, 1000),
		between("buffer", c.buffer, 0, 1_000_000),
		between("size", c.size, 1, 1024),
		between("max-urls", c.maxURLs, 1, 10_000),
		between("max-body", c.maxBody, 1, 100<<20),
		between("max-bytes", c.maxBytes, 1, 1<<30),
		between("max-pixels", c.maxPixels, 1, 1<<30),
		cli.Check(c.timeout > 0, "-timeout %v: must be positive", c.timeout),
		cli.Check(c.drain > 0, "-drain %v: must be positive", c.drain),
		cli.Check(c.demo || c.samples != "" || len(c.hosts) > 0,
			"-hosts: must name the hosts from which pictures may be fetched, unless there is -samples or -demo"),
	}
	for _, host := range c.hosts {
		_, err := newAllowList([]string{host})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func between[T int | int64](name string, n, least, most T) error {
	return cli.Check(n >= least && n <= most, "-%s %d: must be from %d to %d", name, n, least, most)
}
