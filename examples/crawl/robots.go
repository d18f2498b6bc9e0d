package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxRobots is how much of a robots.txt is read, in bytes.
const maxRobots = 500 << 10

// rules are what a robots.txt asks of every crawler; of several that fit, the longest
// holds. This is the least of it (RFC 9309): groups for certain crawlers are not looked
// at, and neither is how often one may come, which is what -delay is for.
type rules []rule

type rule struct {
	prefix string // of the paths that it is for
	allow  bool
}

func (rs rules) allow(u *url.URL) bool {
	path, longest, allowed := u.RequestURI(), -1, true
	for _, r := range rs {
		n := len(r.prefix)
		if strings.HasPrefix(path, r.prefix) && (n > longest || n == longest && r.allow) {
			longest, allowed = n, r.allow
		}
	}
	return allowed
}

// parseRobots returns the rules of the groups for all crawlers.
func parseRobots(text io.Reader) rules {
	var rs rules
	forAll, inHead := false, false // whether the group is for all, and whether its rules are still to come
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxRobots)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "user-agent":
			forAll = value == "*" || inHead && forAll
			inHead = true
		case "allow", "disallow":
			inHead = false
			if r, ok := newRule(key, value); ok && forAll {
				rs = append(rs, r)
			}
		}
	}
	return rs
}

// newRule makes a rule, if the line is one. In patterns we know no more than prefixes: an
// Allow with a wildcard is left out, and a Disallow is cut there, so that it forbids
// more than it says rather than less.
func newRule(key, value string) (rule, bool) {
	allow := strings.EqualFold(strings.TrimSpace(key), "allow")
	prefix, _, _ := strings.Cut(strings.TrimSuffix(value, "$"), "*")
	return rule{prefix, allow}, value != "" && (!allow || prefix == value)
}

// readRobots gets the rules of a host. A host that has no robots.txt has none. One that
// cannot say whether it has is not to be crawled: that is an error.
func readRobots(ctx context.Context, client *http.Client, h *host, root *url.URL) (rules, error) {
	if err := h.enter(ctx); err != nil {
		return nil, err
	}
	defer h.leave()
	within := *client
	within.CheckRedirect = func(next *http.Request, before []*http.Request) error {
		if hostKey(next.URL) != hostKey(root) || len(before) > 5 {
			return http.ErrUseLastResponse
		}
		return nil // many send http: to https:
	}
	u := root.JoinPath("/robots.txt")
	resp, err := send(ctx, &within, u)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u, err)
	}
	defer discard(resp)
	switch {
	case resp.StatusCode >= 500:
		return nil, fmt.Errorf("%s: %w", u, statusError(resp.StatusCode))
	case resp.StatusCode != http.StatusOK:
		return nil, nil
	}
	return parseRobots(io.LimitReader(resp.Body, maxRobots)), nil
}
