package natspool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

func FuzzOutcome(f *testing.F) {
	now := time.Unix(0, time.Now().UnixNano())
	f.Add((&outcome{job: []byte("1"), value: []byte("2"), attempts: 3, key: "k", worker: "w", submitted: now, started: now}).encode())
	f.Add((&outcome{job: []byte("1"), failure: encodeError(errors.New("x"), nil)}).encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := decodeOutcome(data)
		if err != nil {
			return
		}
		again, err := decodeOutcome(o.encode())
		require.NoError(t, err)
		assert.Equal(t, o, again)
		_ = decodeError(o.failure, nil).Error()
	})
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "a", "a.b", "a b", ">", "*", "ü", strings.Repeat("x", 65)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkToken(s, maxName) != nil {
			return
		}
		a, ok := addressOf(names{s}.subject("job", laneAny, address{s, s}.String()))
		assert.True(t, ok)
		assert.Equal(t, address{s, s}, a)
		assert.NotContains(t, s, ".")
		assert.False(t, isPrivate(s), "nobody can take the mailbox of a process's own")
	})
}

func TestErrorsKeepWhatTheyAre(t *testing.T) {
	odd := errors.New("odd")
	known := map[string]error{"odd": odd}
	over := func(err error) error { return decodeError(encodeError(err, known), known) }
	for _, target := range []error{
		context.Canceled, context.DeadlineExceeded, workerpool.ErrGoexit, workerpool.ErrJobTimeout, workerpool.ErrNotRun,
		ErrCrashed, ErrUndecodable, ErrTooLarge, odd,
	} {
		err := over(fmt.Errorf("while busy: %w", target))
		assert.ErrorIs(t, err, target)
		assert.EqualError(t, err, "while busy: "+target.Error())
	}
	assert.NotErrorIs(t, over(errors.New("x")), odd)
	var p *workerpool.PanicError
	require.ErrorAs(t, over(fmt.Errorf("x: %w", &workerpool.PanicError{Value: 7, Stack: []byte("at")})), &p)
	assert.Equal(t, "7", p.Value)
	assert.Equal(t, "at", string(p.Stack))
	assert.NotErrorIs(t, decodeError(encodeError(odd, known), nil), odd, "nobody gave it a name here")
	long := over(errors.New(strings.Repeat("ü", 3*maxText)))
	assert.LessOrEqual(t, len(long.Error()), maxText+10)
	require.ErrorIs(t, decodeError([]byte("{"), nil), ErrUndecodable)
}

// What the server says of a stream that is full has no code of its own: this fails when the
// words change.
func TestAnswersOfTheServer(t *testing.T) {
	s, err := natsembed.Start(natsembed.Options{Dir: t.TempDir(), MaxPayload: 2048})
	require.NoError(t, err)
	defer s.Shutdown()
	nc, err := s.Connect()
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "S", Subjects: []string{"s.>"}, MaxMsgs: 2, Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
	})
	require.NoError(t, err)
	publish := func(subject string, size int) answer {
		_, err := js.Publish(ctx, subject, bytes.Repeat([]byte("x"), size))
		return answerTo(err)
	}
	assert.Equal(t, taken, publish("s.1", 1))
	assert.Equal(t, known, publish("s.1", 1))
	assert.Equal(t, taken, publish("s.2", 1))
	assert.Equal(t, full, publish("s.3", 1))
	assert.Equal(t, never, publish("s.3", 4096))
	assert.Equal(t, later, publish("nobody.there", 1))
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "B", Subjects: []string{"b.>"}, MaxBytes: 200, Discard: jetstream.DiscardNew})
	require.NoError(t, err)
	assert.Equal(t, full, publish("b.1", 500))
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "C", Subjects: []string{"c.>"}, MaxMsgSize: 10})
	require.NoError(t, err)
	assert.Equal(t, never, publish("c.1", 20))
	assert.Equal(t, later, answerTo(nats.ErrTimeout))
	assert.Equal(t, later, answerTo(nats.ErrDisconnected))
	assert.Equal(t, never, answerTo(nats.ErrConnectionClosed))
}
