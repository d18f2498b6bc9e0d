package main

import (
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// screen is where the program shows how far it is.
type screen struct {
	out  io.Writer
	live bool // out is a terminal, where a line can be drawn again and again
}

// progress shows how far a run is.
type progress interface {
	increment() // one more result
	finish()    // no more results; everything is on the screen when it returns
}

// progress begins to show a run with so many results to come. counts is asked again
// and again.
func (s screen) progress(name string, total int, counts func() counts) progress {
	if s.live {
		return newBar(s.out, name, total, counts)
	}
	return newLines(s.out, name, total, counts, 2*time.Second)
}

// bar is the progress on a terminal.
type bar struct {
	container *mpb.Progress
	bar       *mpb.Bar
}

func newBar(out io.Writer, name string, total int, counts func() counts) *bar {
	p := mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh())
	return &bar{p, p.AddBar(int64(total),
		mpb.PrependDecorators(
			decor.Name(name, decor.WC{W: len(nameNaive) + 1, C: decor.DindentRight}),
			decor.CountersNoUnit("%d/%d", decor.WC{W: len("100/100")}),
		),
		mpb.AppendDecorators(
			decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: len("100s")}),
			decor.Any(func(decor.Statistics) string { return ", " + counts().String() }, decor.WC{W: len(", 1000 sent, 1000 rejected"), C: decor.DindentRight}),
		),
	)}
}

func (b *bar) increment() { b.bar.Increment() }

func (b *bar) finish() {
	// The ^C that a terminal echoes moves the cursor off the first column, where the last
	// drawing has to begin.
	_, _ = b.container.Write([]byte("\r"))
	b.bar.Abort(false) // does nothing to a bar that is complete
	b.container.Wait()
}

// lines is the progress where lines can only be added, as in a file: one every so
// often.
type lines struct {
	out    io.Writer
	name   string
	total  int
	counts func() counts
	start  time.Time

	mu   sync.Mutex
	done int

	stop func()
}

func newLines(out io.Writer, name string, total int, counts func() counts, every time.Duration) *lines {
	l := &lines{out: out, name: name, total: total, counts: counts, start: time.Now()}
	l.stop = cli.Every(every, l.print)
	return l
}

func (l *lines) increment() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
}

func (l *lines) finish() {
	l.stop()
	l.print() // the last line tells where it ended
}

func (l *lines) print() {
	l.mu.Lock()
	done := l.done
	l.mu.Unlock()
	cli.Printf(l.out, "%-*s %4d/%d %8s, %v\n", len(nameNaive), l.name, done, l.total, cli.Seconds(time.Since(l.start)), l.counts())
}
