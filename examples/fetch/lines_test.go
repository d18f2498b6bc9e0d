package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/boundedgo/workerpool/examples/internal/cli"

	"github.com/stretchr/testify/assert"
)

// readLines returns all lines of in, and the error after them, which stays.
func readLines(t *testing.T, in io.Reader) (lines []line, err error) {
	t.Helper()
	r := newLineReader(in)
	for {
		l, err := r.next()
		if err != nil {
			_, again := r.next()
			assert.Equal(t, err, again)
			return lines, err
		}
		lines = append(lines, l)
	}
}

func TestLineReader(t *testing.T) {
	const tooLong = "the line is longer than 65536 bytes"
	long := strings.Repeat("x", maxLine)
	shown := long[:cli.MaxText] + "…"
	tests := map[string]struct {
		input string
		want  []line
	}{
		"nothing":              {"", nil},
		"only what is skipped": {"\n \t\n# comment\n  # comment", nil},
		"numbers":              {"a\n\n#\nb\n", []line{{number: 1, url: "a"}, {number: 4, url: "b"}}},
		"no newline at end":    {"a\nb", []line{{number: 1, url: "a"}, {number: 2, url: "b"}}},
		"of Windows":           {"\ufeffa\r\n\r\nb\r\n", []line{{number: 1, url: "a"}, {number: 3, url: "b"}}},
		"# is no comment here": {"a#b", []line{{number: 1, url: "a#b"}}},
		"just fits":            {long[1:] + "\nb", []line{{number: 1, url: long[1:]}, {number: 2, url: "b"}}},
		"too long":             {long + "\nb", []line{{1, shown, tooLong}, {number: 2, url: "b"}}},
		"far too long":         {long + long + long + "x\nb", []line{{1, shown, tooLong}, {number: 2, url: "b"}}},
		"too long, the last":   {long + long, []line{{1, shown, tooLong}}},
		"a long comment":       {"#" + long + "\nb", []line{{number: 2, url: "b"}}},
		"long and blank":       {strings.Repeat(" ", maxLine) + "a\nb", []line{{1, "…", tooLong}, {number: 2, url: "b"}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for how, in := range map[string]io.Reader{
				"at once":      strings.NewReader(tt.input),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.input)),
				"with its end": iotest.DataErrReader(strings.NewReader(tt.input)),
			} {
				lines, err := readLines(t, in)
				assert.Equal(t, io.EOF, err, how)
				assert.Equal(t, tt.want, lines, how)
			}
		})
	}
}

func TestLineReader_Breaks(t *testing.T) {
	gone := errors.New("gone")
	lines, err := readLines(t, io.MultiReader(strings.NewReader("a\nhttp://b"), iotest.ErrReader(gone)))
	assert.Equal(t, gone, err)
	assert.Equal(t, []line{{number: 1, url: "a"}, {2, "http://b…", "the line was not read to its end"}}, lines)
}

// On a terminal an input may go on after its end.
func TestLineReader_ReadsNothingAfterTheEnd(t *testing.T) {
	in := &typed{"a", "", "b"}
	lines, err := readLines(t, in)
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, []line{{number: 1, url: "a"}}, lines)
	assert.Len(t, *in, 1)
}

// typed is what comes by each read, where nothing stands for an end.
type typed []string

func (in *typed) Read(p []byte) (int, error) {
	text := (*in)[0]
	*in = (*in)[1:]
	if text == "" {
		return 0, io.EOF
	}
	return copy(p, text), nil
}

func TestLineReader_ATooLongLineIsReportedBeforeItEnds(t *testing.T) {
	in, feed := io.Pipe()
	defer func() { _ = in.Close() }()
	go func() { _, _ = feed.Write(make([]byte, maxLine)) }()
	l, err := newLineReader(in).next()
	assert.NoError(t, err)
	assert.NotEmpty(t, l.cut)
}
