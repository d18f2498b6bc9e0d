package natspool

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// What is known of a job's attempts must not be overwritten by a process that could not read it.
func TestP7_StopKeepsTheNote(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	b := newTestBase(t)
	w, err := newWorker(ctx, b, func(context.Context, []byte) ([]byte, error) { return nil, nil })
	require.NoError(t, err)
	defer w.pool.Stop()
	a := address{"main", "x"}
	_, err = b.remote.js.Publish(ctx, b.remote.subject("job", laneAny, a.String()), []byte("1"))
	require.NoError(t, err)
	n := note{Seq: 1, Attempts: 4, Explained: 1}
	data, err := json.Marshal(n)
	require.NoError(t, err)
	_, err = b.remote.js.Publish(ctx, b.remote.subject("note", a.String()), data)
	require.NoError(t, err)
	next := func() *nats.Msg {
		m, err := b.nc.Request("$JS.API.CONSUMER.MSG.NEXT.WP_test_JOBS.workers", []byte("1"), 5*time.Second)
		require.NoError(t, err)
		return m
	}
	require.NoError(t, next().Nak())
	r, err := newRun(w, next(), w.pullers[0].credits)
	require.NoError(t, err)
	require.EqualValues(t, 2, r.delivered)
	b.stopped.off(workerpool.ErrStopped)
	w.look(r)
	<-w.outbox.settled()
	w.outbox.close()
	msg, err := b.remote.notes.GetLastMsgForSubject(ctx, b.remote.subject("note", a.String()))
	require.NoError(t, err)
	var got note
	require.NoError(t, json.Unmarshal(msg.Data, &got))
	require.Equal(t, 4, got.Attempts)
}
