package main

import (
	"context"
	"io"
	"net/http"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// maxRedirects is how many redirects are followed.
const maxRedirects = 5

// client fetches pictures.
type client struct {
	http     *http.Client
	allowed  allowList
	maxBytes int64
}

func newClient(c config, allowed allowList) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = c.workers // else it closes most connections, only to open others
	transport.MaxResponseHeaderBytes = 64 << 10
	transport.DisableCompression = true // pictures are compressed
	cl := &client{allowed: allowed, maxBytes: c.maxBytes}
	cl.http = &http.Client{Transport: transport, CheckRedirect: cl.checkRedirect}
	return cl
}

func (c *client) close() { c.http.CloseIdleConnections() }

// get returns the bytes of a picture, or a *failure.
func (c *client) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fail(kindBadURL, "%v", cli.WithoutURL(err))
	}
	if f := c.allowed.check(req.URL); f != nil {
		return nil, f
	}
	req.Header.Set("Accept", "image/jpeg, image/png, image/gif")
	req.Header.Set("User-Agent", "thumbnails (an example of github.com/boundedgo/workerpool)")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fetchFailure(err)
	}
	defer resp.Body.Close()
	return c.read(resp)
}

func (c *client) read(resp *http.Response) ([]byte, error) {
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, fail(kindStatus, "%s", resp.Status)
	case resp.ContentLength > c.maxBytes: // nothing of it has to be read
		return nil, fail(kindTooLarge, "%d bytes are more than %d", resp.ContentLength, c.maxBytes)
	}
	data, err := io.ReadAll(http.MaxBytesReader(nil, resp.Body, c.maxBytes))
	if err != nil {
		return nil, fetchFailure(err)
	}
	return data, nil
}

// checkRedirect is asked before each redirect is followed.
func (c *client) checkRedirect(to *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fail(kindRedirect, "more than %d redirects", maxRedirects)
	}
	if f := c.allowed.check(to.URL); f != nil {
		return fail(f.kind, "after a redirect: %s", f.text)
	}
	return nil
}
