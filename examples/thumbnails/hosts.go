package main

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// allowList is the hosts from which pictures may be fetched: as host:port, or without a
// port for the usual ones.
//
// A server that fetches whatever URL a stranger sends can be made to fetch from where only
// it can reach: from the network behind it, or from the address where a cloud hands out
// credentials. A list of addresses that are forbidden would always lack some, and a name
// may lead to another address when it is asked the second time. So nothing is allowed but
// what is listed.
type allowList map[string]bool

// newAllowList returns an error that names the first host that is none.
func newAllowList(hosts []string) (allowList, error) {
	allowed := make(allowList)
	for _, host := range hosts {
		u, err := url.Parse("http://" + host)
		if err != nil || u.Host != host || u.Hostname() == "" || strings.Contains(host, "*") {
			return nil, fmt.Errorf("-hosts %q: must be like example.org or example.org:8080", host)
		}
		allowed[hostKey(u, u.Port())] = true
	}
	return allowed, nil
}

// allows reports whether u may be fetched.
func (a allowList) allows(u *url.URL) bool {
	usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	port := cmp.Or(u.Port(), usual)
	return a[hostKey(u, port)] || port == usual && a[hostKey(u, "")]
}

func hostKey(u *url.URL, port string) string {
	host := strings.ToLower(u.Hostname())
	if port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// check returns why u may not be fetched, or nil.
func (a allowList) check(u *url.URL) *failure {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fail(kindBadURL, "does not begin with http:// or https://")
	case u.Hostname() == "":
		return fail(kindBadURL, "has no host")
	case u.User != nil:
		return fail(kindBadURL, "must have no user")
	case !a.allows(u):
		return fail(kindNotAllowed, "pictures are not fetched from %s", u.Host)
	}
	return nil
}
