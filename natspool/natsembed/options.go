package natsembed

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"
)

// Defaults and bounds of [Options].
const (
	defaultSyncEvery    = time.Second
	defaultStartTimeout = 10 * time.Second
	defaultMaxPayload   = 1 << 20

	minSyncEvery  = time.Millisecond
	minMaxPayload = 1 << 10
	maxMaxPayload = 64 << 20 // what the server lets one client have outstanding
)

// What the errors of this package wrap.
var (
	// ErrInvalidOption is wrapped by each error that Start returns about an option.
	ErrInvalidOption = errors.New("natsembed: invalid option")
	// ErrInUse is wrapped by the error that Start returns when another server has
	// the lock on [Options].Dir.
	ErrInUse = errors.New("natsembed: directory is in use by another server")
	// ErrClosed is returned by methods of a Server that has been shut down.
	ErrClosed = errors.New("natsembed: server is shut down")
)

// Options says what [Start] starts. Dir or Memory is required, everything else
// has a default.
type Options struct {
	// Dir is the directory where streams are stored. It is created if it is
	// missing. What the server writes is readable by its user only. One server
	// at a time may use it.
	Dir string

	// Memory keeps everything in memory. Streams must be created with memory
	// storage: the server refuses others. All is gone after Shutdown. The server
	// writes a few kilobytes about itself to a temporary directory, which Shutdown
	// removes. Memory excludes Dir.
	Memory bool

	// SyncEvery is how often written data is forced to disk: what a power failure
	// can cost at most. The default is one second, the least one millisecond.
	SyncEvery time.Duration

	// SyncAlways forces data to disk before it is acknowledged.
	SyncAlways bool

	// MaxStore is how many bytes the streams may hold, on disk or with Memory in
	// memory. Beyond it the server refuses to store, with a JetStream error. The
	// default is no fixed bound. The server then takes at most three quarters of
	// what is free when it starts, since it cannot work on a disk that is full.
	// Pools of package natspool need room for results besides their jobs: jobs
	// that have filled the store don't go on until it gets more. Have them take
	// less than half of it (natspool.WithCapacity).
	MaxStore int64

	// MaxPayload is how many bytes one message may have, from 1 KiB to 64 MiB. The
	// default is 1 MiB. All servers of a cluster should have the same.
	MaxPayload int32

	// Listen is where other processes connect: "host:port", or ":port" or "port"
	// for the loopback interface. Port 0 picks one that is free. The default is
	// not to listen: only this process can connect, by [Server.Connect].
	Listen string

	// TLS is for connections that come over Listen. It needs a certificate. With
	// ClientAuth set to [tls.RequireAndVerifyClientCert] it decides who may connect.
	TLS *tls.Config

	// Username and Password, or Token, are what clients have to present. A Password
	// or Token may be a bcrypt hash of it. [Server.Connect] needs none of them.
	Username, Password, Token string

	// AllowInsecure lets the server listen beyond the loopback interface without
	// knowing who connects. Everybody who reaches the port can then read, write and
	// delete every stream.
	AllowInsecure bool

	// Cluster makes the server one of several. The default is a single server.
	Cluster *Cluster

	// Logger gets what the server says: errors, warnings, and at the level Info
	// what it does. The default is to send warnings and errors to [slog.Default].
	// The server never writes to the standard error output by itself.
	Logger *slog.Logger

	// StartTimeout is how long the server may take to come up. The default is 10 s.
	// A directory with very many messages may need more.
	StartTimeout time.Duration
}

// Cluster says to which cluster a server belongs. Streams with three replicas
// need three servers. A new cluster elects its first leader when all servers in
// Routes are up. Later a majority is enough.
type Cluster struct {
	// Name is the same on all servers of the cluster.
	Name string

	// ServerName is different on each server, and stays the same when one is
	// started again. Names have up to 64 letters, digits, dots, underscores and
	// hyphens.
	ServerName string

	// Listen is where the other servers connect, in the form of [Options].Listen.
	Listen string

	// Routes are the addresses of all servers of the cluster, "host:port", so that
	// all can have the same list. The own address may be left out. At least one is
	// required.
	Routes []string

	// TLS is used in both directions, so it needs a certificate and the roots of
	// the others' certificates. Where Listen is beyond the loopback interface and
	// there is no password, ClientAuth has to be [tls.RequireAndVerifyClientCert].
	TLS *tls.Config

	// Username and Password are what the servers present to each other.
	Username, Password string
}
