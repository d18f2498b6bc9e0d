package main

import (
	"context"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// site serves a graph, and counts what it is asked for.
type site struct {
	graph   graph
	latency time.Duration

	mu       sync.Mutex
	requests map[string]int // by path and query
	now      int            // requests being served
	most     int            // and the most of them at once
	strayed  int            // requests to the other host
}

func newSite(g graph, latency time.Duration) *site {
	return &site{graph: g, latency: latency, requests: make(map[string]int)}
}

// ServeHTTP implements http.Handler.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Host == s.graph.other:
		s.stray()
	case r.URL.Path == "/robots.txt":
		_, _ = fmt.Fprint(w, "User-agent: *\nDisallow: /private/\n")
	default:
		write(w, s.serve(r))
	}
}

// serve does all but write the answer. The request has left before that goes out: who
// has the answer may send the next request without there being one too many.
func (s *site) serve(r *http.Request) answer {
	uri := r.URL.Path // decoded: a page that is asked for in two spellings is counted twice
	if r.URL.RawQuery != "" {
		uri += "?" + r.URL.RawQuery
	}
	s.enter(uri)
	defer s.leave()
	_ = pause(r.Context(), s.latency) // a client that has left needs no answer
	return s.graph.answer(uri)
}

func (s *site) enter(uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[uri]++
	s.now++
	s.most = max(s.most, s.now)
}

func (s *site) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
}

func (s *site) stray() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strayed++
}

// write writes an answer. Its errors do not matter: there is nobody left to be told.
func write(w http.ResponseWriter, a answer) {
	if a.status/100 == 3 {
		w.Header().Set("Location", strings.TrimSpace(a.links[0].href))
	}
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.WriteHeader(a.status)
	if a.status != http.StatusOK {
		return
	}
	_, err := fmt.Fprint(w, pageText(a.links))
	for filler := []byte(strings.Repeat("And so on. ", 1000)); a.endless && err == nil; {
		_, err = w.Write(filler)
	}
}

// pageText writes links as a page, between some things that look like links.
func pageText(links []link) string {
	var text strings.Builder
	text.WriteString(`<!DOCTYPE html>
<title>A page</title>
<!-- <a href="/trap/comment">not a link</a> -->
<script>document.write('<a href="/trap/script">not a link</a>')</script>
<p>A page of the site that <a name="crawl">crawl</a> crawls.
<ul>
`)
	for _, l := range links {
		fmt.Fprintf(&text, "<li><a class=\"link\" href=\"%s\">%s</a>\n", html.EscapeString(l.href), html.EscapeString(l.to))
	}
	text.WriteString("</ul>\n")
	return text.String()
}

// servedSite is a site on loopback, and beside it the other host.
type servedSite struct {
	*site
	home   *url.URL
	server *http.Server
	cancel context.CancelFunc // ends the contexts of the requests
	served sync.WaitGroup
}

// serveSite starts a site of our own. It has to be closed.
func serveSite(pages int, seed uint64, latency time.Duration) (*servedSite, error) {
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot start the site: %w", err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = own.Close()
		return nil, fmt.Errorf("cannot start the other site: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &servedSite{
		site:   newSite(newGraph(pages, seed, own.Addr().String(), other.Addr().String()), latency),
		home:   &url.URL{Scheme: "http", Host: own.Addr().String(), Path: home},
		cancel: cancel,
	}
	s.server = &http.Server{
		Handler:           s.site,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	for _, listener := range []net.Listener{own, other} {
		s.served.Go(func() { _ = s.server.Serve(listener) }) // its error says only that close was called
	}
	return s, nil
}

// close ends the site, and what it is still serving.
func (s *servedSite) close() {
	s.cancel()
	_ = s.server.Close()
	s.served.Wait()
}
