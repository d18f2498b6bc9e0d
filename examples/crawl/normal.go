package main

import (
	"net/url"
	"strings"
)

// normalise brings the URLs that lead to the same page into one form, or reports that u
// is none of a page on the web. u has been resolved, so its path has no dots any more.
//
// It changes only what means the same everywhere. That /a and /a/ are one page, or that
// the order of parameters does not matter, is true of most sites; a crawler that took
// it for granted would miss pages of the others.
func normalise(u *url.URL) (*url.URL, bool) {
	n := *u
	n.Scheme = strings.ToLower(n.Scheme)
	if n.Scheme != "http" && n.Scheme != "https" || n.Hostname() == "" {
		return nil, false
	}
	n.Host = hostKey(&n)
	n.User = nil // a link gives nobody a password
	n.Fragment, n.RawFragment = "", ""
	n.ForceQuery = false // a question mark with nothing behind it
	if n.Path == "" {
		n.Path = "/"
	}
	// Without RawPath, String writes each letter of the path in the one way. A slash that
	// was written as %2F must stay what it is: it does not divide the path.
	if !strings.Contains(strings.ToLower(n.RawPath), "%2f") {
		n.RawPath = ""
	}
	return &n, true
}

// hostKey is the host of u in lower case, with the port if it isn't the scheme's own.
func hostKey(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if u.Port() == "" {
		return strings.TrimSuffix(host, ":")
	}
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		return strings.TrimSuffix(host, ":"+u.Port())
	}
	return host
}
