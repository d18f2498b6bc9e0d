package main

import (
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// host is another server with pictures, which is allowed by the flags that it returns.
func host(t *testing.T, h http.HandlerFunc) (base string, flags func(*config)) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL, func(c *config) { c.hosts = append(c.hosts, strings.TrimPrefix(server.URL, "http://")) }
}

func TestPicture_Failures(t *testing.T) {
	photo := sampleFiles()["photo.jpeg"]
	hangUp := func(w http.ResponseWriter, text string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
	base, flags := host(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		switch to := r.FormValue("to"); r.URL.Path {
		case "/ok":
			_, _ = w.Write(photo)
		case "/to":
			http.Redirect(w, r, to, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/declared":
			w.Header().Set("Content-Length", "100001")
			_, _ = io.CopyN(w, zeros{}, 100_001)
		case "/endless":
			_, _ = io.Copy(w, zeros{})
		case "/short":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(photo[:100])
		case "/nothing":
		case "/mistake":
			http.Error(w, "a mistake", http.StatusInternalServerError)
		case "/part":
			w.WriteHeader(http.StatusPartialContent)
		case "/hangup":
			hangUp(w, "")
		case "/talk":
			hangUp(w, "220 ready\r\n")
		case "/header":
			hangUp(w, "HTTP/1.1 200 OK\r\nX-Long: "+strings.Repeat("x", 1<<17)+"\r\n\r\n")
		}
	})
	nobody := unusedAddress(t)
	r := runServer(t, func(c *config) {
		flags(c)
		c.maxBytes = 100_000
		c.hosts = append(c.hosts, nobody, "host.invalid")
	})
	tests := []struct {
		url  string
		kind kind
		text string
	}{
		{base + "/ok", "", ""},
		{base + "/to?to=/ok", "", ""},
		{base + "/to?to=ftp://localhost/", kindBadURL, "after a redirect: does not begin with http:// or https://"},
		{base + "/to?to=http://localhost:1/", kindNotAllowed, "after a redirect: pictures are not fetched from localhost:1"},
		{base + "/loop", kindRedirect, "more than 5 redirects"},
		{base + "/declared", kindTooLarge, "100001 bytes are more than 100000"},
		{base + "/endless", kindTooLarge, "more than 100000 bytes"},
		{base + "/short", kindBroken, "unexpected EOF"},
		{base + "/nothing", kindFormat, "neither JPEG nor PNG nor GIF"},
		{base + "/mistake", kindStatus, "500 Internal Server Error"},
		{base + "/part", kindStatus, "206 Partial Content"},
		{base + "/hangup", kindBroken, "EOF"},
		{base + "/talk", kindBroken, "malformed HTTP"},
		{base + "/header", kindBroken, "server response headers exceeded 65536 bytes"},
		{"http://" + nobody, kindUnreachable, "refused"},
		{"http://host.invalid/", kindUnreachable, ""},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			l := r.oneLine(tt.url)
			assert.Equal(t, tt.kind, l.Kind, l.Error)
			assert.Contains(t, l.Error, tt.text)
			assert.NotContains(t, l.Error, "127.0.0.1", "where a name leads is none of a stranger's business")
		})
	}
}

// zeros is without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestPicture_WithTooManyPixelsIsNotDecoded(t *testing.T) {
	const most = 10_000
	tests := []struct {
		width, height uint32
		kind          kind
		text          string
	}{
		{16_000, 16_000, kindPixels, "16000 x 16000, more than 10000 in all"},
		{10_001, 1, kindPixels, "10001 x 1, more than 10000 in all"},
		{1, 65_536, kindPixels, "1 x 65536, more than 65535 on a side"},
		{1<<31 - 1, 1<<31 - 1, kindCorrupt, "png: unsupported feature: dimension overflow"},
		{0, 5, kindCorrupt, "png: invalid format: non-positive dimension"},
		{100, 100, "", ""},
	}
	for _, tt := range tests {
		decoded := false
		f := allFormats()[1]
		f.decode = func(io.Reader) (image.Image, error) {
			decoded = true
			return image.NewGray(image.Rect(0, 0, 1, 1)), nil
		}
		_, err := f.open(t.Context(), bomb(tt.width, tt.height), most)
		assert.Equal(t, tt.kind == "", decoded, "%d x %d", tt.width, tt.height)
		if tt.kind != "" {
			assert.Equal(t, fail(tt.kind, "%s", tt.text), err)
		}
	}
}

func TestPicture_WithTooManyPixelsTakesNoMemory(t *testing.T) {
	r := runServer(t, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	assert.Equal(t, kindPixels, r.oneLine(r.samples.url("bomb.png", "")).Kind)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10<<20), "its pixels would be 1 GB")
}

// withDecoder has the server take files that begin with a word for pictures.
func withDecoder(magic string, decode func(io.Reader) (image.Image, error)) func(*running) {
	config := func(io.Reader) (image.Config, error) { return image.Config{Width: 1, Height: 1}, nil }
	return func(r *running) {
		r.maker.formats = append(r.maker.formats, format{magic, []string{magic}, config, decode})
	}
}

func TestPicture_WhoseDecoderPanics(t *testing.T) {
	base, flags := host(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path[1:]) })
	r := runServer(t, func(c *config) {
		flags(c)
		c.workers = 1
	}, withDecoder("PANIC", func(io.Reader) (image.Image, error) {
		panic("a secret")
	}), withDecoder("EXIT", func(io.Reader) (image.Image, error) {
		runtime.Goexit()
		return nil, nil
	}))
	fine := r.samples.url("badge.gif", "")
	for _, bad := range []string{"PANIC", "EXIT"} {
		got := r.post(base+"/"+bad, fine, base+"/"+bad, fine).rest() // the first one goes another way than the others
		assert.Equal(t, map[int]kind{0: kindPanic, 1: "", 2: kindPanic, 3: ""}, kindsOf(got), bad)
		assert.NotContains(t, fmt.Sprint(got), "secret")
	}
	assert.EqualValues(t, 2, r.pool.Stats().Panicked)
	assert.Contains(t, r.errs.String(), fmt.Sprintf("thumbnails: picture %q: workerpool: job panicked: a secret\n", base+"/PANIC"))
	assert.Contains(t, r.errs.String(), "limits_test.go")
	assert.Equal(t, 1, r.pool.Stats().Workers)
}

func TestPicture_ThatTakesTooLong(t *testing.T) {
	base, flags := host(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ENDLESS") })
	r := runServer(t, func(c *config) {
		flags(c)
		c.timeout = 50 * time.Millisecond
	}, withDecoder("ENDLESS", func(from io.Reader) (image.Image, error) {
		for {
			if _, err := from.Read(nil); err != nil { // as decoders read
				return nil, err
			}
		}
	}))
	for what, url := range map[string]string{"to come": r.samples.url(held, "ann"), "to decode": base} {
		l := r.oneLine(url)
		assert.Equal(t, kindTimeout, l.Kind, what)
		assert.Equal(t, "not ready in time", l.Error, what)
	}
	eventually(t, "it is not fetched any more", func() bool { return r.samples.asked("ann").open() == 0 })
}

func TestAllowList(t *testing.T) {
	allowed, err := newAllowList([]string{"example.org", "Example.NET:8080", "[::1]", "[::2]:81", "127.0.0.1"})
	require.NoError(t, err)
	for u, want := range map[string]bool{
		"http://example.org/":              true,
		"https://EXAMPLE.org/":             true,
		"http://example.org:80/":           true,
		"https://example.org:443/":         true,
		"http://example.org:443/":          false,
		"http://example.org:8080/":         false,
		"http://example.net:8080/":         true,
		"http://example.net/":              false,
		"http://www.example.org/":          false,
		"http://example.org.evil.example/": false,
		"http://example.org./":             false,
		"http://[::1]/":                    true,
		"http://[::1]:80/":                 true,
		"http://[0:0:0:0:0:0:0:1]/":        false,
		"http://[::2]:81/":                 true,
		"http://[::2]/":                    false,
		"http://127.0.0.1/":                true,
		"http://127.1/":                    false,
		"http://2130706433/":               false,
	} {
		parsed, err := url.Parse(u)
		require.NoError(t, err)
		assert.Equal(t, want, allowed.allows(parsed), u)
		f := allowed.check(parsed)
		assert.Equal(t, want, f == nil, u)
	}
	for _, host := range []string{"", "*", "http://a", "a/b", "a b", ":80", "me@a", "a:b"} {
		_, err := newAllowList([]string{"ok", host})
		assert.EqualError(t, err, fmt.Sprintf("-hosts %q: must be like example.org or example.org:8080", host))
	}
}

func TestFit(t *testing.T) {
	for from, want := range map[image.Point]image.Point{
		{1, 1}:        {1, 1},
		{160, 90}:     {160, 90},
		{161, 161}:    {160, 160},
		{1600, 900}:   {160, 90},
		{900, 1600}:   {90, 160},
		{65_535, 1}:   {160, 1},
		{1, 65_535}:   {1, 160},
		{1000, 503}:   {160, 80},
		{1000, 504}:   {160, 81},
		{65_535, 256}: {160, 1},
	} {
		assert.Equal(t, want, fit(from, 160), from)
	}
}
