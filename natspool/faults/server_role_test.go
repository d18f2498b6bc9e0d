//go:build linux

package faults_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime/metrics"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// serverSpec is what a server process is told.
type serverSpec struct {
	Dir      string
	Port     int // -1: the kernel chooses
	Name     string
	Cluster  int   // port; 0: none
	Routes   []int // ports of the others
	MaxStore int64
	User     string
	Password string
}

// serve is the role of a server.
func serve(spec serverSpec) int {
	o := natsembed.Options{
		Dir: spec.Dir, Listen: loopback(max(0, spec.Port)), MaxStore: spec.MaxStore, Username: spec.User, Password: spec.Password,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), StartTimeout: patience,
	}
	if spec.Cluster != 0 {
		o.Cluster = &natsembed.Cluster{Name: "faults", ServerName: spec.Name, Listen: loopback(spec.Cluster)}
		for _, port := range spec.Routes {
			o.Cluster.Routes = append(o.Cluster.Routes, loopback(port))
		}
	}
	s, err := natsembed.Start(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	at, err := url.Parse(s.URL())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	port, _ := strconv.Atoi(at.Port())
	say("listens", "", port, nil)
	go func() {
		if s.Ready(context.Background()) == nil { // of a cluster when a majority is there
			say("ready", "", 0, nil)
		}
	}()
	commands(func(command string) {
		switch command {
		case "shutdown":
			s.Shutdown()
			os.Exit(0)
		case "memory":
			say("memory", "", liveKiB(), nil)
		}
	})
	return 0
}

// liveKiB is how much of the heap was in use when garbage was last collected. What the system
// says that a process has is several times as much, and depends on how long ago it began.
func liveKiB() int {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64() >> 10)
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// serverProcess is a server that may be killed and started again on its directory and port.
type serverProcess struct {
	t    testing.TB
	spec serverSpec
	*child
}

func startServer(t testing.TB, spec serverSpec) *serverProcess {
	t.Helper()
	if spec.Dir == "" {
		spec.Dir = t.TempDir()
	}
	if spec.Port == 0 {
		spec.Port = -1
	}
	s := &serverProcess{t: t, spec: spec}
	s.start()
	return s
}

// start starts it, at the port that it had before.
func (s *serverProcess) start() {
	s.t.Helper()
	s.launch()
	s.spec.Port = s.await("listens").N
}

// launch starts it without waiting.
func (s *serverProcess) launch() { s.child = spawn(s.t, "server", "server "+s.spec.Name, s.spec) }

func (s *serverProcess) url() string {
	at := url.URL{Scheme: "nats", Host: loopback(s.spec.Port)}
	if s.spec.User != "" {
		at.User = url.UserPassword(s.spec.User, s.spec.Password)
	}
	return at.String()
}

// shutDown ends it in good order.
func (s *serverProcess) shutDown() {
	s.t.Helper()
	s.tell("shutdown")
	require.Zero(s.t, s.end(), "exit code of the server")
}

// freePorts has the kernel choose ports that the servers of a cluster are to know of each
// other before the first one starts.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
