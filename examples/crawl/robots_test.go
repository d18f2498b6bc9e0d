package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRobots_Rules(t *testing.T) {
	rs := parseRobots(strings.NewReader(strings.ReplaceAll(`
		# a comment
		User-agent: somebody
		Disallow: /for-somebody

		User-agent: somebody else
		user-AGENT : *   # and all others
		DISALLOW: /private # with a comment
		Allow: /private/open
		Disallow: /same
		Allow: /same
		Disallow: /draft*.html
		Allow: /private/*/open
		Allow: /private/end$
		Disallow: /end$
		Disallow:
		Disallow: /search?q=
		nonsense

		User-agent: nobody
		Disallow: /for-nobody`, "\t", "")))
	for path, want := range map[string]bool{
		"/":               true,
		"/for-somebody":   true,
		"/for-nobody":     true,
		"/private":        false,
		"/private/x":      false,
		"/privateer":      false,
		"/private/open/x": true,
		"/private/x/open": false,
		"/private/end":    false,
		"/same":           true,
		"/drafts":         false,
		"/ends":           false,
		"/search":         true,
		"/search?q=x":     false,
	} {
		u, err := url.Parse("http://h" + path)
		require.NoError(t, err)
		assert.Equal(t, want, rs.allow(u), path)
	}
	u := &url.URL{Path: "/"}
	assert.True(t, rules(nil).allow(u))
	assert.False(t, parseRobots(strings.NewReader("User-agent: *\nDisallow: *")).allow(u))
}

func TestReadRobots(t *testing.T) {
	var strayed atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer other.Close()
	const text = "User-agent: *\nDisallow: /x"
	answers := map[string]struct {
		handle http.HandlerFunc
		want   rules
		err    string
	}{
		"there":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }, rules{{"/x", false}}, ""},
		"not there": {http.NotFound, nil, ""},
		"failing":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, nil, "/robots.txt: 502 Bad Gateway"},
		"elsewhere on the host": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/robots.txt" {
				http.Redirect(w, r, "/real.txt", http.StatusFound)
				return
			}
			_, _ = w.Write([]byte(text))
		}, rules{{"/x", false}}, ""},
		"on another host": {http.RedirectHandler(other.URL, http.StatusFound).ServeHTTP, nil, ""},
		"in circles":      {http.RedirectHandler("/robots.txt", http.StatusFound).ServeHTTP, nil, ""},
	}
	for name, tt := range answers {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tt.handle)
			defer server.Close()
			root, err := url.Parse(server.URL)
			require.NoError(t, err)
			client := newClient(1)
			defer client.CloseIdleConnections()
			h := newHost(1, time.Millisecond)
			got, err := readRobots(t.Context(), client, h, root)
			if tt.err != "" {
				assert.ErrorContains(t, err, tt.err)
			} else {
				assert.NoError(t, err)
			}
			assert.Equal(t, tt.want, got)
			assert.NoError(t, h.enter(t.Context()), "it has left the host")
		})
	}
	assert.Zero(t, strayed.Load())
}
