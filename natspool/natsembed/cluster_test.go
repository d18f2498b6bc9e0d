package natsembed

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clusterOptions are for n servers on loopback that know each other.
func clusterOptions(t *testing.T, n int) []Options {
	t.Helper()
	var routes []string
	for _, port := range freePorts(t, n) {
		routes = append(routes, fmt.Sprintf("127.0.0.1:%d", port))
	}
	os := make([]Options, n)
	for i := range os {
		os[i] = Options{Dir: t.TempDir(), Cluster: &Cluster{
			Name: "jobs", ServerName: fmt.Sprintf("s%d", i), Listen: routes[i], Routes: routes,
			Username: "route", Password: "secret",
		}}
	}
	return os
}

func requireReady(t *testing.T, servers ...*Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, s := range servers {
		require.NoError(t, s.Ready(ctx))
	}
}

// eventually retries what fails while there is no leader.
func eventually(t *testing.T, what string, f func(context.Context) error) {
	t.Helper()
	var err error
	ok := assert.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = f(ctx)
		return err == nil
	}, patience, 10*time.Millisecond)
	require.True(t, ok, "%s: %v", what, err)
}

func mustPublish(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	eventually(t, "publish", func(ctx context.Context) error {
		_, err := js.Publish(ctx, "jobs", []byte("job 0"))
		return err
	})
}

// awaitReplicas waits until all servers have all of the stream, and returns which
// one leads it.
func awaitReplicas(t *testing.T, js jetstream.JetStream) string {
	t.Helper()
	var leader string
	eventually(t, "replicas", func(ctx context.Context) error {
		st, err := js.Stream(ctx, "JOBS")
		if err != nil {
			return err
		}
		c := st.CachedInfo().Cluster
		leader = c.Leader
		for _, r := range c.Replicas {
			if !r.Current || r.Offline || r.Lag > 0 {
				return fmt.Errorf("%s is behind", r.Name)
			}
		}
		if leader == "" || len(c.Replicas) != 2 {
			return fmt.Errorf("leader %q, %d replicas", leader, len(c.Replicas))
		}
		return nil
	})
	return leader
}

// One of three servers is another process, which is killed, and comes back. Then
// the stream's leader is shut down. The killed one does not lead the stream: to
// notice that takes the others too long for a short test.
func TestClusterSurvivesTheLossOfOne(t *testing.T) {
	os := clusterOptions(t, 3)
	servers := map[string]*Server{"s0": startServer(t, os[0]), "s1": startServer(t, os[1])}
	a, b := servers["s0"], servers["s1"]
	p := startProcess(t, os[2])
	requireReady(t, a, b)
	assert.Nil(t, a.srv.Addr(), "nobody asked to listen for clients")
	assert.Empty(t, a.URL())

	nc := connect(t, a)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	eventually(t, "create", func(ctx context.Context) error {
		_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: "JOBS", Subjects: []string{"jobs"}, Replicas: 3,
		})
		return err
	})
	publish(t, js, 100)
	for awaitReplicas(t, js) == "s2" {
		_, err := nc.Request("$JS.API.STREAM.LEADER.STEPDOWN.JOBS", nil, patience)
		require.NoError(t, err)
	}
	p.kill()
	mustPublish(t, js)

	startProcess(t, os[2])
	leader := awaitReplicas(t, js)
	require.Contains(t, servers, leader)
	servers[leader].Shutdown()
	delete(servers, leader)
	for _, left := range servers {
		js, err := jetstream.New(connect(t, left))
		require.NoError(t, err)
		mustPublish(t, js)
		requireReady(t, left)
		st, err := js.Stream(t.Context(), "JOBS")
		require.NoError(t, err)
		assert.GreaterOrEqual(t, st.CachedInfo().State.Msgs, uint64(102))
	}
}

func TestClusterWithTLS(t *testing.T) {
	ca := newAuthority(t)
	os := clusterOptions(t, 3)
	var servers []*Server
	for _, o := range os {
		o.Cluster.TLS = ca.mutual(t)
		o.Listen = ":0"
		o.Token = "t"
		servers = append(servers, startServer(t, o))
	}
	requireReady(t, servers...)
	for _, s := range servers {
		assert.NotEmpty(t, s.URL())
		roundTrip(t, connect(t, s))
	}
}

func TestClusterRefusesStrangers(t *testing.T) {
	os := clusterOptions(t, 2)
	var log logBuffer
	os[0].Logger = log.logger()
	os[1].Cluster.Password = "guess"
	a, b := startServer(t, os[0]), startServer(t, os[1])
	log.awaitText(t, "uthoriz")
	// Each counts the other until it has been refused.
	require.Eventually(t, func() bool { return a.srv.NumRoutes()+b.srv.NumRoutes() == 0 }, patience, time.Millisecond)
}

func TestReadyWaitsForALeader(t *testing.T) {
	s := startServer(t, clusterOptions(t, 3)[0])
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := s.Ready(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, `natsembed: server "s0" of cluster "jobs" is not ready: waited for a leader to be elected`)

	ended := make(chan error, 1)
	go func() { ended <- s.Ready(context.Background()) }()
	s.Shutdown()
	require.ErrorIs(t, <-ended, ErrClosed)
}
