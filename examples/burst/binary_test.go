package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/examples/internal/built"
)

var binary built.Program

func TestBinary_RunsToItsEnd(t *testing.T) {
	_, wait := binary.Start(t, small...)
	status, out, errs := wait()
	assert.Zero(t, status)
	assert.Empty(t, errs)
	assert.Equal(t, []string{"20 / 20", "20 / 20", "20 / 20", "20 / 20"}, figures(t, out)["results right / expected"], out)
	assert.NotContains(t, out, "\x1b")
	assert.NotContains(t, out, "\r")
}

func TestBinary_BadFlag(t *testing.T) {
	_, wait := binary.Start(t, "-workers=0")
	status, out, errs := wait()
	assert.Equal(t, 2, status)
	assert.Empty(t, out)
	assert.Equal(t, "burst: -workers 0: must be at least 1\nburst -h lists the flags.\n", errs)
}

func TestBinary_CtrlC(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt on Windows")
	}
	for _, mode := range []string{modeNaive, modePool, modeGated, modeTuned} {
		t.Run(mode, func(t *testing.T) {
			arrived := make(chan struct{}, 9)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				<-r.Context().Done()
			}))
			defer server.Close()
			process, wait := binary.Start(t, "-url", server.URL, "-mode", mode, "-requests=9", "-workers=2")
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
