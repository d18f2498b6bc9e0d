package main

import (
	"os"

	"golang.org/x/term"
)

// columns returns how wide the terminal v is.
func columns(v any) int {
	if f, ok := v.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 80
}
