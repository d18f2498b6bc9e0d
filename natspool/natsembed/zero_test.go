package natsembed

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAServerThatStartHasNotMade(t *testing.T) {
	for _, s := range []*Server{nil, {}} {
		_, err := s.Connect()
		require.ErrorIs(t, err, ErrClosed)
		require.ErrorIs(t, s.Ready(t.Context()), ErrClosed)
		assert.Empty(t, s.URL())
		assert.False(t, s.Memory())
		s.Shutdown()
	}
}
