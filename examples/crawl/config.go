package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// config is what the flags say.
type config struct {
	start    *url.URL // nil for our own site
	pages    int
	seed     uint64
	latency  time.Duration
	hosts    []string // that are crawled, beside the start's
	workers  int
	buffer   int
	nested   int
	perHost  int
	delay    time.Duration
	timeout  time.Duration
	maxPages int
	maxBody  int
}

// parseFlags returns the flags of args, or an error that says which is wrong. For
// -h it prints the flags to usage and returns flag.ErrHelp.
func parseFlags(args []string, usage io.Writer) (config, error) {
	var c config
	fs := c.flagSet()
	if err := cli.Parse(fs, args, usage, printUsage); err != nil {
		return c, err
	}
	given := cli.Given(fs)
	if fs.NArg() > 1 {
		return c, fmt.Errorf("unexpected argument %q: flags go before the URL, of which there is one", fs.Arg(1))
	}
	if fs.NArg() == 1 {
		var err error
		if c.start, err = parseStart(fs.Arg(0)); err != nil {
			return c, err
		}
	}
	c.fillIn(given)
	return c, c.validate(given)
}

func (c *config) flagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("crawl", flag.ContinueOnError)
	fs.IntVar(&c.pages, "pages", 3000, "how many pages our own site has, about")
	fs.Uint64Var(&c.seed, "seed", 1, "a `number` that decides which links our own site has")
	fs.DurationVar(&c.latency, "latency", 5*time.Millisecond, "how long our own site takes to answer")
	fs.Func("hosts", "`hosts` that are crawled beside that of the URL: example.org,example.net:8080", func(s string) error {
		c.hosts = append(c.hosts, strings.Split(s, ",")...)
		return nil
	})
	fs.IntVar(&c.workers, "workers", 0, "how many workers the pool has (default: -per-host for each host)")
	fs.IntVar(&c.buffer, "buffer", 64, "how many pages the queue of the pool has room for")
	fs.IntVar(&c.nested, "nested", 256, "how many jobs may be inside Submit at once; the links that others find are put off")
	fs.IntVar(&c.perHost, "per-host", 4, "how many requests a host gets at once")
	fs.DurationVar(&c.delay, "delay", 0, "the least time between the starts of two requests to a host (default 100ms with a URL, else 0s)")
	fs.DurationVar(&c.timeout, "timeout", 30*time.Second, "how long a job may take to fetch its page")
	fs.IntVar(&c.maxPages, "max-pages", 10_000, "how many pages may be found")
	fs.IntVar(&c.maxBody, "max-body", 1<<20, "how many bytes of a page are read")
	return fs
}

func printUsage(fs *flag.FlagSet) {
	cli.Printf(fs.Output(), "%s", `Usage: crawl [flags] [URL]

Crawls the site at the URL, or one of its own, with a pool whose jobs submit jobs:
each fetches a page and submits the links that it finds there.

`)
	fs.PrintDefaults()
}

// fillIn sets what was not given to what fits the rest.
func (c *config) fillIn(given map[string]bool) {
	if !given["workers"] {
		c.workers = c.perHost * (1 + len(c.hosts)) // no more of them would have something to do
	}
	if !given["delay"] && c.start != nil {
		c.delay = 100 * time.Millisecond // other people's hosts
	}
}

// parseStart returns the URL of the start in its normal form.
func parseStart(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("URL %q: must be like https://host/path: %w", s, errors.Unwrap(err))
	}
	n, ok := normalise(u.ResolveReference(&url.URL{}))
	if !ok {
		return nil, fmt.Errorf("URL %q: must be like https://host/path", s)
	}
	if u.User != nil {
		return nil, fmt.Errorf("URL %q: must have no user", u.Redacted())
	}
	if len(n.String()) > maxURL {
		return nil, fmt.Errorf("URL %.20q...: must be at most %d bytes, it has %d", s, maxURL, len(n.String()))
	}
	return n, nil
}

// validate returns one error for each flag that makes no sense, all joined.
func (c config) validate(given map[string]bool) error {
	errs := []error{
		between("pages", c.pages, 1, 1_000_000),
		between("per-host", c.perHost, 1, 1000),
		between("buffer", c.buffer, 0, 1_000_000),
		between("nested", c.nested, 0, 1_000_000),
		between("max-pages", c.maxPages, 1, 10_000_000),
		between("max-body", c.maxBody, 1, 1<<30),
		cli.Check(c.latency >= 0, "-latency %v: must not be negative", c.latency),
		cli.Check(c.delay >= 0, "-delay %v: must not be negative", c.delay),
		cli.Check(c.timeout > 0, "-timeout %v: must be positive", c.timeout),
	}
	if given["workers"] || errors.Join(errs...) == nil {
		errs = append(errs, between("workers", c.workers, 1, 10_000))
	}
	if errors.Join(errs...) == nil {
		// Else the jobs of a slow crawl would use up their time waiting for their turn.
		errs = append(errs, cli.Check(c.delay < c.timeout/time.Duration(c.workers),
			"-timeout %v: must be more than the %v that the last of %s waits for its turn, by -delay %v",
			c.timeout, time.Duration(c.workers)*c.delay, cli.Plural(c.workers, "worker"), c.delay))
	}
	for _, name := range []string{"pages", "seed", "latency"} {
		errs = append(errs, cli.Check(c.start == nil || !given[name], "-%s: is only for our own site, not with a URL", name))
	}
	errs = append(errs, cli.Check(c.start != nil || !given["hosts"], "-hosts: is only for a site with a URL"))
	for _, host := range c.hosts {
		errs = append(errs, cli.Check(isHost(host), "-hosts %q: must be like example.org or example.org:8080", host))
	}
	return errors.Join(errs...)
}

func between(name string, n, least, most int) error {
	return cli.Check(n >= least && n <= most, "-%s %d: must be from %d to %d", name, n, least, most)
}

func isHost(s string) bool {
	u, err := url.Parse("http://" + s)
	return err == nil && u.Host == s && u.Hostname() != ""
}
