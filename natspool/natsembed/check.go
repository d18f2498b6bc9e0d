package natsembed

import (
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
)

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Problems are all that is wrong with the options: who starts a server wants to
// correct them at once.
type problems []error

func (p *problems) add(format string, args ...any) {
	*p = append(*p, fmt.Errorf("%w: "+format, append([]any{ErrInvalidOption}, args...)...))
}

// withDefaults fills in what was left out, and returns what is wrong.
func (o Options) withDefaults() (Options, error) {
	var p problems
	o.checkStorage(&p)
	o.checkClients(&p)
	if o.Cluster != nil {
		o.Cluster.check(&p, o.AllowInsecure)
	}
	setDefault(&o.SyncEvery, defaultSyncEvery)
	setDefault(&o.MaxPayload, defaultMaxPayload)
	setDefault(&o.StartTimeout, defaultStartTimeout)
	return o, errors.Join(p...)
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (o *Options) checkStorage(p *problems) {
	switch {
	case o.Dir == "" && !o.Memory:
		p.add("Dir is empty, but must name a directory unless Memory is set")
	case o.Dir != "" && o.Memory:
		p.add("Dir is %q, but must be empty when Memory is set", o.Dir)
	}
	if o.SyncEvery != 0 && o.SyncEvery < minSyncEvery {
		p.add("SyncEvery is %v, but must be at least %v, or 0 for %v", o.SyncEvery, minSyncEvery, defaultSyncEvery)
	}
	if o.MaxStore < 0 {
		p.add("MaxStore is %d, but must be at least 1, or 0 for no fixed bound", o.MaxStore)
	}
	if o.MaxPayload != 0 && (o.MaxPayload < minMaxPayload || o.MaxPayload > maxMaxPayload) {
		p.add("MaxPayload is %d, but must be at least %d and at most %d, or 0 for %d",
			o.MaxPayload, minMaxPayload, maxMaxPayload, defaultMaxPayload)
	}
	if o.StartTimeout < 0 {
		p.add("StartTimeout is %v, but must be more than 0, or 0 for %v", o.StartTimeout, defaultStartTimeout)
	}
}

func (o *Options) checkClients(p *problems) {
	checkPair(p, "", o.Username, o.Password)
	if o.Token != "" && o.Username != "" {
		p.add("Token and Username are both set, but clients can present only one of them")
	}
	checkCertificate(p, "TLS", o.TLS)
	if o.Listen == "" {
		return
	}
	a, ok := parseListen(o.Listen)
	if !ok {
		p.addListen("Listen", o.Listen)
		return
	}
	if !o.AllowInsecure && !a.isLoopback() && o.Password == "" && o.Token == "" && !verifiesClients(o.TLS) {
		p.addInsecure("Listen", o.Listen, "Username and Password, Token, or TLS")
	}
}

func (c *Cluster) check(p *problems, allowInsecure bool) {
	for _, n := range []struct{ option, value string }{{"Name", c.Name}, {"ServerName", c.ServerName}} {
		if !validName.MatchString(n.value) {
			p.add("Cluster.%s is %q, but must have 1 to 64 letters, digits, dots, underscores and hyphens", n.option, n.value)
		}
	}
	if len(c.Routes) == 0 {
		p.add("Cluster.Routes is empty, but must have at least 1 address")
	}
	for i, r := range c.Routes {
		if a, ok := parseHostPort(r); !ok || a.host == "" || a.port == 0 {
			p.add(`Cluster.Routes[%d] is %q, but must be "host:port" with a port from 1 to 65535`, i, r)
		}
	}
	checkPair(p, "Cluster.", c.Username, c.Password)
	checkCertificate(p, "Cluster.TLS", c.TLS)
	a, ok := parseListen(c.Listen)
	if !ok {
		p.addListen("Cluster.Listen", c.Listen)
		return
	}
	if !allowInsecure && !a.isLoopback() && c.Password == "" && !verifiesClients(c.TLS) {
		p.addInsecure("Cluster.Listen", c.Listen, "Cluster.Username and Cluster.Password, or Cluster.TLS")
	}
}

func (p *problems) addListen(option, value string) {
	p.add(`%s is %q, but must be "host:port", ":port" or "port", with a port from 0 to 65535`, option, value)
}

func (p *problems) addInsecure(option, value, remedy string) {
	p.add("%s is %q, which others than this machine can reach, but nothing says who may connect: set %s "+
		"with ClientAuth tls.RequireAndVerifyClientCert, or AllowInsecure", option, value, remedy)
}

func checkPair(p *problems, prefix, username, password string) {
	switch {
	case username != "" && password == "":
		p.add("%sPassword is empty, but must be set with %sUsername %q", prefix, prefix, username)
	case username == "" && password != "":
		p.add("%sUsername is empty, but must be set with %sPassword", prefix, prefix)
	}
}

func checkCertificate(p *problems, option string, c *tls.Config) {
	if c != nil && len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		p.add("%s has no certificate, but a server needs at least 1", option)
	}
}

// verifiesClients reports whether c lets in only who has a certificate. Without
// that, TLS keeps others from listening, not from connecting.
func verifiesClients(c *tls.Config) bool {
	return c != nil && c.ClientAuth == tls.RequireAndVerifyClientCert
}
