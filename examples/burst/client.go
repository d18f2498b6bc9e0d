package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/retry"
)

// longestHint is how long a pool waits at most because an API says so.
const longestHint = time.Minute

// isRejected reports whether err is that of a request which the API rejected with 429.
func isRejected(err error) bool {
	status, ok := errors.AsType[*retry.StatusError](err)
	return ok && status.StatusCode == http.StatusTooManyRequests
}

// client sends requests to an API, and counts them.
type client struct {
	meter
	http *http.Client
	url  string // with idMark where the number of the request goes
}

// newClient makes a client that keeps as many connections as it has requests at
// once. The transport keeps 2 unless told; each further request would open a
// connection and close it again, until there are no ports left.
func newClient(url string, atOnce int, timeout time.Duration) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = atOnce
	transport.MaxIdleConnsPerHost = atOnce
	return &client{url: url, http: &http.Client{Transport: transport, Timeout: timeout}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// get sends one request, once, and returns the answer.
func (c *client) get(ctx context.Context, id int) (string, error) {
	url := strings.ReplaceAll(c.url, idMark, strconv.Itoa(id))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	c.enter()
	defer c.leave()
	resp, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	answer, err := readAll(resp.Body)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		c.reject()
		return "", retry.AfterResponse(resp, longestHint)
	case err != nil:
		return "", err
	case resp.StatusCode/100 != 2:
		return "", fmt.Errorf("the API answered %s", resp.Status)
	}
	return answer, nil
}

// readAll reads body to its end, since only then its connection can be used again,
// and keeps of it as much as an answer may have.
func readAll(body io.ReadCloser) (string, error) {
	defer func() { _ = body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	return string(answer), err
}
