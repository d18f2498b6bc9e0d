package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// printf prints to w. A write that fails is no reason to end: what is printed so is
// for a reader who may have left.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

// maxText is as much of a text from elsewhere as fits a line that people read.
const maxText = 200

// short returns s, cut if it is too long.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return s[:maxText] + "…"
}

// isTerminal reports whether v is a terminal on which a line can be drawn again.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// columns returns how wide the terminal v is.
func columns(v any) int {
	if f, ok := v.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 80
}
