package natspool

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A queue that keeps what is acknowledged stands for one that has forgotten to remove it.
func TestOrphans(t *testing.T) {
	ctx, b := t.Context(), newTestBase(t)
	js := b.remote.js
	cfg := b.remote.jobs.CachedInfo().Config
	cfg.Retention = jetstream.LimitsPolicy
	require.NoError(t, js.DeleteStream(ctx, cfg.Name))
	var err error
	b.remote.jobs, err = js.CreateStream(ctx, cfg)
	require.NoError(t, err)
	w, err := newWorker(ctx, b, func(context.Context, []byte) ([]byte, error) { return nil, nil })
	require.NoError(t, err)
	defer func() { w.outbox.close(); w.pool.Stop() }()

	finished, lost, private, held := address{"m", "finished"}, address{"m", "lost"}, address{privateMark + "x", "private"}, address{"m", "held"}
	job := func(a address) string { return b.remote.subject("job", laneAny, a.String()) }
	for _, a := range []address{finished, lost, private, held} {
		_, err := js.PublishMsg(ctx, &nats.Msg{Subject: job(a), Data: []byte("1"), Header: nats.Header{headerKey: {"k"}}})
		require.NoError(t, err)
		m, err := b.nc.Request("$JS.API.CONSUMER.MSG.NEXT.WP_test_JOBS.workers", []byte("1"), 5*time.Second)
		require.NoError(t, err)
		if a != held {
			require.NoError(t, m.AckSync())
		}
	}
	_, err = js.Publish(ctx, b.remote.subject("res", finished.String()), nil)
	require.NoError(t, err)
	stored, err := b.remote.jobs.GetLastMsgForSubject(ctx, job(lost))
	require.NoError(t, err)
	there := func(a address) bool {
		_, err := b.remote.jobs.GetLastMsgForSubject(ctx, job(a))
		return err == nil
	}

	found := w.sweepOnce(ctx, nil)
	assert.Len(t, found, 2)
	assert.False(t, there(finished), "its result may be gone when one looks again")
	for _, a := range []address{lost, private, held} {
		assert.True(t, there(a), "%v was removed when it was found for the first time", a)
	}
	assert.Empty(t, w.sweepOnce(ctx, found))
	for _, a := range []address{finished, lost, private} {
		assert.False(t, there(a), "%v", a)
	}
	assert.True(t, there(held), "a job that runs")
	for a, want := range map[address]bool{finished: false, private: false, lost: true} {
		due := false
		for _, state := range []string{"later", "due"} {
			msg, err := b.remote.delayed.GetLastMsgForSubject(ctx, b.remote.subject(state, a.String()))
			if err == nil {
				due = true
				assert.Equal(t, "k", msg.Header.Get(headerKey))
				assert.Equal(t, stored.Time.Format(time.RFC3339Nano), msg.Header.Get(headerSubmitted))
			}
		}
		assert.Equal(t, want, due, "%v is to run", a)
	}
}

func TestOwnHeader(t *testing.T) {
	stored := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	msg := &jetstream.RawStreamMsg{Time: stored, Header: nats.Header{headerKey: {"k"}, jetstream.MsgIDHeader: {"id"}}}
	assert.Equal(t, nats.Header{headerKey: {"k"}, headerSubmitted: {stored.Format(time.RFC3339Nano)}}, ownHeader(msg),
		"what is not ours stays with the message that is removed")
	msg.Header.Set(headerSubmitted, "before")
	assert.Equal(t, "before", ownHeader(msg).Get(headerSubmitted), "a job that was delayed")
	assert.Equal(t, nats.Header{headerSubmitted: {stored.Format(time.RFC3339Nano)}}, ownHeader(&jetstream.RawStreamMsg{Time: stored}))
}
