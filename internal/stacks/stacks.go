// Package stacks finds what goroutines are doing.
package stacks

import (
	"bytes"
	"runtime"
	"strconv"
)

// Of returns the stacks of those goroutines with the given numbers that there are, as a
// stack dump gives them. It stops the program for as long as the dump of all takes.
func Of(numbers ...uint64) map[uint64]string {
	if len(numbers) == 0 {
		return nil
	}
	found := make(map[uint64]string, len(numbers))
	for _, n := range numbers {
		found[n] = ""
	}
	for stack := range bytes.SplitSeq(all(), []byte("\n\n")) {
		n, ok := number(stack)
		if _, wanted := found[n]; ok && wanted {
			found[n] = string(bytes.TrimSpace(stack))
		}
	}
	for n, stack := range found {
		if stack == "" {
			delete(found, n)
		}
	}
	return found
}

// all is a dump of all goroutines, or as much of it as fits in 64 MiB.
func all() []byte {
	for size := 1 << 16; ; size *= 4 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size || size >= 64<<20 {
			return buf[:n]
		}
	}
}

// number returns that of the goroutine whose stack it is.
func number(stack []byte) (uint64, bool) {
	text, found := bytes.CutPrefix(stack, []byte("goroutine "))
	text, _, _ = bytes.Cut(text, []byte(" "))
	n, err := strconv.ParseUint(string(text), 10, 64)
	return n, found && err == nil
}
