package natspool

import (
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Results are removed by their number alone only where that removes nobody else's, nor one that has
// the sequence of a result that the server has forgotten.
func TestAllOurs(t *testing.T) {
	ctx, b := t.Context(), newTestBase(t)
	for _, a := range []string{"m.1", "m.2", "other.3", "m.4"} {
		_, err := b.remote.js.Publish(ctx, b.remote.subject("res", a), nil)
		require.NoError(t, err)
	}
	i := &inbox{b: b, mailbox: "m"}
	i.past.add(1)
	assert.True(t, i.allOurs(ctx, 1))
	assert.False(t, i.allOurs(ctx, 2), "one that was not read")
	i.past.add(2)
	assert.True(t, i.allOurs(ctx, 2))
	i.past.add(4)
	assert.False(t, i.allOurs(ctx, 4), "one of another mailbox")
	i.gone = 1
	assert.False(t, i.allOurs(ctx, 2), "one from before the connection")
	require.NoError(t, b.remote.results.Purge(ctx, jetstream.WithPurgeSequence(2)))
	assert.True(t, i.allOurs(ctx, 2))
}

// However often connections end, what was read before is removed some time: each holds back only what
// was read just before it, and that not for long.
func TestComebacks(t *testing.T) {
	begin := time.Now()
	var c comebacks
	assert.EqualValues(t, uint64(math.MaxUint64), c.upTo())
	for n := range 100 {
		now := begin.Add(time.Duration(n) * time.Second)
		c = append(c, comeback{uint64(10 * n), now.Add(6 * time.Second)}).since(now)
		assert.EqualValues(t, max(0, 10*(n-6)), c.upTo())
	}
	assert.Empty(t, c.since(begin.Add(200*time.Second)))
}
