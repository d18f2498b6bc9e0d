package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// maxWorkers is far more than a network likes, and as many open files as many a
// system allows.
const maxWorkers = 10000

// config is what the command line says.
type config struct {
	workers  int
	timeout  time.Duration
	maxBytes int64
	file     string // "-" for standard input
}

// parseFlags returns what args say, or an error that says what is wrong. For -h it
// prints the flags to usage and returns flag.ErrHelp.
func parseFlags(args []string, usage io.Writer) (config, error) {
	c := config{file: "-"}
	fs := c.flagSet()
	if err := cli.Parse(fs, args, usage, printUsage); err != nil {
		return c, err
	}
	switch fs.NArg() {
	case 0:
	case 1:
		c.file = fs.Arg(0)
	default:
		return c, fmt.Errorf("unexpected argument %q: flags come first, then one file", fs.Arg(1))
	}
	return c, c.validate()
}

func (c *config) flagSet() *flag.FlagSet {
	fs := flag.NewFlagSet("fetch", flag.ContinueOnError)
	fs.IntVar(&c.workers, "workers", 16, "how many URLs are fetched at once")
	fs.DurationVar(&c.timeout, "timeout", 30*time.Second, "how long each may take, to the last byte of its body")
	fs.Int64Var(&c.maxBytes, "max-bytes", 100<<20, "how many bytes a body may have")
	return fs
}

func printUsage(fs *flag.FlagSet) {
	cli.Printf(fs.Output(), "%s", `Usage: fetch [flags] [file]

Fetches the URLs in the file, or on standard input if there is none or it is -. Each
has a line of its own; blank lines and those that begin with # are skipped.

`)
	fs.PrintDefaults()
	cli.Printf(fs.Output(), "%s", `
As each is done, a line of JSON says how it went: its url and line, the status, the
bytes of the body and the ms it took, and if it was not fetched, an error and its kind:

`)
	for _, k := range kinds {
		cli.Printf(fs.Output(), "  %-13s%s\n", k.kind, k.meaning)
	}
	cli.Printf(fs.Output(), "%s", `
Ctrl-C stops it. Lines that it has read and not fetched by then are listed too; those
after them were not fetched. A second Ctrl-C ends it at once.

The exit status is 0 when every URL was fetched, 1 when some were not or the input
could not be read to its end, 2 for a bad flag or a file that cannot be opened, 130
after Ctrl-C and 143 after SIGTERM.
`)
}

// validate returns one error for each flag that makes no sense, all joined.
func (c config) validate() error {
	return errors.Join(
		cli.Check(c.workers >= 1 && c.workers <= maxWorkers, "-workers %d: must be from 1 to %d", c.workers, maxWorkers),
		cli.Check(c.timeout > 0, "-timeout %v: must be positive", c.timeout),
		cli.Check(c.maxBytes >= 1, "-max-bytes %d: must be at least 1", c.maxBytes),
	)
}
