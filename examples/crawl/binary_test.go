package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var binaryDir string

// binary builds the program, once, and returns its path.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "crawl")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "crawl.exe") // a name that is good everywhere
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

func removeBinary() {
	if binaryDir != "" {
		_ = os.RemoveAll(binaryDir)
	}
}

// startBinary starts the built program. wait waits for its end and returns the exit
// status.
func startBinary(t *testing.T, args ...string) (process *os.Process, wait func() (status int, stdout, stderr string)) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Start())
	return cmd.Process, func() (int, string, string) {
		_ = cmd.Wait() // its error says no more than the status
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	}
}

func TestBinary_RunsToItsEnd(t *testing.T) {
	_, wait := startBinary(t, "-pages=100", "-latency=0s", "-max-body=20000")
	status, out, errs := wait()
	assert.Zero(t, status)
	assert.Contains(t, out, "The site has counted, and agrees")
	assert.Contains(t, errs, " found pages, ")
	assert.NotContains(t, errs, "\x1b")
}

func TestBinary_BadFlag(t *testing.T) {
	_, wait := startBinary(t, "-workers=0")
	status, out, errs := wait()
	assert.Equal(t, 2, status)
	assert.Empty(t, out)
	assert.Equal(t, "crawl: -workers 0: must be from 1 to 10000\ncrawl -h lists the flags.\n", errs)
}

// Two pages are on their way at the interrupt, and two more are known.
func TestBinary_CtrlC(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt on Windows")
	}
	arrived := make(chan struct{}, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			http.NotFound(w, r)
		case "/":
			_, _ = fmt.Fprint(w, `<!DOCTYPE html><a href=1>1</a><a href=2>2</a><a href=3>3</a><a href=4>4</a>`)
		default:
			arrived <- struct{}{}
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	process, wait := startBinary(t, "-workers=2", "-buffer=1", "-delay=0s", server.URL)
	<-arrived
	<-arrived
	require.NoError(t, process.Signal(os.Interrupt))
	status, out, errs := wait()
	assert.Equal(t, 130, status)
	assert.Contains(t, out, "Interrupted: of the 5 pages found, 4 were not fetched.")
	assert.Equal(t, "5", figures(out)["pages found"], out)
	assert.Equal(t, "1", figures(out)["fetched"])
	assert.Equal(t, "0", figures(out)["failed"])
	assert.Contains(t, errs, "1 of 5 found pages, 0 broken, 0 failed, ")
}
