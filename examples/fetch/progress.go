package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// progress tells how far the pool is: on a terminal in a line that it draws again and
// again, elsewhere in a new line every so often.
type progress struct {
	out     io.Writer
	columns func() int // of the terminal; nil if out is none
	every   time.Duration

	stats func() workerpool.Stats
	start time.Time
	stop  func()

	mu   sync.Mutex       // guards the terminal, and what follows
	told workerpool.Stats // by the last line where lines can only be added
}

// newProgress tells on stderr, and does not draw where somebody types the input.
func newProgress(stderr io.Writer, in *input) *progress {
	if cli.IsTerminal(stderr) && !cli.IsTerminal(in.from) {
		return &progress{out: stderr, every: 100 * time.Millisecond, columns: func() int { return columns(stderr) }}
	}
	return &progress{out: stderr, every: 2 * time.Second}
}

func (p *progress) live() bool { return p.columns != nil }

// begin begins to tell what stats returns.
func (p *progress) begin(stats func() workerpool.Stats) {
	p.stats, p.start = stats, time.Now()
	p.told = stats()
	p.stop = cli.Every(p.every, p.tell)
}

// end tells where it ended.
func (p *progress) end() {
	p.stop()
	p.clear()
	cli.Printf(p.out, "%s\n", p.text(p.stats()))
}

// tell tells how far it is. Where lines can only be added, it says nothing while
// nothing happens: an input may be idle for days.
func (p *progress) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live() {
		p.draw()
		return
	}
	if s := p.stats(); s != p.told {
		p.told = s
		cli.Printf(p.out, "%s\n", p.text(s))
	}
}

// draw draws the line, and leaves the cursor at its beginning.
func (p *progress) draw() { p.overwrite(p.text(p.stats())) }

// clear erases the line, and leaves the cursor at its beginning.
func (p *progress) clear() {
	if p.live() {
		p.overwrite("")
	}
}

// overwrite puts text over all that is on the line, be it a ^C. Blanks erase it, which
// every terminal knows, and not an escape sequence. The last column stays free: there
// some terminals go on to the next line.
func (p *progress) overwrite(text string) {
	width := max(0, p.columns()-1)
	cli.Printf(p.out, "\r%-*.*s\r", width, width, text)
}

func (p *progress) text(s workerpool.Stats) string {
	var t strings.Builder
	fmt.Fprintf(&t, "fetch: %d ok, %d failed", s.Completed-s.Failed, s.Failed)
	if s.Busy+s.Queued > 0 {
		fmt.Fprintf(&t, ", %d running, %d waiting", s.Busy, s.Queued)
	}
	if n := s.NotRun + s.Rejected; n > 0 { // given up in the queue, and refused after that
		fmt.Fprintf(&t, ", %d not run", n)
	}
	fmt.Fprintf(&t, ", %v", time.Since(p.start).Round(100*time.Millisecond))
	return t.String()
}

// above writes to the terminal on which p draws, and keeps what p draws below it.
type above struct {
	p  *progress
	to io.Writer
}

func (a above) Write(b []byte) (int, error) {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	a.p.clear()
	defer a.p.draw()
	return a.to.Write(b)
}
