package natsembed

import (
	"bufio"
	"crypto/tls"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInvalidOptions(t *testing.T) {
	valid := func() Cluster {
		return Cluster{Name: "c", ServerName: "a", Listen: "127.0.0.1:0", Routes: []string{"127.0.0.1:7000"}}
	}
	cluster := func(change func(*Cluster)) Options {
		c := valid()
		change(&c)
		return Options{Memory: true, Cluster: &c}
	}
	for want, o := range map[string]Options{
		`Dir is empty, but must name a directory unless Memory is set`:                       {},
		`Dir is "x", but must be empty when Memory is set`:                                   {Dir: "x", Memory: true},
		`SyncEvery is -1s, but must be at least 1ms, or 0 for 1s`:                            {Memory: true, SyncEvery: -time.Second},
		`SyncEvery is 1µs, but must be at least 1ms, or 0 for 1s`:                            {Memory: true, SyncEvery: time.Microsecond},
		`MaxStore is -1, but must be at least 1, or 0 for no fixed bound`:                    {Memory: true, MaxStore: -1},
		`MaxPayload is 1023, but must be at least 1024 and at most 67108864`:                 {Memory: true, MaxPayload: 1023},
		`MaxPayload is 67108865, but must be at least 1024 and at most 67108864`:             {Memory: true, MaxPayload: 64<<20 + 1},
		`MaxPayload is -2147483648, but must be at least`:                                    {Memory: true, MaxPayload: math.MinInt32},
		`StartTimeout is -1ns, but must be more than 0, or 0 for 10s`:                        {Memory: true, StartTimeout: -1},
		`Listen is "here", but must be "host:port", ":port" or "port", with a port from 0`:   {Memory: true, Listen: "here"},
		`Listen is ":65536", but must be`:                                                    {Memory: true, Listen: ":65536"},
		`Listen is ":-1", but must be`:                                                       {Memory: true, Listen: ":-1"},
		`Listen is "::1", but must be`:                                                       {Memory: true, Listen: "::1"},
		`Listen is "nats://127.0.0.1:1", but must be`:                                        {Memory: true, Listen: "nats://127.0.0.1:1"},
		`Password is empty, but must be set with Username "u"`:                               {Memory: true, Username: "u"},
		`Username is empty, but must be set with Password`:                                   {Memory: true, Password: "secret"},
		`Token and Username are both set`:                                                    {Memory: true, Username: "u", Password: "secret", Token: "t"},
		`TLS has no certificate, but a server needs at least 1`:                              {Memory: true, TLS: &tls.Config{}},
		`Cluster.Name is "", but must have 1 to 64 letters`:                                  cluster(func(c *Cluster) { c.Name = "" }),
		`Cluster.Name is "a b", but must have 1 to 64 letters`:                               cluster(func(c *Cluster) { c.Name = "a b" }),
		`Cluster.ServerName is "` + strings.Repeat("x", 65) + `", but must have 1 to 64`:     cluster(func(c *Cluster) { c.ServerName = strings.Repeat("x", 65) }),
		`Cluster.Routes is empty, but must have at least 1 address`:                          cluster(func(c *Cluster) { c.Routes = nil }),
		`Cluster.Routes[0] is ":1", but must be "host:port" with a port from 1 to 65535`:     cluster(func(c *Cluster) { c.Routes = []string{":1"} }),
		`Cluster.Routes[1] is "h:0", but must be "host:port" with a port from 1 to 65535`:    cluster(func(c *Cluster) { c.Routes = []string{"h:1", "h:0"} }),
		`Cluster.Routes[0] is "u:p@h:1", but must be "host:port"`:                            cluster(func(c *Cluster) { c.Routes = []string{"u:p@h:1"} }),
		`Cluster.Listen is "", but must be "host:port"`:                                      cluster(func(c *Cluster) { c.Listen = "" }),
		`Cluster.Password is empty, but must be set with Cluster.Username "u"`:               cluster(func(c *Cluster) { c.Username = "u" }),
		`Cluster.TLS has no certificate, but a server needs at least 1`:                      cluster(func(c *Cluster) { c.TLS = &tls.Config{} }),
		`Cluster.Listen is "0.0.0.0:0", which others than this machine can reach, but noth`:  cluster(func(c *Cluster) { c.Listen = "0.0.0.0:0" }),
		`Listen is "worker1.example:4222", which others than this machine can reach, but no`: {Memory: true, Listen: "worker1.example:4222"},
	} {
		t.Run(want, func(t *testing.T) {
			noLeak(t)
			s, err := Start(o)
			require.ErrorIs(t, err, ErrInvalidOption)
			assert.Nil(t, s)
			assert.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "\n", "one error for one mistake")
			assert.NotContains(t, err.Error(), "secret")
			assert.True(t, strings.HasPrefix(err.Error(), "natsembed: "), err)
		})
	}
}

func TestAllInvalidOptionsAtOnce(t *testing.T) {
	dir := t.TempDir()
	_, err := Start(Options{
		Dir: dir, SyncEvery: -1, MaxStore: -1, MaxPayload: 1, Listen: "x", StartTimeout: -1, Username: "u",
		Cluster: &Cluster{},
	})
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, err)
	assert.Len(t, joined.Unwrap(), 6+4)
	for _, e := range joined.Unwrap() {
		assert.ErrorIs(t, e, ErrInvalidOption)
	}
	s := startServer(t, Options{Dir: dir})
	assert.NotNil(t, s, "the directory was never locked")
}

func TestSyncOptions(t *testing.T) {
	for _, c := range []struct {
		set    Options
		every  time.Duration
		always bool
	}{
		{Options{}, time.Second, false},
		{Options{SyncEvery: time.Millisecond}, time.Millisecond, false},
		{Options{SyncEvery: 2 * time.Minute}, 2 * time.Minute, false},
		{Options{SyncAlways: true}, time.Second, true},
		{Options{SyncAlways: true, MaxStore: 1 << 20}, time.Second, true},
	} {
		c.set.Dir = t.TempDir()
		s := startServer(t, c.set)
		varz, err := s.srv.Varz(nil)
		require.NoError(t, err)
		assert.Equal(t, c.every, varz.JetStream.Config.SyncInterval)
		assert.Equal(t, c.always, varz.JetStream.Config.SyncAlways)
		s.Shutdown()
	}
}

func TestMaxPayload(t *testing.T) {
	s := startServer(t, Options{Memory: true, MaxPayload: 1024})
	nc := connect(t, s)
	assert.EqualValues(t, 1024, nc.MaxPayload())
	js, _ := stream(t, nc, jetstream.StreamConfig{Storage: jetstream.MemoryStorage})
	_, err := js.Publish(t.Context(), "jobs", make([]byte, 1024))
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "jobs", make([]byte, 1025))
	require.ErrorIs(t, err, nats.ErrMaxPayload)
}

// A client that does not look at the bound itself is cut off.
func TestMaxPayloadIsTheServers(t *testing.T) {
	s := startServer(t, Options{Memory: true, MaxPayload: 1024})
	conn, err := s.srv.InProcessConn()
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	r := bufio.NewReader(conn)
	_, err = r.ReadString('\n') // INFO
	require.NoError(t, err)
	go func() { _, _ = conn.Write([]byte("CONNECT {\"verbose\":false}\r\nPUB jobs 1025\r\n")) }()
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "-ERR 'Maximum Payload Violation'\r\n", line)
}

func TestMaxPayloadBounds(t *testing.T) {
	for set, want := range map[int32]int64{0: 1 << 20, 1 << 10: 1 << 10, 64 << 20: 64 << 20} {
		s := startServer(t, Options{Memory: true, MaxPayload: set})
		assert.Equal(t, want, connect(t, s).MaxPayload())
		s.Shutdown()
	}
}

func TestMaxStore(t *testing.T) {
	const bound = 64 << 10
	for name, c := range map[string]struct {
		o       Options
		storage jetstream.StorageType
	}{
		"Dir":    {Options{Dir: t.TempDir(), MaxStore: bound}, jetstream.FileStorage},
		"Memory": {Options{Memory: true, MaxStore: bound}, jetstream.MemoryStorage},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, c.o)
			js, st := stream(t, connect(t, s), jetstream.StreamConfig{Storage: c.storage})
			var err error
			n := 0
			for ; err == nil && n < 100; n++ {
				_, err = js.Publish(t.Context(), "jobs", make([]byte, 4<<10))
			}
			var api *jetstream.APIError
			require.ErrorAs(t, err, &api)
			assert.EqualValues(t, 10023, api.ErrorCode)
			assert.Equal(t, "insufficient resources", api.Description)
			assert.Greater(t, n, 10, "refused before the bound")
			info, err := st.Info(t.Context())
			require.NoError(t, err)
			assert.LessOrEqual(t, info.State.Bytes, uint64(bound)+4<<10+100)
		})
	}
}

func TestMemoryRefusesFiles(t *testing.T) {
	s := startServer(t, Options{Memory: true})
	assert.True(t, s.Memory())
	js, err := jetstream.New(connect(t, s))
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "JOBS", Storage: jetstream.FileStorage})
	var api *jetstream.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, "insufficient storage resources available", api.Description)
	temp := s.store.dir
	require.DirExists(t, temp)
	s.Shutdown()
	assert.NoDirExists(t, temp)
}

func TestStartTimeout(t *testing.T) {
	noLeak(t)
	dir := t.TempDir()
	_, err := Start(Options{Dir: dir, StartTimeout: 1})
	require.ErrorContains(t, err, "natsembed: the server was not up after 1ns: waited for the streams in")
	assert.NotErrorIs(t, err, ErrInvalidOption)
	assert.Empty(t, listeners(t))
	s := startServer(t, Options{Dir: dir, StartTimeout: time.Minute})
	assert.False(t, s.Memory())
}

// Each part of the server that can be late is named.
func TestStartTimeoutSaysWhatIsMissing(t *testing.T) {
	noLeak(t)
	timeout := make(chan time.Time)
	close(timeout)
	o, err := Options{Dir: t.TempDir(), StartTimeout: time.Second}.withDefaults()
	require.NoError(t, err)
	store, err := openStorage(o.Dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, store.close()) }()
	s, err := newServer(o, store)
	require.NoError(t, err)
	err = s.awaitComplete(timeout)
	require.ErrorContains(t, err, "not up after 1s: waited for JetStream to be enabled")

	up := startServer(t, Options{Memory: true})
	up.opts.Listen = ":7"
	assert.Equal(t, `clients to be listened for on ":7"`, up.missing())
	up.opts.Listen, up.opts.Cluster = "", &Cluster{Listen: ":8"}
	assert.Equal(t, `the cluster to be listened for on ":8"`, up.missing())
	up.opts.Cluster = nil
	assert.Empty(t, up.missing())
}
