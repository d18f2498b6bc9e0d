package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const maxBody = 1000

// newTestFetcher makes a fetcher for the host of a server.
func newTestFetcher(t *testing.T, server *httptest.Server) *fetcher {
	t.Helper()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := newClient(1)
	t.Cleanup(client.CloseIdleConnections)
	return &fetcher{client: client, hosts: map[string]*host{u.Host: newHost(1, 0)}, seen: newSeen(10), maxBody: maxBody}
}

// html makes a page of that many bytes which begins with text.
func htmlOf(text string, bytes int) string {
	text = "<!DOCTYPE html>" + text
	return text + strings.Repeat(".", bytes-len(text))
}

func TestGet_ReadsNoMoreThanItMay(t *testing.T) {
	last := `<a href="/last">` // the last thing within the bound
	tests := map[string]struct {
		body  string
		bytes int64
		cut   bool
	}{
		"small":     {htmlOf("", 100), 100, false},
		"as bound":  {htmlOf("", maxBody-len(last)) + last, maxBody, false},
		"too large": {htmlOf("", maxBody-len(last)) + last + `<a href="/more">`, maxBody, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := servePages(t, map[string]string{"/": tt.body})
			f, links, err := newTestFetcher(t, server).get(t.Context(), server.URL+"/")
			require.NoError(t, err)
			assert.Equal(t, fetched{bytes: tt.bytes, cut: tt.cut}, f)
			if tt.bytes == maxBody {
				assert.Equal(t, []string{server.URL + "/last"}, links)
			}
		})
	}
}

func TestGet_ParsesOnlyHTML(t *testing.T) {
	for kind, parsed := range map[string]bool{
		"text/html": true, "Text/HTML; charset=iso-8859-1": true, "application/xhtml+xml": true,
		"text/plain": false, "image/png": false, "text/html; charset": false, "": false,
	} {
		t.Run(kind, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, userAgent, r.UserAgent())
				w.Header()["Content-Type"] = []string{kind}
				_, _ = fmt.Fprint(w, `<a href="/found">`)
			}))
			defer server.Close()
			f, links, err := newTestFetcher(t, server).get(t.Context(), server.URL+"/")
			require.NoError(t, err)
			assert.Equal(t, parsed, len(links) == 1)
			assert.Equal(t, parsed, f.bytes > 0)
		})
	}
}

// A redirect is a page with one link, that is followed or not as any other.
func TestGet_Redirects(t *testing.T) {
	var strayed atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/near":
			http.Redirect(w, r, "target#x", http.StatusFound)
		case "/far":
			http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
		case "/nowhere":
			w.WriteHeader(http.StatusMultipleChoices)
		}
	}))
	defer server.Close()
	f := newTestFetcher(t, server)
	_, links, err := f.get(t.Context(), server.URL+"/near")
	require.NoError(t, err)
	assert.Equal(t, []string{server.URL + "/target"}, links)

	got, links, err := f.get(t.Context(), server.URL+"/far")
	require.NoError(t, err)
	assert.Equal(t, fetched{offSite: 1, away: other.Listener.Addr().String()}, got)
	assert.Empty(t, links)
	assert.Zero(t, strayed.Load())

	_, links, err = f.get(t.Context(), server.URL+"/nowhere")
	require.NoError(t, err)
	assert.Empty(t, links)
}

func TestGet_LeavesTheHostWhateverHappens(t *testing.T) {
	server := servePages(t, map[string]string{"/": "text"})
	f := newTestFetcher(t, server)
	for _, path := range []string{"/", "/", "/missing", "/missing"} { // there is one slot
		_, _, _ = f.get(t.Context(), server.URL+path)
	}
	server.Close()
	for range 2 {
		_, _, err := f.get(t.Context(), server.URL+"/")
		assert.ErrorContains(t, err, "refused")
		assert.NotContains(t, err.Error(), server.URL+"/", "the report names it anyway")
	}
}

func TestSift(t *testing.T) {
	h := newHost(1, 0)
	h.rules = rules{{prefix: "/secret"}}
	f := &fetcher{hosts: map[string]*host{"example.org": h}, seen: newSeen(2)}
	var page fetched
	sift := func(s string) (string, bool) {
		u, err := url.Parse(s)
		require.NoError(t, err)
		return f.sift(&page, u)
	}
	s, ok := sift("http://Example.org/a#b")
	assert.True(t, ok)
	assert.Equal(t, "http://example.org/a", s)
	_, ok = sift("http://example.org/b")
	assert.True(t, ok)
	assert.Equal(t, fetched{}, page)

	for _, link := range []string{
		"http://example.org/a", // again
		"http://example.org/c",
		"http://example.org/secret/c",
		"http://example.com/",
		"http://example.org:8080/",
		"http://example.org/" + strings.Repeat("long", maxURL/4),
		"mailto:somebody@example.org",
	} {
		_, ok = sift(link)
		assert.False(t, ok, link)
	}
	assert.Equal(t, fetched{offSite: 2, forbidden: 1, tooLong: 1, beyond: 1}, page)
	assert.Equal(t, 2, f.seen.len())
}
