package natspool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// newFrozenClient is one whose server says nothing from now on.
func newFrozenClient(t *testing.T) (*natspool.Pool[int, int], *natsembed.Server, *freezer) {
	t.Helper()
	s, url := startURL(t)
	newClient[int, int](t, s).Stop() // what the pool has is made
	f := newFreezer(t, strings.TrimPrefix(url, "nats://"))
	c, err := natspool.NewClient[int, int](t.Context(), "test",
		natspool.WithURL("nats://"+f.l.Addr().String()), natspool.WithTryTimeout(200*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(func() { c.Stop() })
	f.frozen.Store(true)
	return c, s, f
}

// moment is a context that ends soon.
func moment(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// The first call of Do asks the server for what all of them need. No other call waits longer for
// that than it would for the server.
func TestNobodyWaitsForAnothersInbox(t *testing.T) {
	c, _, f := newFrozenClient(t)
	did := make(chan error, 2)
	do := func() { _, err := c.Do(t.Context(), 1); did <- err }
	go do()
	eventually(t, f.held.Load) // it has asked, or is about to: the connection has nothing else to say
	within(t, 2*time.Second, "calls whose contexts end", func() {
		_, err := c.Do(moment(t), 1)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
		_, err = c.TryDo(t.Context(), 1)
		assert.ErrorIs(t, err, natspool.ErrUnavailable)
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
		_, err = c.SubmitAll(moment(t), func(yield func(int) bool) { yield(1) })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		c.Results()
	})
	go do() // waits for the first one, or begins when the pool is closed already
	within(t, 2*time.Second, "Close", func() {
		c.Close()
		for range cap(did) {
			err := <-did
			assert.ErrorIs(t, err, workerpool.ErrClosed)
			assert.NotErrorIs(t, err, natspool.ErrUnavailable)
		}
	})
}

// Results and Deliveries ask the server too, and share what the first one makes.
func TestNobodyWaitsForTheInboxOfResults(t *testing.T) {
	c, s, f := newFrozenClient(t)
	results := c.Results()
	eventually(t, f.held.Load)
	within(t, 2*time.Second, "calls whose contexts end", func() {
		_, err := c.Do(moment(t), 1)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = c.SubmitAll(moment(t), func(yield func(int) bool) { yield(1) })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		c.Deliveries()
	})
	f.frozen.Store(false)
	newPool(t, s, double, natspool.WithMailbox("other"))
	v, err := c.Do(soon(t), 2)
	require.NoError(t, err)
	assert.Equal(t, 4, v)
	c.Close()
	within(t, 20*time.Second, "both end", func() {
		deliveries := c.Deliveries()
		for results != nil || deliveries != nil { // the job of SubmitAll may have been stored
			select {
			case _, open := <-results:
				if !open {
					results = nil
				}
			case d, open := <-deliveries:
				if !open {
					deliveries = nil
				} else {
					assert.NoError(t, d.Ack())
				}
			}
		}
	})
}
