package main

import (
	"fmt"
	"io"
	"time"
)

// printf prints to w. A write that fails, to a pipe that was closed for instance, is
// no reason to end a run: the exit status still tells how it went.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", 1000*d.Seconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// times says how many times b makes a, such that "long as" or "many as" may follow.
func times(a, b float64) string {
	switch ratio := a / b; {
	case a == b:
		return "as"
	case ratio < 0.95:
		return fmt.Sprintf("%.2g times as", ratio)
	case ratio < 1.05:
		return "about as"
	default:
		return fmt.Sprintf("%.1f times as", ratio)
	}
}
