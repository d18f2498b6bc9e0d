package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// maxURL is how many bytes a URL may have; links that are longer are not followed.
const maxURL = 2 << 10

// userAgent tells the hosts who is there.
const userAgent = "workerpool-example-crawl"

// fetched is what came of a page that was fetched.
type fetched struct {
	bytes int64  // of HTML
	cut   bool   // the page was larger than -max-body
	away  string // the host that it redirects to, if that is not crawled

	// Links that were not followed.
	offSite   int // to hosts that are not crawled
	forbidden int // by robots.txt
	tooLong   int // than maxURL
	beyond    int // new pages of which there are more than -max-pages
}

// statusError is the error of a page that has come with a status of 400 or above.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("%d %s", int(e), http.StatusText(int(e))) }

// fetcher fetches pages, and knows which of their links are to be followed.
type fetcher struct {
	client  *http.Client
	hosts   map[string]*host // those that are crawled, by hostKey; does not change
	seen    *seen
	maxBody int64 // bytes of a page; the rest is not read
}

// newClient makes a client that keeps as many connections to a host as it has requests
// to it at once. It does not follow redirects: to a crawler one is a page with one link.
// So where it leads is fetched once, in its turn, only if it is on a host that is
// crawled; and redirects in a circle end like all circles.
func newClient(perHost int) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0 // no other bound than the one for each host
	transport.MaxIdleConnsPerHost = perHost
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get is a fetchFunc. Only in here it takes a slot of the host: it has left when it
// returns.
func (f *fetcher) get(ctx context.Context, address string) (page fetched, links []string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return page, nil, err
	}
	h := f.hosts[u.Host]
	if err := h.enter(ctx); err != nil {
		return page, nil, fmt.Errorf("waiting for its turn: %w", err)
	}
	defer h.leave()
	resp, err := send(ctx, f.client, u)
	if err != nil {
		return page, nil, err
	}
	defer discard(resp)
	found := func(link *url.URL) {
		if s, ok := f.sift(&page, link); ok {
			links = append(links, s)
		}
	}
	switch location, redirected := resp.Location(); {
	case resp.StatusCode >= 400:
		err = statusError(resp.StatusCode)
	case resp.StatusCode >= 300 && redirected == nil:
		found(location)
		if page.offSite > 0 {
			page.away = location.Host
		}
	case isHTML(resp):
		err = page.read(resp.Body, f.maxBody, u, found)
	}
	return page, links, err
}

// send sends a request for u. Its error leaves out which URL that was.
func send(ctx context.Context, client *http.Client, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := client.Do(req)
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return resp, err
}

// sift returns link in its normal form if it is to be fetched, and counts it if not.
func (f *fetcher) sift(page *fetched, link *url.URL) (string, bool) {
	u, ok := normalise(link)
	if !ok {
		return "", false // mailto: and the like
	}
	h, s := f.hosts[u.Host], u.String()
	switch {
	case h == nil:
		page.offSite++
	case !h.rules.allow(u):
		page.forbidden++
	case len(s) > maxURL:
		page.tooLong++
	default:
		what := f.seen.add(s)
		if what == isMore {
			page.beyond++
		}
		return s, what == isNew
	}
	return "", false
}

// read reads a page, most bytes of it, and calls found with its links.
func (f *fetched) read(body io.Reader, most int64, base *url.URL, found func(*url.URL)) error {
	limited := &io.LimitedReader{R: body, N: most + 1} // by the one byte we see that there is more
	err := eachLink(limited, base, found)
	f.bytes = min(most+1-limited.N, most)
	f.cut = limited.N == 0
	return err
}

func isHTML(resp *http.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// discard reads the rest of a short body, such as comes with a 404: its connection can be
// used again then. A long one is not worth it, and one without a length may be endless.
func discard(resp *http.Response) {
	if resp.ContentLength >= 0 && resp.ContentLength <= 16<<10 {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	_ = resp.Body.Close()
}
