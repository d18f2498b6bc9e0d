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
	dir, err := os.MkdirTemp("", "burst")
	if err != nil {
		return "", err
	}
	binaryDir = dir
	path := filepath.Join(dir, "burst.exe") // a name that is good everywhere
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

// start starts the built program. wait waits for its end and returns the exit status.
func start(t *testing.T, args ...string) (process *os.Process, wait func() (status int, stdout, stderr string)) {
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
	_, wait := start(t, small...)
	status, out, errs := wait()
	assert.Zero(t, status)
	assert.Empty(t, errs)
	assert.Equal(t, []string{"20 / 20", "20 / 20"}, figures(t, out)["results right / expected"], out)
	assert.NotContains(t, out, "\x1b")
	assert.NotContains(t, out, "\r")
}

func TestBinary_BadFlag(t *testing.T) {
	_, wait := start(t, "-workers=0")
	status, out, errs := wait()
	assert.Equal(t, 2, status)
	assert.Empty(t, out)
	assert.Equal(t, "burst: -workers 0: must be at least 1\nburst -h lists the flags.\n", errs)
}

func TestBinary_CtrlC(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt on Windows")
	}
	for _, mode := range []string{modeNaive, modePool} {
		t.Run(mode, func(t *testing.T) {
			arrived := make(chan struct{}, 9)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				<-r.Context().Done()
			}))
			defer server.Close()
			process, wait := start(t, "-url", server.URL, "-mode", mode, "-requests=9", "-workers=2")
			<-arrived
			require.NoError(t, process.Signal(os.Interrupt))
			status, out, errs := wait()
			assert.Equal(t, 130, status)
			assert.Empty(t, errs)
			assert.Equal(t, []string{"0 / 9"}, figures(t, out)["results with a status of 2xx / expected"], out)
			assert.Contains(t, out, "Interrupted: this is how far it came.")
		})
	}
}
