package natspool_test

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// management is a connection beside those of the pools.
func management(t *testing.T, s *natsembed.Server) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect()
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// Processes that come and go, each with a call of Do, would fill the server with consumers.
func TestTheConsumerOfDoEndsWithItsPool(t *testing.T) {
	s := startMem(t)
	newPool(t, s, double)
	end := map[string]func(*natspool.Pool[int, int]){
		"Leave": func(c *natspool.Pool[int, int]) { require.NoError(t, c.Leave(soon(t))) },
		"Stop":  func(c *natspool.Pool[int, int]) { c.Stop() },
	}
	results, err := management(t, s).Stream(soon(t), "WP_test_RESULTS")
	require.NoError(t, err)
	for how, end := range end {
		c := newClient[int, int](t, s)
		_, err := c.Do(soon(t), 1)
		require.NoError(t, err)
		end(c)
		for name := range results.ConsumerNames(soon(t)).Name() {
			t.Errorf("%s: %s is left", how, name)
		}
	}
}

// A server allows 1,000 consumers of a stream that says nothing.
func TestAsManyPartitionsAsDocumented(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, double, natspool.WithPartitions(1<<10))
	require.NoError(t, p.Submit(soon(t), 1, natspool.Key("k")))
	require.NoError(t, (<-p.Results()).Err)
	p.Stop()
}

// It was made before, or somebody has seen to it.
func TestStreamsWithAnotherNumberOfConsumers(t *testing.T) {
	s := startMem(t)
	newClient[int, int](t, s).Stop()
	js := management(t, s)
	for _, name := range []string{"WP_test_JOBS", "WP_test_RESULTS"} {
		stream, err := js.Stream(soon(t), name)
		require.NoError(t, err)
		cfg := stream.CachedInfo().Config
		assert.Equal(t, 1<<16, cfg.MaxConsumers)
		cfg.MaxConsumers = 7
		_, err = js.UpdateStream(soon(t), cfg)
		require.NoError(t, err)
	}
	p := newPool(t, s, double)
	v, err := p.Do(soon(t), 1)
	require.NoError(t, err)
	assert.Equal(t, 2, v)
	stream, err := js.Stream(soon(t), "WP_test_JOBS")
	require.NoError(t, err)
	assert.Equal(t, 7, stream.CachedInfo().Config.MaxConsumers)
}

func TestAnAccountThatAllowsFewConsumers(t *testing.T) {
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	require.NoError(t, err)
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	require.NoError(t, s.GlobalAccount().UpdateJetStreamLimits(map[string]server.JetStreamAccountLimits{
		"": {MaxMemory: -1, MaxStore: -1, MaxStreams: -1, MaxConsumers: 20},
	}))
	nc, err := nats.Connect("", nats.InProcessServer(s))
	require.NoError(t, err)
	defer nc.Close()
	p, err := natspool.New(t.Context(), "test", double, natspool.WithConn(nc))
	require.NoError(t, err)
	v, err := p.Do(soon(t), 1)
	require.NoError(t, err)
	assert.Equal(t, 2, v)
	p.Stop()
}
