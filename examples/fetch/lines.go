package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// maxLine is how long a line may be, and how much of the input is in memory.
const maxLine = 64 << 10

// line is a line of the input, the job of the pool.
type line struct {
	number int // the first is 1; those that are skipped count
	url    string
	cut    string // why url is only its beginning; empty if it is all of it
}

// lineReader splits the input into lines. A bufio.Scanner gives up at a line that is
// too long.
type lineReader struct {
	in     *bufio.Reader
	number int
	inLong bool  // what comes next is the rest of a line that was too long
	err    error // why there is no more
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(in, maxLine)}
}

// next returns the next line that is not to be skipped. At the end of the input, which
// may be in the middle of a line, it returns that line, and from then on the error.
func (r *lineReader) next() (line, error) {
	for r.err == nil {
		text, err := r.in.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		if !tooLong {
			r.err = err
		}
		rest := r.inLong
		r.inLong = tooLong
		if rest {
			continue
		}
		r.number++
		l := line{number: r.number, url: trim(text, r.number == 1)}
		switch {
		case strings.HasPrefix(l.url, "#"), l.url == "" && !tooLong:
			continue
		case tooLong:
			l.cutOff(fmt.Sprintf("the line is longer than %d bytes", maxLine))
		case err != nil && !errors.Is(err, io.EOF):
			l.cutOff("the line was not read to its end")
		}
		return l, nil
	}
	return line{}, r.err
}

func trim(text []byte, first bool) string {
	if first {
		text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin a file with it
	}
	return string(bytes.TrimSpace(text))
}

// cutOff notes that url is not all of the line, and makes it show.
func (l *line) cutOff(why string) {
	l.url = l.url[:min(len(l.url), cli.MaxText)] + "…"
	l.cut = why
}
