package natsembed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// How often to look at what the server does not announce.
const (
	startPoll = 5 * time.Millisecond
	readyPoll = 25 * time.Millisecond
)

// A Server is a NATS JetStream server in this process. Its methods may be called
// by several goroutines at once.
type Server struct {
	opts  Options
	srv   *natsserver.Server
	store *storage
	id    *identity // nil: nobody is asked
	log   *serverLog
	url   string

	down chan struct{} // closed when Shutdown begins
	stop sync.Once

	mu    sync.Mutex
	conns []*nats.Conn // made by Connect; nil once Shutdown has begun
}

// Start starts a server and returns when it serves. In a cluster that may be
// before it has found the others: see [Server.Ready].
//
// Start fails if options are invalid, with one error for each, joined, that wrap
// [ErrInvalidOption]; if another server uses the directory, with [ErrInUse]; if
// the server cannot store or listen; and if it is not up in
// [Options].StartTimeout, with an error that says what it was waiting for. Then
// nothing is left running. Recovery of what is stored cannot be interrupted: a
// Start that takes too long for that reason returns only when it is done.
func Start(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	store, err := openStorage(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := newServer(o, store)
	if err == nil {
		err = s.run()
	}
	if err != nil {
		return nil, errors.Join(err, store.close())
	}
	return s, nil
}

func newServer(o Options, store *storage) (*Server, error) {
	so, id := o.serverOptions(store.dir)
	srvLog := newServerLog(o.Logger)
	srvLog.ignore = expectedFailure(so)
	srv, err := natsserver.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("natsembed: creating the server: %w", err)
	}
	srv.SetLoggerV2(srvLog, false, false, false)
	return &Server{
		opts: o, srv: srv, store: store, id: id, log: srvLog,
		down:  make(chan struct{}),
		conns: []*nats.Conn{},
	}, nil
}

// run starts the server. If that fails the server is down when run returns.
func (s *Server) run() error {
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.srv.Start()
	}()
	timer := time.NewTimer(s.opts.StartTimeout)
	defer timer.Stop()
	err := s.awaitUp(started, timer.C)
	if err == nil && s.opts.Memory {
		err = s.refuseFiles()
	}
	if err != nil {
		// A shutdown in the middle of the start would miss what starts later.
		<-started
		s.srv.Shutdown()
		s.srv.WaitForShutdown()
		return err
	}
	s.url = s.clientURL()
	s.warn()
	return nil
}

func (s *Server) awaitUp(started <-chan struct{}, timeout <-chan time.Time) error {
	select {
	case <-started:
		return s.awaitComplete(timeout)
	case <-timeout:
		return s.timeoutError(fmt.Sprintf("the streams in %q to be recovered", s.store.dir))
	}
}

// awaitComplete waits for what the server does after its Start has returned.
func (s *Server) awaitComplete(timeout <-chan time.Time) error {
	tick := time.NewTicker(startPoll)
	defer tick.Stop()
	for {
		missing := s.missing()
		if missing == "" {
			return nil
		}
		select {
		case <-s.log.fatal:
			return fmt.Errorf("natsembed: starting the server: %s", s.log.cause)
		case <-tick.C:
		case <-timeout:
			return s.timeoutError(missing)
		}
	}
}

func (s *Server) timeoutError(missing string) error {
	return fmt.Errorf("natsembed: the server was not up after %v: waited for %s", s.opts.StartTimeout, missing)
}

// missing says what a server whose Start has returned still lacks.
func (s *Server) missing() string {
	switch {
	case !s.srv.JetStreamEnabled():
		return "JetStream to be enabled"
	case s.opts.Listen != "" && s.srv.Addr() == nil:
		return fmt.Sprintf("clients to be listened for on %q", s.opts.Listen)
	case s.opts.Cluster != nil && s.srv.ClusterAddr() == nil:
		return fmt.Sprintf("the cluster to be listened for on %q", s.opts.Cluster.Listen)
	}
	return ""
}

// refuseFiles makes the server refuse streams on disk.
func (s *Server) refuseFiles() error {
	acc, err := s.srv.LookupAccount(natsserver.DEFAULT_GLOBAL_ACCOUNT)
	if err == nil {
		err = acc.UpdateJetStreamLimits(map[string]natsserver.JetStreamAccountLimits{"": {
			MaxMemory:            -1,
			MaxStore:             0,
			MaxStreams:           -1,
			MaxConsumers:         -1,
			MaxAckPending:        -1,
			MemoryMaxStreamBytes: -1,
			StoreMaxStreamBytes:  -1,
		}})
	}
	if err != nil {
		return fmt.Errorf("natsembed: restricting the server to memory: %w", err)
	}
	return nil
}

func (s *Server) clientURL() string {
	a, ok := parseListen(s.opts.Listen)
	tcp, isTCP := s.srv.Addr().(*net.TCPAddr)
	if !ok || !isTCP {
		return ""
	}
	scheme := "nats"
	if s.opts.TLS != nil {
		scheme = "tls"
	}
	return a.clientURL(scheme, tcp.Port)
}

// warn says what is allowed but seldom meant.
func (s *Server) warn() {
	a, ok := parseListen(s.opts.Listen)
	if ok && !a.isLoopback() && s.opts.TLS == nil && s.id != nil {
		s.log.Warnf("Listen is %q without TLS: credentials and messages cross the network in the clear", s.opts.Listen)
	}
	if c := s.opts.Cluster; c != nil {
		if a, _ := parseListen(c.Listen); !a.isLoopback() && c.TLS == nil {
			s.log.Warnf("Cluster.Listen is %q without TLS: credentials and messages cross the network in the clear", c.Listen)
		}
	}
}

// Connect returns a connection to the server that does not touch the network
// and needs no credentials. Unless opts say otherwise, it reconnects without
// limit.
//
// The caller closes the connection. Shutdown closes those that are still open,
// since a server that was shut down does not come back: a new Start makes another.
// After Shutdown has begun, Connect fails at once with [ErrClosed].
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	if s.isDown() {
		return nil, ErrClosed
	}
	all := append([]nats.Option{nats.MaxReconnects(-1)}, opts...)
	all = append(all, nats.InProcessServer(s.srv))
	if s.id != nil {
		all = append(all, nats.UserInfo(s.id.username, s.id.password))
	}
	// The address is a name for messages only.
	nc, err := nats.Connect("nats://in-process", all...)
	if err != nil {
		if s.isDown() {
			return nil, ErrClosed
		}
		return nil, fmt.Errorf("natsembed: connecting: %w", err)
	}
	if !s.keep(nc) {
		nc.Close()
		return nil, ErrClosed
	}
	return nc, nil
}

// keep remembers nc for Shutdown. It reports false if that has begun.
func (s *Server) keep(nc *nats.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return false
	}
	open := s.conns[:0]
	for _, c := range s.conns {
		if !c.IsClosed() {
			open = append(open, c)
		}
	}
	clear(s.conns[len(open):])
	s.conns = append(open, nc)
	return true
}

// isDown reports whether the server is shut down; one that Start has not made always was.
func (s *Server) isDown() bool {
	if s == nil || s.srv == nil {
		return true
	}
	select {
	case <-s.down:
		return true
	default:
		return false
	}
}

// URL returns where processes on this machine connect to the server, with the
// port it really has. It is "" if the server listens nowhere. It does not contain
// credentials, and stays the same after Shutdown.
func (s *Server) URL() string {
	if s == nil {
		return ""
	}
	return s.url
}

// Memory reports whether the server keeps everything in memory, so that streams
// have to be created with memory storage.
func (s *Server) Memory() bool { return s != nil && s.opts.Memory }

// Ready blocks until the server can create streams. A single server can when
// Start has returned. A server in a cluster can when a majority of the servers
// has elected a leader and this one knows all that was decided. It can stop being
// ready later, when too few of the servers are left.
//
// Ready fails if ctx ends first, with an error that wraps the cause and says what
// it was waiting for, and with [ErrClosed] after Shutdown has begun.
func (s *Server) Ready(ctx context.Context) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		if s.isDown() {
			return ErrClosed
		}
		missing := s.unready()
		if missing == "" {
			return nil
		}
		select {
		case <-s.down:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("natsembed: server %q of cluster %q is not ready: waited for %s: %w",
				s.opts.Cluster.ServerName, s.opts.Cluster.Name, missing, context.Cause(ctx))
		}
	}
}

// unready says what a server in a cluster lacks.
func (s *Server) unready() string {
	if s.opts.Cluster == nil {
		return ""
	}
	info, err := s.srv.Jsz(&natsserver.JSzOptions{})
	switch {
	case err != nil || info.Meta == nil || info.Meta.Leader == "":
		return "a leader to be elected"
	case !s.srv.JetStreamIsCurrent():
		return "this server to catch up with the leader"
	}
	return ""
}

// Shutdown closes the connections that Connect has made, takes the server down,
// waits until it is, and releases the directory. What was acknowledged is stored.
// It may be called several times: each call returns when the server is down.
func (s *Server) Shutdown() {
	if s == nil || s.srv == nil {
		return
	}
	s.stop.Do(func() {
		close(s.down)
		s.mu.Lock()
		conns := s.conns
		s.conns = nil
		s.mu.Unlock()
		for _, nc := range conns {
			nc.Close()
		}
		s.srv.Shutdown()
		s.srv.WaitForShutdown()
		if err := s.store.close(); err != nil {
			s.log.Errorf("%v", err)
		}
	})
}
