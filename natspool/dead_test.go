package natspool

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// A process may be lost between storing a dead letter and its result, and a server may lose that
// result later: then the job has run again, and both are of the same submission.
func TestRequeueKeepsASuccess(t *testing.T) {
	ctx, b := t.Context(), newTestBase(t)
	b.line.set(true)
	a := address{b.cfg.mailbox, "again"}
	store := func(kind string, o outcome) {
		_, err := b.remote.js.Publish(ctx, b.remote.subject(kind, a.String()), o.encode())
		require.NoError(t, err)
	}
	submitted := time.Now()
	store("dead", outcome{job: []byte("1"), failure: encodeError(errors.New("no"), nil), submitted: submitted})
	store("res", outcome{job: []byte("1"), value: []byte("2"), submitted: submitted})

	dead, err := b.deadByID(ctx, "Requeue", a.id)
	require.NoError(t, err)
	require.NoError(t, b.requeue(ctx, a.id, dead))

	result, err := b.lookup(ctx, a.id)
	require.NoError(t, err)
	require.NoError(t, result.err)
	require.Empty(t, result.outcome.failure)
	require.Equal(t, "2", string(result.outcome.value))
	_, err = b.remote.jobs.GetLastMsgForSubject(ctx, b.remote.subject("job", laneAny, a.String()))
	require.ErrorIs(t, err, jetstream.ErrMsgNotFound)
	_, err = b.deadByID(ctx, "Requeue", a.id)
	require.ErrorIs(t, err, ErrNotFound)
}
