package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"

	"github.com/boundedgo/workerpool"
)

// maxRedirects is how many redirects are followed, as in most browsers.
const maxRedirects = 20

// answer is what came back for a URL, as far as it came.
type answer struct {
	status int // 0 when there was none
	bytes  int64
	took   time.Duration
}

// client fetches URLs.
type client struct {
	http     *http.Client
	timeout  time.Duration // what the pool is given, for the text of an error
	maxBytes int64
}

// newClient makes a client that keeps as many connections as there are workers. The
// transport keeps 2 to a host unless told; each further request would open a
// connection and close it again, until there are no ports left.
func newClient(c config) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = c.workers
	transport.MaxIdleConnsPerHost = c.workers
	return &client{
		http:     &http.Client{Transport: transport, CheckRedirect: checkRedirect},
		timeout:  c.timeout,
		maxBytes: c.maxBytes,
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// fetch is what the pool does with a line. The answer means something beside an error
// too: it is how far it came.
func (c *client) fetch(ctx context.Context, l line) (answer, error) {
	start := time.Now()
	status, bytes, err := c.get(ctx, l)
	return answer{status, bytes, time.Since(start)}, err
}

func (c *client) get(ctx context.Context, l line) (status int, bytes int64, err error) {
	req, err := newRequest(ctx, l)
	if err != nil {
		return 0, 0, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, 0, c.explain(ctx, err)
	}
	body := http.MaxBytesReader(nil, resp.Body, c.maxBytes)
	defer body.Close()
	bytes, err = io.Copy(io.Discard, body) // to its end: only then the connection can be used again
	switch {
	case err != nil:
		err = c.explain(ctx, err)
	case resp.StatusCode/100 != 2:
		err = fail(kindStatus, "%s", resp.Status)
	}
	return resp.StatusCode, bytes, err
}

func newRequest(ctx context.Context, l line) (*http.Request, error) {
	if l.cut != "" {
		return nil, fail(kindBadURL, "%s", l.cut)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	switch {
	case err != nil:
		return nil, fail(kindBadURL, "%v", cli.WithoutURL(err))
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return nil, fail(kindBadURL, "does not begin with http:// or https://")
	case req.URL.Hostname() == "":
		return nil, fail(kindBadURL, "has no host")
	}
	return req, nil
}

// checkRedirect is asked before each redirect is followed.
func checkRedirect(to *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return fail(kindRedirect, "more than %d redirects", maxRedirects)
	case to.URL.Scheme != "http" && to.URL.Scheme != "https":
		return fail(kindRedirect, "leads to %s", to.URL)
	}
	return nil
}

// explain makes a failure of an error of package http.
func (c *client) explain(ctx context.Context, err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f // of checkRedirect
	}
	// A context that ends shows as one of many errors. What ended it knows the context.
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, workerpool.ErrJobTimeout):
		return fail(kindTimeout, "not complete within %v", c.timeout)
	case cause != nil:
		return fail(kindInterrupted, "%v", cause)
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fail(kindTooLarge, "more than %d bytes", e.Limit)
	}
	return fail(kindOf(err), "%v", cli.WithoutURL(err))
}
