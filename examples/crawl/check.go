package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// verdict is what our own site has to say about a crawl of it.
type verdict struct {
	reachable int      // pages
	requested int      // pages
	most      int      // requests at once
	wrong     []string // what is not as it should be
}

// check compares what the site was asked for with what it has. Of a crawl that did not
// come to its end it does not ask that everything was found.
func (s *site) check(perHost int, r report) verdict {
	pages := s.graph.reachable()
	s.mu.Lock()
	defer s.mu.Unlock()
	v := verdict{reachable: len(pages), requested: len(s.requests), most: s.most}
	var missed, doubled, trespassed []string
	for uri := range pages {
		if s.requests[uri] == 0 {
			missed = append(missed, uri)
		}
	}
	for uri, n := range s.requests {
		if _, ok := pages[uri]; !ok {
			trespassed = append(trespassed, uri)
		} else if n > 1 {
			doubled = append(doubled, uri)
		}
	}
	v.expectNone("requested more than once", doubled)
	v.expectNone("requested that no link leads to, or that robots.txt forbids", trespassed)
	if r.complete() {
		v.expectNone("never requested", missed)
		v.expect("broken links reported", len(r.broken), count(pages, isMissing))
		v.expect("pages reported as failed", len(r.failed), count(pages, isFailing))
	}
	if s.most > perHost {
		v.wrong = append(v.wrong, fmt.Sprintf("%d requests at once", s.most))
	}
	v.expect("requests to the other host", s.strayed, 0)
	return v
}

func (v *verdict) expectNone(what string, uris []string) {
	if len(uris) > 0 {
		v.wrong = append(v.wrong, fmt.Sprintf("%s %s, such as %s", cli.Plural(len(uris), "page"), what, slices.Min(uris)))
	}
}

func (v *verdict) expect(what string, got, want int) {
	if got != want {
		v.wrong = append(v.wrong, fmt.Sprintf("%d %s instead of %d", got, what, want))
	}
}

func isMissing(status int) bool { return status == http.StatusNotFound }
func isFailing(status int) bool { return status >= http.StatusInternalServerError }

func count(pages map[string]int, is func(status int) bool) (n int) {
	for _, status := range pages {
		if is(status) {
			n++
		}
	}
	return n
}

// String says it in a sentence.
func (v verdict) String() string {
	if len(v.wrong) > 0 {
		return "The site has counted, and it is WRONG: " + strings.Join(v.wrong, "; ") + "."
	}
	return fmt.Sprintf("The site has counted, and agrees: %d of its %d pages that can be reached were requested,\n"+
		"each once, no other page and no other host at all, and never more than %d at once.", v.requested, v.reachable, v.most)
}
