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
	requests int
	limit    int
	latency  time.Duration
	workers  int
	url      string // of somebody else's API; empty for our own
	mode     string
	retry    retryPolicy
	timeout  time.Duration
}

// The values of -mode.
const (
	modeAll   = "all"
	modeNaive = "naive"
	modePool  = "pool"
	modeGated = "gated"
	modeTuned = "tuned"
)

// parseFlags returns the flags of args, or an error that says which is wrong. For
// -h it prints the flags to usage and returns flag.ErrHelp.
func parseFlags(args []string, usage io.Writer) (config, error) {
	var c config
	fs := c.flagSet()
	if err := cli.Parse(fs, args, usage, printUsage); err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	given := cli.Given(fs)
	if !given["workers"] {
		c.workers = c.limit
	}
	if !given["mode"] && c.url != "" {
		c.mode = modePool // nobody wants the other way by accident on a real API
	}
	return c, c.validate(given)
}

func (c *config) flagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("burst", flag.ContinueOnError)
	fs.IntVar(&c.requests, "requests", 100, "how many requests the burst has")
	fs.IntVar(&c.limit, "limit", 20, "how many requests the API serves at once; it rejects more with 429")
	fs.DurationVar(&c.latency, "latency", 2*time.Second, "how long the API takes to answer")
	fs.IntVar(&c.workers, "workers", 0, "how many workers the pool has (default: the limit)")
	fs.StringVar(&c.url, "url", "", "send the requests to this `URL` instead of our own API; {id} in it becomes the number of the request")
	fs.StringVar(&c.mode, "mode", modeAll, "which runs: "+modes()+"; with -url it is pool unless you say otherwise")
	fs.DurationVar(&c.retry.first, "delay", 500*time.Millisecond, "how long a caller waits after its first 429; then twice as long each time")
	fs.DurationVar(&c.retry.most, "max-delay", 8*time.Second, "how long it waits at most; as much as -delay makes all waits equal")
	fs.IntVar(&c.retry.attempts, "attempts", 20, "how often a request is sent before its caller gives up")
	fs.DurationVar(&c.timeout, "timeout", 30*time.Second, "how long each attempt may take")
	return fs
}

func printUsage(fs *flag.FlagSet) {
	cli.Printf(fs.Output(), "%s", `Usage: burst [flags]

Sends a burst of requests to an API with a limit, with a goroutine for each
request and through pools, one of which is not told the limit, and compares them.

`)
	fs.PrintDefaults()
}

// validate returns one error for each flag that makes no sense, all joined.
func (c config) validate(given map[string]bool) error {
	return errors.Join(
		cli.Check(c.requests >= 1, "-requests %d: must be at least 1", c.requests),
		cli.Check(c.limit >= 1, "-limit %d: must be at least 1", c.limit),
		cli.Check(c.latency >= 0, "-latency %v: must not be negative", c.latency),
		cli.Check(c.workers >= 1 || c.limit < 1 && !given["workers"], "-workers %d: must be at least 1", c.workers),
		cli.Check(c.retry.first > 0, "-delay %v: must be positive", c.retry.first),
		cli.Check(c.retry.most >= c.retry.first, "-max-delay %v: must be at least -delay, which is %v", c.retry.most, c.retry.first),
		cli.Check(c.retry.attempts >= 1, "-attempts %d: must be at least 1", c.retry.attempts),
		cli.Check(c.timeout > 0, "-timeout %v: must be positive", c.timeout),
		cli.Check(c.url != "" || c.timeout > c.latency, "-timeout %v: must be more than -latency, which is %v", c.timeout, c.latency),
		cli.Check(len(c.ways()) > 0, "-mode %q: must be %s", c.mode, modes()),
		cli.Check(!given["url"] || isHTTP(c.url), "-url %q: must be like https://host/path", c.url),
		cli.Check(!given["url"] || !given["latency"], "-latency: is only for our own API, not with -url"),
		cli.Check(!given["url"] || !given["limit"], "-limit: is only for our own API, not with -url; see -workers"),
	)
}

// modes are the values of -mode, for people.
func modes() string {
	all := []string{modeAll}
	for _, w := range (config{}).allWays() {
		all = append(all, w.mode)
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

func isHTTP(s string) bool {
	u, err := url.Parse(strings.ReplaceAll(s, idMark, "1"))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// intro says what is going to happen.
func (c config) intro() string {
	var s strings.Builder
	if c.url == "" {
		fmt.Fprintf(&s, "The API takes %v, serves %d requests at once and rejects more with 429.\n", c.latency, c.limit)
	} else {
		fmt.Fprintf(&s, "The API is %s.\n", c.url)
	}
	fmt.Fprintf(&s, "The burst has %s.\n", cli.Plural(c.requests, "request"))
	for _, w := range c.ways() {
		fmt.Fprintf(&s, "  %s: %s\n", w.name, w.has)
	}
	fmt.Fprintf(&s, "What is rejected is sent again after %v, then after twice as long, up to %v.\n", c.retry.first, c.retry.most)
	if c.url != "" && c.mode != modePool {
		s.WriteString("NOTE: to send all requests at once is impolite to an API. Do it only to one that you may load.\n")
	}
	return s.String()
}
