package main

import (
	"fmt"
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
	_, wait := binary.Start(t, "-pages=100", "-latency=0s", "-max-body=20000")
	status, out, errs := wait()
	assert.Zero(t, status)
	assert.Contains(t, out, "The site has counted, and agrees")
	assert.Contains(t, errs, " found pages, ")
	assert.NotContains(t, errs, "\x1b")
}

func TestBinary_BadFlag(t *testing.T) {
	_, wait := binary.Start(t, "-workers=0")
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
	process, wait := binary.Start(t, "-workers=2", "-buffer=1", "-delay=0s", server.URL)
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
