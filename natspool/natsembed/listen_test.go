package natsembed

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listeners returns the sockets of this process that listen, as the kernel has
// them. It is empty where the kernel does not say.
func listeners(t *testing.T) []string {
	t.Helper()
	if runtime.GOOS != "linux" {
		return nil
	}
	own := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			own[to] = true
		}
	}
	var found []string
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile("/proc/self/net/" + table)
		if table == "tcp6" && os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			const listening = "0A"
			if f := strings.Fields(line); len(f) > 9 && f[3] == listening && own["socket:["+f[9]+"]"] {
				found = append(found, f[1])
			}
		}
	}
	return found
}

func TestListensNowhereByDefault(t *testing.T) {
	require.Empty(t, listeners(t))
	s := startServer(t, Options{Memory: true})
	assert.Empty(t, s.URL())
	assert.Nil(t, s.srv.Addr())
	assert.Nil(t, s.srv.ClusterAddr())
	assert.Nil(t, s.srv.MonitorAddr())
	assert.Nil(t, s.srv.ProfilerAddr())
	varz, err := s.srv.Varz(nil)
	require.NoError(t, err)
	assert.Zero(t, varz.HTTPPort)
	assert.Zero(t, varz.HTTPSPort)
	assert.Empty(t, listeners(t))
}

func TestListensOnLoopbackByDefault(t *testing.T) {
	for _, listen := range []string{"0", ":0", "127.0.0.1:0", "localhost:0", "LocalHost:0"} {
		s := startServer(t, Options{Memory: true, Listen: listen})
		addr := s.srv.Addr().(*net.TCPAddr)
		assert.Equal(t, "127.0.0.1", addr.IP.String(), listen)
		assert.Equal(t, fmt.Sprintf("nats://127.0.0.1:%d", addr.Port), s.URL())
		if runtime.GOOS == "linux" {
			assert.Len(t, listeners(t), 1)
		}
		nc, err := nats.Connect(s.URL())
		require.NoError(t, err)
		nc.Close()
		s.Shutdown()
		assert.Empty(t, listeners(t))
		_, err = nats.Connect(s.URL())
		require.ErrorIs(t, err, nats.ErrNoServers)
	}
}

func TestListensOnThePortItIsTold(t *testing.T) {
	for _, form := range []string{"%d", ":%d", "127.0.0.1:%d"} {
		port := freePorts(t, 1)[0]
		s := startServer(t, Options{Memory: true, Listen: fmt.Sprintf(form, port)})
		assert.Equal(t, fmt.Sprintf("nats://127.0.0.1:%d", port), s.URL())
		s.Shutdown()
	}
}

func TestListensBeyondLoopbackWhenTold(t *testing.T) {
	ca := newAuthority(t)
	for name, o := range map[string]Options{
		"insecure": {AllowInsecure: true},
		"password": {Username: "u", Password: "p"},
		"token":    {Token: "t"},
		"TLS":      {TLS: ca.mutual(t)},
	} {
		t.Run(name, func(t *testing.T) {
			o.Memory, o.Listen = true, "0.0.0.0:0"
			s := startServer(t, o)
			addr := s.srv.Addr().(*net.TCPAddr)
			assert.True(t, addr.IP.IsUnspecified())
			assert.Contains(t, s.URL(), fmt.Sprintf("://127.0.0.1:%d", addr.Port))
		})
	}
}

func TestRefusesToListenToStrangers(t *testing.T) {
	ca := newAuthority(t)
	oneWay := ca.server(t)
	optional := ca.server(t)
	optional.ClientAuth = tls.VerifyClientCertIfGiven
	for _, listen := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:4222", "example.com:4222"} {
		for _, c := range []*tls.Config{nil, oneWay, optional} {
			noLeak(t)
			_, err := Start(Options{Memory: true, Listen: listen, TLS: c})
			require.ErrorIs(t, err, ErrInvalidOption)
			require.ErrorContains(t, err, fmt.Sprintf("Listen is %q, which others than this machine can reach, "+
				"but nothing says who may connect: set Username and Password, Token, or TLS with ClientAuth "+
				"tls.RequireAndVerifyClientCert, or AllowInsecure", listen))
		}
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	dir := t.TempDir()
	for name, o := range map[string]Options{
		"clients": {Dir: dir, Listen: l.Addr().String()},
		"cluster": {Dir: dir, Cluster: &Cluster{
			Name: "c", ServerName: "a", Listen: l.Addr().String(), Routes: []string{"127.0.0.1:1"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			noLeak(t)
			var log logBuffer
			o.Logger = log.logger()
			_, err := Start(o)
			require.ErrorContains(t, err, "natsembed: starting the server: Error listening on")
			require.Regexp(t, "address already in use|Only one usage of each socket address", err.Error())
			assert.Contains(t, log.String(), "level=ERROR")
		})
	}
	s := startServer(t, Options{Dir: dir})
	assert.Empty(t, s.URL())
}

func TestURLOfAddresses(t *testing.T) {
	for listen, want := range map[string]string{
		"4222":              "nats://127.0.0.1:5",
		"0.0.0.0:0":         "nats://127.0.0.1:5",
		"[::]:0":            "nats://[::1]:5",
		"[::1]:4222":        "nats://[::1]:5",
		"192.0.2.1:4222":    "nats://192.0.2.1:5",
		"worker.example:42": "nats://worker.example:5",
	} {
		a, ok := parseListen(listen)
		require.True(t, ok, listen)
		assert.Equal(t, want, a.clientURL("nats", 5))
	}
}

func TestIsLoopback(t *testing.T) {
	for listen, want := range map[string]bool{
		"1": true, ":1": true, "localhost:1": true, "127.9.9.9:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "localhost.example:1": false,
	} {
		a, ok := parseListen(listen)
		require.True(t, ok, listen)
		assert.Equal(t, want, a.isLoopback(), listen)
	}
}

// freePorts returns ports that were free a moment ago.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
