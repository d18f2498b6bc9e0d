package main

import (
	"io"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// progress shows how far a crawl is: on a terminal in a line that is drawn again and
// again, elsewhere, as in a file, by a line every so often.
type progress struct {
	out   io.Writer
	live  bool // out is a terminal
	begin time.Time
}

// every is how often there is something new to show.
func (p progress) every() time.Duration {
	if p.live {
		return 100 * time.Millisecond
	}
	return 2 * time.Second
}

func (p progress) show(t *tally, found int) {
	before, after := "", "\n"
	if p.live {
		before, after = "\r", "\x1b[K" // clears what the last line had more
	}
	cli.Printf(p.out, "%s%d of %d found pages, %d broken, %d failed, %s, %s%s", before,
		t.finished(), found, len(t.broken), len(t.failed), size(t.total.bytes), cli.Seconds(time.Since(p.begin)), after)
}

// finish shows where it ended.
func (p progress) finish(t *tally, found int) {
	p.show(t, found)
	if p.live {
		cli.Printf(p.out, "\n")
	}
}
