package natspool

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A job has one id, whichever lane it is in.
func TestP6_SameIDWithAnotherKey(t *testing.T) {
	b, err := newBase(t.Context(), "test", []Option{WithServer(startMem(t)), WithPartitions(4)})
	require.NoError(t, err)
	t.Cleanup(b.hangUp)
	b.line.set(true)
	submit := func(id, key string) error {
		// The server remembers a message id for a moment; what counts is what it knows after that.
		s := submission{id: id, given: true, msgID: NewID(), key: key, keyed: key != ""}
		return b.submit(t.Context(), "Submit", []byte("1"), s, b.cfg.mailbox, true)
	}
	for _, first := range []string{"", "a", "b", "c"} {
		id := "first" + first
		require.NoError(t, submit(id, first))
		for _, key := range []string{"", "a", "b", "c", "d", "e"} {
			require.ErrorIs(t, submit(id, key), ErrDuplicate, "%q, then %q", first, key)
		}
	}
}
