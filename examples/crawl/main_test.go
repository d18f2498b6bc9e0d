package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		binary.Remove()
		os.Exit(status)
	}))
}

// runWith runs the program with a context that nobody ends.
func runWith(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// figures are the rows of the summary in out, by their labels.
func figures(out string) map[string]string {
	values := make(map[string]string)
	for line := range strings.Lines(out) {
		if label, value, found := strings.Cut(strings.TrimSpace(line), "   "); found {
			values[label] = strings.TrimSpace(value)
		}
	}
	return values
}

// servePages serves pages, by their paths, and answers 404 for others.
func servePages(t *testing.T, pages map[string]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestRun_OwnSite(t *testing.T) {
	status, out, errs := runWith(t, "-pages=200", "-latency=0s", "-max-body=20000")
	assert.Zero(t, status, out)
	n := len(newGraph(200, 1, "", "").reachable())
	assert.Equal(t, fmt.Sprint(n), figures(out)["pages found"])
	assert.Equal(t, fmt.Sprint(n-3), figures(out)["fetched"])
	assert.Equal(t, "2", figures(out)["broken links"])
	assert.Equal(t, "1", figures(out)["failed"])
	assert.Equal(t, "0", figures(out)["not fetched"])
	assert.Equal(t, "1", figures(out)["pages cut off at 20.0 kB"])
	assert.Contains(t, out, fmt.Sprintf("agrees: %d of its %[1]d pages that can be reached were requested,\neach once,", n))
	assert.Contains(t, errs, fmt.Sprintf("%d of %[1]d found pages, 2 broken, 1 failed, ", n))
	assert.NotContains(t, errs, "\r")
	assert.NotContains(t, errs, "\x1b")
}

func TestRun_WithAURL(t *testing.T) {
	server := servePages(t, map[string]string{
		"/":     `<!DOCTYPE html><a href="/a#top">a</a> <a href="/b">b</a>`,
		"/a":    `<!DOCTYPE html><a href="/gone">gone</a> <a href="http://example.org">away</a>`,
		"/b":    `<!DOCTYPE html><a href="/">home</a>`,
		"/none": `<!DOCTYPE html>nobody has a link to this one`,
	})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // the server still runs: no connection to it is left
	status, out, errs := runWith(t, "-delay=0", server.URL)
	assert.Equal(t, exitFailed, status, errs)
	assert.Contains(t, out, "The site is "+server.URL+"/.\n")
	assert.Contains(t, out, fmt.Sprintf("Broken links:\n  %s/gone: 404 Not Found\n    found on %[1]s/a\n", server.URL))
	assert.NotContains(t, out, "Pages that failed")
	assert.Equal(t, "4", figures(out)["pages found"])
	assert.Equal(t, "1", figures(out)["links to other hosts, not followed"])

	status, out, _ = runWith(t, "-delay=0", server.URL+"/b", "")
	assert.Equal(t, cli.ExitUsage, status, out)
	status, out, _ = runWith(t, "-delay=0", server.URL+"/none")
	assert.Zero(t, status, out)
	assert.True(t, strings.HasSuffix(out, " round\n") || strings.HasSuffix(out, " rounds\n"), "nothing to add: %q", out)
}

func TestRun_RobotsForbidTheStart(t *testing.T) {
	server := servePages(t, map[string]string{"/robots.txt": "User-agent: *\nDisallow: /", "/": "secret"})
	status, _, errs := runWith(t, server.URL)
	assert.Equal(t, exitFailed, status)
	assert.Equal(t, "crawl: "+server.URL+"/: its robots.txt forbids it\n", errs)
}

// People leave out the www, and would wonder about a site of one page.
func TestRun_TheStartIsElsewhere(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://www.example.org/", http.StatusFound))
	defer server.Close()
	status, out, _ := runWith(t, server.URL)
	assert.Zero(t, status)
	assert.Contains(t, out, "The start redirects to www.example.org, which is not crawled without -hosts.\n")
}

func TestRun_NobodyIsThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	status, _, errs := runWith(t, url)
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errs, "crawl: "+url+"/robots.txt: ")
	assert.Contains(t, errs, "refused")
}

func TestRun_Interrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			http.NotFound(w, r)
		case "/":
			_, _ = fmt.Fprint(w, `<!DOCTYPE html><a href=1>1</a><a href=2>2</a><a href=3>3</a>`)
		default:
			interrupt()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	status := run(ctx, []string{"-delay=0", server.URL}, &out, &errs)
	assert.Equal(t, exitInterrupted, status)
	assert.Contains(t, out.String(), "Interrupted: of the 4 pages found, 3 were not fetched.")
	assert.Equal(t, "1", figures(out.String())["fetched"])
	assert.Equal(t, "0", figures(out.String())["failed"])

	t.Run("before it began", func(t *testing.T) {
		out.Reset()
		errs.Reset()
		assert.Equal(t, exitInterrupted, run(ctx, nil, &out, &errs))
		assert.Empty(t, errs.String())
	})
}

func TestRun_Flags(t *testing.T) {
	tests := map[string]string{
		"-pages=0":                       "-pages 0: must be from 1 to 1000000",
		"-pages=x":                       `invalid value "x" for flag -pages`,
		"-workers=0":                     "-workers 0: must be from 1 to 10000",
		"-workers=10001":                 "-workers 10001: must be from 1 to 10000",
		"-buffer=-1":                     "-buffer -1: must be from 0 to 1000000",
		"-nested=-1":                     "-nested -1: must be from 0 to 1000000",
		"-per-host=0":                    "crawl: -per-host 0: must be from 1 to 1000\ncrawl -h",
		"-max-pages=0":                   "-max-pages 0: must be from 1 to 10000000",
		"-max-body=0":                    "-max-body 0: must be from 1 to 1073741824",
		"-latency=-1s":                   "-latency -1s: must not be negative",
		"-delay=-1s":                     "-delay -1s: must not be negative",
		"-timeout=0s":                    "-timeout 0s: must be positive",
		"-delay=1s -timeout=4s":          "-timeout 4s: must be more than the 4s that the last of 4 workers waits for its turn, by -delay 1s",
		"-timeout=1s http://h -delay=0s": "flags go before the URL",
		"-timeout=400ms http://h":        "-timeout 400ms: must be more than the 400ms that",
		"-hosts=other":                   "-hosts: is only for a site with a URL",
		"-hosts=a/b http://h":            `-hosts "a/b": must be like example.org or example.org:8080`,
		"-hosts=a, http://h":             `-hosts "": must be like`,
		"-pages=3 http://h":              "-pages: is only for our own site",
		"-seed=3 http://h":               "-seed: is only for our own site",
		"-latency=3s http://h":           "-latency: is only for our own site",
		"localhost":                      `URL "localhost": must be like https://host/path`,
		"127.0.0.1:80":                   `URL "127.0.0.1:80": must be like https://host/path: `,
		"ftp://localhost":                `URL "ftp://localhost": must be like https://host/path`,
		"http://:80":                     `URL "http://:80": must be like https://host/path`,
		"http://[::1":                    `URL "http://[::1": must be like https://host/path: missing ']' in host`,
		"http://me:secret@localhost":     `URL "http://me:xxxxx@localhost": must have no user`,
		"http://a http://b":              `unexpected argument "http://b"`,
		"-unknown":                       "flag provided but not defined: -unknown",
		"-pages=0 -buffer=-2":            "crawl: -pages 0: must be from 1 to 1000000\ncrawl: -buffer -2",
	}
	for args, want := range tests {
		t.Run(args, func(t *testing.T) {
			status, out, errs := runWith(t, strings.Fields(args)...)
			assert.Equal(t, cli.ExitUsage, status)
			assert.Empty(t, out)
			assert.Contains(t, errs, want)
			assert.Contains(t, errs, "crawl -h lists the flags.")
		})
	}
	t.Run("a long URL", func(t *testing.T) {
		_, _, errs := runWith(t, "http://h/"+strings.Repeat("a", maxURL))
		assert.Contains(t, errs, `URL "http://h/aaaaaaaaaaa"...: must be at most 2048 bytes, it has 2057`)
	})
}

func TestRun_Help(t *testing.T) {
	status, out, errs := runWith(t, "-h")
	assert.Zero(t, status)
	assert.Empty(t, errs)
	for _, name := range []string{"-buffer", "-delay", "-hosts", "-latency", "-max-body", "-max-pages", "-nested", "-pages", "-per-host", "-seed", "-timeout", "-workers"} {
		assert.Contains(t, out, "  "+name+" ")
	}
}

func TestParseFlags_Defaults(t *testing.T) {
	c, err := parseFlags(nil, nil)
	require.NoError(t, err)
	assert.Equal(t, 4, c.workers)
	assert.Zero(t, c.delay, "our own site needs no rest")

	c, err = parseFlags([]string{"-hosts=a,b", "-hosts=c", "-per-host=2", "HTTP://Example.org:80"}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c"}, c.hosts)
	assert.Equal(t, 8, c.workers, "-per-host for each host")
	assert.Equal(t, 100*time.Millisecond, c.delay)
	assert.Equal(t, "http://example.org/", c.start.String())
}
