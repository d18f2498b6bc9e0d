package natsembed

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const loopback = "127.0.0.1"

// An address is where to listen. The zero value is nowhere.
type address struct {
	host string
	port int
}

// parseListen reads "host:port", ":port" or "port". It reports false for
// anything else.
func parseListen(s string) (address, bool) {
	if !strings.Contains(s, ":") {
		s = ":" + s
	}
	a, ok := parseHostPort(s)
	// By name it might be another address than the one that was asked for.
	if a.host == "" || strings.EqualFold(a.host, "localhost") {
		a.host = loopback
	}
	return a, ok
}

func parseHostPort(s string) (address, bool) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, " /@") {
		return address{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return address{}, false
	}
	return address{host: host, port: int(n)}, true
}

func (a address) isLoopback() bool {
	ip, err := netip.ParseAddr(a.host)
	return err == nil && ip.Unmap().IsLoopback()
}

// serverPort is the port as the server's options have it: 0 would be its
// default, and -1 is one that is free.
func (a address) serverPort() int {
	if a.port == 0 {
		return -1
	}
	return a.port
}

// clientURL is how this machine reaches a server that listens on a, at the port
// it really has.
func (a address) clientURL(scheme string, port int) string {
	host := a.host
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = loopback
		if ip.Is6() {
			host = netip.IPv6Loopback().String()
		}
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
}
