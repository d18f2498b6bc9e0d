package natsembed

import (
	"crypto/rand"
	"net"
	"net/url"
	"strconv"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
)

// noPort is not a port: who listens on it fails, everywhere and at once.
const noPort = 1 << 16

// An identity is what connections inside the process present, if the server asks
// for anything. It is good for them only.
type identity struct {
	username, password string
}

// serverOptions translates o, which has been checked, for a server in dir.
func (o *Options) serverOptions(dir string) (*natsserver.Options, *identity) {
	so := &natsserver.Options{
		// It remembers who listens to a subject. Here each job, result and answer has a subject of its own, so
		// that nothing is ever found there: without it a tiny job takes three quarters of the time.
		NoSublistCache:         true,
		NoSigs:                 true,
		NoLog:                  true,
		DontListen:             o.Listen == "",
		MaxPayload:             o.MaxPayload,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               dir,
		SyncInterval:           o.SyncEvery,
		SyncAlways:             o.SyncAlways,
	}
	if o.Memory {
		so.JetStreamMaxMemory = o.MaxStore
	} else {
		so.JetStreamMaxStore = o.MaxStore
	}
	if a, ok := parseListen(o.Listen); ok {
		so.Host, so.Port = a.host, a.serverPort()
	}
	if o.TLS != nil {
		so.TLSConfig = o.TLS.Clone()
	}
	id := o.addCredentials(so)
	if o.Cluster != nil {
		o.Cluster.addTo(so)
	}
	return so, id
}

// addCredentials makes the server ask for o's credentials, and adds a user for
// connections inside the process, which are to work without them. They could not
// present a password that is only known as a hash.
func (o *Options) addCredentials(so *natsserver.Options) *identity {
	if o.Username == "" && o.Token == "" {
		return nil
	}
	id := &identity{username: rand.Text(), password: rand.Text()}
	so.Users = []*natsserver.User{{
		Username:               id.username,
		Password:               id.password,
		AllowedConnectionTypes: map[string]struct{}{jwt.ConnectionTypeInProcess: {}},
	}}
	if o.Username != "" {
		so.Users = append(so.Users, &natsserver.User{Username: o.Username, Password: o.Password})
	}
	so.Authorization = o.Token
	return id
}

func (c *Cluster) addTo(so *natsserver.Options) {
	a, _ := parseListen(c.Listen)
	so.ServerName = c.ServerName
	so.Cluster.Name = c.Name
	so.Cluster.Host, so.Cluster.Port = a.host, a.serverPort()
	so.Cluster.Username, so.Cluster.Password = c.Username, c.Password
	if c.TLS != nil {
		so.Cluster.TLSConfig = c.TLS.Clone()
	}
	for _, r := range c.Routes {
		u := &url.URL{Scheme: "nats-route", Host: r}
		if c.Username != "" {
			u.User = url.UserPassword(c.Username, c.Password)
		}
		so.Routes = append(so.Routes, u)
	}
	if so.DontListen {
		// The server waits for its client listener before it connects to the others.
		// Told not to listen, it would wait for ever. Once it has failed to listen it
		// goes on without.
		so.DontListen = false
		so.Host, so.Port = loopback, noPort
	}
}

// expectedFailure is in the fatal error that a server logs when it is to fail to
// listen for clients.
func expectedFailure(so *natsserver.Options) string {
	if so.Port != noPort {
		return ""
	}
	return net.JoinHostPort(so.Host, strconv.Itoa(noPort))
}
