package natspool

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// startMem starts a server that stores in memory and listens nowhere.
func startMem(t *testing.T) *natsembed.Server {
	t.Helper()
	s, err := natsembed.Start(natsembed.Options{Memory: true})
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	return s
}

// newTestBase is a pool of which nothing goes on yet, on a server of its own.
func newTestBase(t *testing.T) *base {
	t.Helper()
	b, err := newBase(t.Context(), "test", []Option{WithServer(startMem(t))})
	require.NoError(t, err)
	t.Cleanup(b.hangUp)
	return b
}
