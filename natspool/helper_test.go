package natspool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

func newPool[T, R any](t testing.TB, s natspool.Connector, fn workerpool.Func[T, R], opts ...natspool.Option) *natspool.Pool[T, R] {
	t.Helper()
	p, err := natspool.New(t.Context(), "test", fn, append([]natspool.Option{natspool.WithServer(s)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop() })
	return p
}

func newClient[T, R any](t testing.TB, s natspool.Connector, opts ...natspool.Option) *natspool.Pool[T, R] {
	t.Helper()
	p, err := natspool.NewClient[T, R](t.Context(), "test", append([]natspool.Option{natspool.WithServer(s)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop() })
	return p
}

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }

// soon is a context for what happens within moments unless something is broken.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// startLocal starts a server that stores on disk and listens nowhere.
func startLocal(t testing.TB) *natsembed.Server {
	t.Helper()
	s, err := natsembed.Start(natsembed.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	return s
}
