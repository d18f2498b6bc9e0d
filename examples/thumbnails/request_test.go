package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequest_ThatMakesNoSense(t *testing.T) {
	r := runServer(t, func(c *config) { c.maxURLs, c.maxBody = 3, 5000 })
	tests := map[string]struct {
		body   string
		status int
		kind   string
		text   string
	}{
		"nothing":         {"", 400, "bad-request", "the body is empty: it must be a JSON array of URLs"},
		"no JSON":         {"http://localhost/", 400, "bad-request", "the body must be a JSON array of URLs: invalid character 'h' looking for beginning of value"},
		"half an array":   {`["a",`, 400, "bad-request", "the body must be a JSON array of URLs: unexpected end of JSON input"},
		"something after": {`["a"] ["b"]`, 400, "bad-request", "the body must be a JSON array of URLs: invalid character '[' after top-level value"},
		"an object":       {`{"urls":[]}`, 400, "bad-request", "the body must be an array of URLs, not object"},
		"a string":        {`"http://localhost/"`, 400, "bad-request", "the body must be an array of URLs, not string"},
		"null":            {`null`, 400, "bad-request", "the body must be an array of at least one URL"},
		"no URLs":         {`[]`, 400, "bad-request", "the body must be an array of at least one URL"},
		"a number":        {`["a",17]`, 400, "bad-request", "element 1 must be a string, not 17"},
		"a null":          {`[null]`, 400, "bad-request", "element 0 must be a string, not null"},
		"too deep":        {`[["a"]]`, 400, "bad-request", `element 0 must be a string, not ["a"]`},
		"too many":        {`["a","b","c","d"]`, 413, "too-many-urls", "4 URLs are more than the 3 of a request"},
		"a long URL":      {`["` + strings.Repeat("a", 2049) + `"]`, 400, "bad-request", "element 0 has 2049 bytes, more than the 2048 of a URL"},
		"a long body":     {`["` + strings.Repeat("a", 5000) + `"]`, 413, "too-large", "the body has more than 5000 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := send(t, r.http, r.url, tt.body)
			assert.Equal(t, tt.status, got.status)
			assert.Empty(t, got.header.Get("Retry-After"))
			assert.Equal(t, problem{Kind: tt.kind, Error: tt.text}, got.problem())
		})
	}
	requests, _ := r.tally.counts()
	assert.Equal(t, [endings]int{turnedAway: len(tests)}, requests)
	assert.Zero(t, r.pool.Stats().Accepted)
}

func TestRequest_ThatIsNoneOfOurs(t *testing.T) {
	r := runServer(t, nil)
	base := strings.TrimSuffix(r.url, "/thumbnails")
	tests := map[string]struct {
		method, path, media string
		status              int
		text                string
	}{
		"a form":         {"POST", "/thumbnails", "application/x-www-form-urlencoded", 415, `the Content-Type must be application/json, not "application/x-www-form-urlencoded"`},
		"no type":        {"POST", "/thumbnails", "", 415, `the Content-Type must be application/json, not ""`},
		"another method": {"GET", "/thumbnails", "", 405, "the method must be POST, not GET"},
		"another path":   {"POST", "/thumbs", "application/json", 404, "there is nothing at /thumbs: POST to /thumbnails"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, base+tt.path, strings.NewReader(`["a"]`))
			require.NoError(t, err)
			if tt.media != "" {
				req.Header.Set("Content-Type", tt.media)
			}
			resp, err := r.http.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.status == 405, resp.Header.Get("Allow") == "POST")
			assert.Contains(t, string(body), strings.ReplaceAll(tt.text, `"`, `\"`))
		})
	}
}

// What is wrong with one URL is no trouble of the others.
func TestRequest_WithURLsThatMakeNoSense(t *testing.T) {
	r := runServer(t, nil)
	tests := []struct {
		url  string
		kind kind
		text string
	}{
		{"", kindBadURL, "does not begin with http:// or https://"},
		{"picture.png", kindBadURL, "does not begin with http:// or https://"},
		{"file:///etc/passwd", kindBadURL, "does not begin with http:// or https://"},
		{"http://", kindBadURL, "has no host"},
		{"http://[::1", kindBadURL, "missing ']' in host"},
		{"http://me:secret@" + r.samples.host + "/logo.png", kindBadURL, "must have no user"},
		{"http://169.254.169.254/", kindNotAllowed, "pictures are not fetched from 169.254.169.254"},
		{strings.TrimSuffix(r.url, "/thumbnails"), kindNotAllowed, "pictures are not fetched from " + r.listen.Addr().String()},
		{r.samples.url("logo.png", ""), "", ""},
	}
	var urls []string
	for _, tt := range tests {
		urls = append(urls, tt.url)
	}
	got := r.post(urls...).rest()
	for i, tt := range tests {
		assert.Equal(t, tt.kind, got[i].Kind, tt.url)
		assert.Equal(t, tt.text, got[i].Error, tt.url)
		assert.Equal(t, tt.url, got[i].URL)
	}
	assert.Len(t, got, len(tests))
}
