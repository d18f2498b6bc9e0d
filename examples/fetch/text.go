package main

import (
	"os"

	"golang.org/x/term"
)

// maxText is as much of a text from elsewhere as fits a line that people read.
const maxText = 200

// short returns s, cut if it is too long.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	return s[:maxText] + "…"
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
