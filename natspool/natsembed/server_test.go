package natsembed

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConnectAfterShutdown(t *testing.T) {
	s := startServer(t, Options{Memory: true})
	s.Shutdown()
	begin := time.Now()
	for _, opt := range []nats.Option{nats.Name("x"), nats.RetryOnFailedConnect(true)} {
		nc, err := s.Connect(opt)
		require.ErrorIs(t, err, ErrClosed)
		assert.Nil(t, nc)
	}
	assert.Less(t, time.Since(begin), time.Second)
	require.ErrorIs(t, s.Ready(t.Context()), ErrClosed)
}

// Connect must not hand out a connection that Shutdown does not know of.
func TestConnectDuringShutdown(t *testing.T) {
	s := startServer(t, Options{Memory: true})
	var connects sync.WaitGroup
	first := make(chan struct{}, 8)
	for range 8 {
		connects.Go(func() {
			for {
				nc, err := s.Connect()
				if err != nil {
					assert.ErrorIs(t, err, ErrClosed)
					return
				}
				select {
				case first <- struct{}{}:
				default:
					nc.Close()
				}
			}
		})
	}
	for range 8 {
		<-first
	}
	s.Shutdown()
	connects.Wait()
}

func TestConnectRejectsBadOption(t *testing.T) {
	s := startServer(t, Options{Memory: true})
	_, err := s.Connect(nats.Token("a"), nats.TokenHandler(func() string { return "b" }))
	require.ErrorIs(t, err, nats.ErrTokenAlreadySet)
	require.ErrorContains(t, err, "natsembed: connecting: ")
}

func TestConnectReconnectsForEver(t *testing.T) {
	s := startServer(t, Options{Memory: true})
	assert.Equal(t, -1, connect(t, s).Opts.MaxReconnect)
	assert.Equal(t, 3, connect(t, s, nats.MaxReconnects(3)).Opts.MaxReconnect)
	back := make(chan struct{})
	nc := connect(t, s, nats.ReconnectHandler(func(*nats.Conn) { close(back) }))
	require.NoError(t, nc.ForceReconnect())
	select {
	case <-back:
	case <-time.After(patience):
		require.Fail(t, "did not reconnect")
	}
	roundTrip(t, nc)
}

func TestShutdown(t *testing.T) {
	s := startServer(t, Options{Dir: t.TempDir(), Listen: ":0"})
	open, closed := connect(t, s), connect(t, s)
	closed.Close()
	remote, err := nats.Connect(s.URL(), nats.NoReconnect())
	require.NoError(t, err)
	defer remote.Close()
	url := s.URL()
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			s.Shutdown()
			assert.False(t, s.srv.Running())
			assert.False(t, s.store.lock.Locked())
		})
	}
	calls.Wait()
	s.Shutdown()
	assert.True(t, open.IsClosed())
	assert.Equal(t, url, s.URL())
}

// Connections that their owners have closed are not kept.
func TestClosedConnectionsAreForgotten(t *testing.T) {
	s := startServer(t, Options{Memory: true})
	for range 20 {
		connect(t, s).Close()
	}
	connect(t, s)
	assert.Len(t, s.conns, 1)
}

func TestReadyOfASingleServer(t *testing.T) {
	s := startServer(t, Options{Memory: true})
	require.NoError(t, s.Ready(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Ready(ctx), "it is ready whatever the context says")
}

func TestLogger(t *testing.T) {
	var log logBuffer
	s := startServer(t, Options{Memory: true, Logger: log.logger()})
	assert.Contains(t, log.String(), "level=INFO msg=\"Server is ready\" component=natsembed")
	assert.NotContains(t, log.String(), "level=WARN")
	s.Shutdown()
	assert.Contains(t, log.String(), "Server Exiting")
	assert.NotContains(t, log.String(), "level=WARN")
	assert.NotContains(t, log.String(), "level=ERROR")
}

func TestDefaultLoggerGetsWarningsOnly(t *testing.T) {
	noLeak(t)
	var log logBuffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(log.logger())
	s, err := Start(Options{Memory: true, Listen: "0.0.0.0:0", Token: "t"})
	require.NoError(t, err)
	s.Shutdown()
	assert.Contains(t, log.String(), "level=WARN")
	assert.Contains(t, log.String(), "without TLS: credentials and messages cross the network in the clear")
	assert.NotContains(t, log.String(), "level=INFO")
}
