package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

func TestMain(m *testing.M) {
	for _, name := range []string{"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"} {
		_ = os.Unsetenv(name) // names that do not exist must not be asked of a proxy
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		binary.Remove()
		os.Exit(status)
	}))
}

// outcome is what a run of the program has come to.
type outcome struct {
	status  int
	records []record
	errs    string
}

// runOn runs the program on an input, with a context that nobody ends.
func runOn(t *testing.T, input string, args ...string) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), args, strings.NewReader(input), &out, &errs)
	return outcome{status, decode(t, out.String()), errs.String()}
}

// lastLine is the last line of standard error. Before it there may be progress.
func lastLine(errs string) string {
	lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
	return lines[len(lines)-1]
}

// decode returns the records that out has, a line each and nothing else.
func decode(t *testing.T, out string) []record {
	t.Helper()
	var records []record
	for text := range strings.Lines(out) {
		records = append(records, decodeLine(t, text))
	}
	return records
}

func decodeLine(t *testing.T, text string) (r record) {
	t.Helper()
	assert.True(t, strings.HasSuffix(text, "}\n"), "%q is a whole line", text)
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r), text)
	return r
}

// lineNumbers are those of the records, sorted.
func lineNumbers(records []record) []int {
	numbers := []int{}
	for _, r := range records {
		numbers = append(numbers, r.Line)
	}
	slices.Sort(numbers)
	return numbers
}

// upTo returns the numbers 1 to n.
func upTo(n int) []int {
	numbers := []int{}
	for i := range n {
		numbers = append(numbers, i+1)
	}
	return numbers
}

// byKind counts the records of each kind.
func byKind(records []record) map[kind]int {
	n := make(map[kind]int)
	for _, r := range records {
		n[r.Kind]++
	}
	return n
}

func TestRun_FetchesWhatTheFileNames(t *testing.T) {
	url := served(hello)(t)
	file := filepath.Join(t.TempDir(), "urls.txt")
	require.NoError(t, os.WriteFile(file, []byte("# two\n\n"+url+"/a?x=1&y=2\n  "+url+"/b\t"), 0o600))
	got := runOn(t, "not a URL, and not read", file)
	assert.Zero(t, got.status)
	assert.Equal(t, []int{3, 4}, lineNumbers(got.records))
	for _, r := range got.records {
		assert.Equal(t, 200, r.Status)
		assert.EqualValues(t, 5, r.Bytes)
		assert.Empty(t, r.Kind)
		assert.Empty(t, r.Error)
		assert.Equal(t, map[int]string{3: url + "/a?x=1&y=2", 4: url + "/b"}[r.Line], r.URL)
	}
	assert.Regexp(t, `^fetch: 2 ok, 0 failed, \S+$`, lastLine(got.errs))
	assert.NotContains(t, got.errs, "\r")
}

func TestRun_PrintsURLsAsTheyAre(t *testing.T) {
	var out bytes.Buffer
	run(t.Context(), []string{"-"}, strings.NewReader("nowhere?a=1&b=<2>"), &out, io.Discard)
	assert.Equal(t, `{"url":"nowhere?a=1&b=<2>","line":1,"bytes":0,"ms":0,"kind":"bad-url","error":"does not begin with http:// or https://"}`+"\n", out.String())
}

func TestRun_NothingToDo(t *testing.T) {
	got := runOn(t, "# nothing\n\n")
	assert.Zero(t, got.status)
	assert.Empty(t, got.records)
	assert.Contains(t, got.errs, "fetch: 0 ok, 0 failed, ")
}

func TestRun_SomeFailed(t *testing.T) {
	got := runOn(t, served(hello)(t)+"\nnowhere\n")
	assert.Equal(t, exitFailed, got.status)
	assert.Equal(t, map[kind]int{"": 1, kindBadURL: 1}, byKind(got.records))
	assert.Contains(t, got.errs, "fetch: 1 ok, 1 failed, ")
}

func TestRun_FilesThatCannotBeRead(t *testing.T) {
	got := runOn(t, "", filepath.Join(t.TempDir(), "nosuch"))
	assert.Equal(t, cli.ExitUsage, got.status)
	assert.Contains(t, got.errs, "fetch: open ")
	got = runOn(t, "", t.TempDir())
	assert.Equal(t, exitFailed, got.status)
	assert.Contains(t, got.errs, "fetch: read ")
}

func TestRun_InputThatBreaksOff(t *testing.T) {
	url := served(hello)(t)
	broken := io.MultiReader(strings.NewReader(url+"\n"+url+"/hal"), iotest.ErrReader(errors.New("the disk is gone")))
	var out, errs bytes.Buffer
	status := run(t.Context(), nil, broken, &out, &errs)
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errs.String(), "fetch: the disk is gone\n")
	records := decode(t, out.String())
	assert.Equal(t, []int{1, 2}, lineNumbers(records))
	assert.Equal(t, map[kind]int{"": 1, kindBadURL: 1}, byKind(records), "half a URL is not fetched")
}

func TestRun_Flags(t *testing.T) {
	tests := map[string]string{
		"-workers=0":               "-workers 0: must be from 1 to 10000",
		"-workers=10001":           "-workers 10001: must be from 1 to 10000",
		"-workers=many":            `invalid value "many" for flag -workers`,
		"-timeout=0s":              "-timeout 0s: must be positive",
		"-max-bytes=0":             "-max-bytes 0: must be at least 1",
		"-unknown":                 "flag provided but not defined: -unknown",
		"file -workers=3":          `unexpected argument "-workers=3": flags come first, then one file`,
		"-workers=0 -max-bytes=-1": "fetch: -workers 0: must be from 1 to 10000\nfetch: -max-bytes -1: must be at least 1\n",
	}
	for args, want := range tests {
		t.Run(args, func(t *testing.T) {
			got := runOn(t, "nowhere", strings.Fields(args)...)
			assert.Equal(t, cli.ExitUsage, got.status)
			assert.Empty(t, got.records)
			assert.Contains(t, got.errs, want)
			assert.Contains(t, got.errs, "fetch -h lists the flags.")
		})
	}
}

func TestRun_Help(t *testing.T) {
	var out, errs bytes.Buffer
	assert.Zero(t, run(context.Background(), []string{"-h"}, nil, &out, &errs))
	assert.Empty(t, errs.String())
	for _, name := range []string{"-workers", "-timeout", "-max-bytes", "bad-url", "not-run"} {
		assert.Contains(t, out.String(), "  "+name+" ")
	}
}
