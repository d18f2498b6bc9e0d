package natspool_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

func TestQueueCountsDelayedJobs(t *testing.T) {
	b := newBlocker()
	p := newPool(t, startMem(t), b.run, natspool.WithWorkers(2), natspool.WithPrefetch(0))
	queue := func() natspool.QueueStats {
		q, err := p.Queue(soon(t))
		require.NoError(t, err)
		return q
	}
	require.NoError(t, p.Submit(soon(t), 1, natspool.Delay(time.Hour)))
	require.NoError(t, p.Submit(soon(t), 2))
	<-b.began
	assert.Equal(t, natspool.QueueStats{Stored: 1, InFlight: 1, Delayed: 1}, queue())
	require.NoError(t, p.Submit(soon(t), 3, natspool.Delay(time.Millisecond)))
	assert.Equal(t, 3, <-b.began)
	q := queue()
	assert.Equal(t, 1, q.Stored)
	assert.Equal(t, 2, q.InFlight)
	assert.GreaterOrEqual(t, q.Delayed, 2)
	close(b.free)
}
