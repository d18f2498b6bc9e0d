package faults_test

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy stands between clients and a server, and does to their connections what networks do.
type proxy struct {
	target   string
	listener net.Listener
	all      sync.WaitGroup

	mu    sync.Mutex
	pairs map[*pair]struct{}
	stale []*pair // of which neither side will ever hear again
	rules rules
	over  bool
}

// rules are what happens to bytes.
type rules struct {
	holeUp, holeDown bool // they vanish, from the client and to the client
	delay            time.Duration
}

// pair is a connection, and that to the server.
type pair struct {
	client, server net.Conn
	stale          atomic.Bool
}

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{target: target, listener: l, pairs: map[*pair]struct{}{}}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		p.over = true
		p.mu.Unlock()
		for _, c := range p.stale {
			c.reset()
		}
		p.cut()
		p.all.Wait()
	})
	return p
}

func (p *proxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c := &pair{client: client, server: server}
		p.mu.Lock()
		if p.over {
			p.mu.Unlock()
			c.reset()
			return
		}
		p.pairs[c] = struct{}{}
		p.mu.Unlock()
		p.all.Go(func() { p.carry(c, client, server, true) })
		p.all.Go(func() { p.carry(c, server, client, false) })
	}
}

// chunk is bytes that are on their way until a time.
type chunk struct {
	data []byte
	due  time.Time
}

func (p *proxy) carry(c *pair, from, to net.Conn, up bool) {
	way := make(chan chunk, 4096)
	p.all.Go(func() {
		for b := range way {
			time.Sleep(time.Until(b.due))
			if c.stale.Load() || p.swallows(up) {
				continue
			}
			if _, err := to.Write(b.data); err != nil {
				_ = from.Close()
			}
		}
		if !c.stale.Load() {
			p.drop(c)
		}
	})
	defer close(way)
	for {
		buf := make([]byte, 32<<10)
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		way <- chunk{buf[:n], time.Now().Add(p.current().delay)}
	}
}

func (p *proxy) current() rules {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rules
}

func (p *proxy) swallows(up bool) bool {
	r := p.current()
	return up && r.holeUp || !up && r.holeDown
}

// obey has the proxy follow other rules. Connections from which bytes have vanished can't be
// mended: they are cut when they are to be whole again.
func (p *proxy) obey(r rules) {
	p.mu.Lock()
	before := p.rules
	p.rules = r
	p.mu.Unlock()
	if before.holeUp && !r.holeUp || before.holeDown && !r.holeDown {
		p.cut()
	}
}

// cut resets all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	all := p.pairs
	p.pairs = map[*pair]struct{}{}
	p.mu.Unlock()
	for c := range all {
		c.reset()
	}
}

// forget has all connections of now go nowhere for ever, as a router does that was started
// anew. Neither side is told, not even when the other one gives up.
func (p *proxy) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.stale.Store(true)
		p.stale = append(p.stale, c)
	}
	p.pairs = map[*pair]struct{}{}
}

func (p *proxy) drop(c *pair) {
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
	c.reset()
}

// reset ends both sides with RST instead of FIN.
func (c *pair) reset() {
	for _, conn := range []net.Conn{c.client, c.server} {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}
