// Package cli has what the example programs print with.
package cli

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Printf prints to w. A write that fails, to a pipe that was closed for instance, is
// no reason to end a program: the exit status still tells how it went.
func Printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

// Complain prints err, which may be several joined ones, a line each that begins with
// the name of the program.
func Complain(stderr io.Writer, program string, err error) {
	before := program + ": "
	Printf(stderr, "%s%s\n", before, strings.ReplaceAll(err.Error(), "\n", "\n"+before))
}

// Every calls f after every d, until stop is called, which waits for the last call.
func Every(d time.Duration, f func()) (stop func()) {
	over := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				f()
			case <-over:
				return
			}
		}
	})
	return func() {
		close(over)
		running.Wait()
	}
}

// Plural says how many of what there are.
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Seconds says how long d is, as people say it.
func Seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", 1000*d.Seconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// IsTerminal reports whether v is a terminal on which a line can be drawn again.
func IsTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// MaxText is as much of a text from elsewhere as fits a line that people read.
const MaxText = 200

// Short returns s, cut if it is too long, but not in the middle of a character.
func Short(s string) string {
	if len(s) <= MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:MaxText], "") + "…"
}

// WithoutURL returns err, if it is one of package http, without the URL in front, which is
// printed anyway.
func WithoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
