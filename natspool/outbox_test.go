package natspool

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// newSender returns a function that sends a message once, and says what became of it.
func newSender(t *testing.T, nc *nats.Conn) func(subject string, size int, header ...string) answer {
	t.Helper()
	l, over := newLine(nc), make(chan struct{})
	go l.watch(over)
	t.Cleanup(func() { close(over) })
	o, err := newOutbox(t.Context(), nc, l)
	require.NoError(t, err)
	t.Cleanup(o.close)
	return func(subject string, size int, header ...string) answer {
		p := &parcel{subject: subject, data: bytes.Repeat([]byte("x"), size)}
		if len(header) == 2 {
			p.header = nats.Header{header[0]: {header[1]}}
		}
		got := make(chan answer, 1)
		p.owner = ownerFunc(func(a answer, _ error) bool { got <- a; return false })
		o.send(p)
		return <-got
	}
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
	publish := newSender(t, nc)
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
	assert.Equal(t, taken, publish("b.2", 10, jetstream.MsgIDHeader, "id"))
	assert.Equal(t, known, publish("b.2", 10, jetstream.MsgIDHeader, "id"))
	nc.Close()
	assert.Equal(t, never, publish("b.3", 10))
}

func TestReadAck(t *testing.T) {
	for text, want := range map[string]answer{
		`{"stream":"WP_S", "seq":1}`:                                                                                taken,
		`{"stream":"WP_S", "domain":"error", "seq":1}`:                                                              taken,
		`{"stream":"WP_S", "seq":1,"duplicate": true}`:                                                              known,
		`{"error":{"code":400,"err_code":10054,"description":"too large"}}`:                                         never,
		`{"stream":"WP_S","error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"},"seq":0}`: full,
		``:                later,
		`{}`:              later,
		`{"stream":""}`:   later,
		`{"stream":"WP_S`: later,
		`+OK`:             later,
		`{"seq":1}`:       later,
	} {
		assert.Equal(t, want, answerTo(readAck(&nats.Msg{Data: []byte(text)})), text)
	}
}

// silent connects to a server on which a subject has somebody who never answers.
func silent(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := startMem(t).Connect()
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	_, err = nc.SubscribeSync("silent")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	return nc
}

func requireSettled(t *testing.T, o *outbox) {
	t.Helper()
	select {
	case <-o.settled():
	case <-time.After(4 * publishTimeout):
		require.FailNow(t, "not given up, though the pool was stopped")
	}
}

// untilGivenUp sends again for as long as it can.
var untilGivenUp = ownerFunc(func(a answer, _ error) bool { return a != givenUp })

// A connection may be there and gone again before anybody has looked at it.
func TestAParcelOfAConnectionThatNobodySaw(t *testing.T) {
	nc := silent(t)
	ctx, stop := context.WithCancel(t.Context())
	o, err := newOutbox(ctx, nc, newLine(nc)) // which nobody watches
	require.NoError(t, err)
	defer o.close()
	o.send(&parcel{subject: "silent", owner: untilGivenUp})
	stop()
	requireSettled(t, o)
}

// A connection may end while what is overdue is being given up.
func TestAConnectionThatEndsBesideATick(t *testing.T) {
	nc := silent(t)
	l := newLine(nc)
	l.set(true)
	ctx, stop := context.WithCancel(t.Context())
	o, err := newOutbox(ctx, nc, l)
	require.NoError(t, err)
	defer o.close()
	told, goOn := make(chan struct{}), make(chan struct{})
	overdue := &parcel{subject: "silent", owner: ownerFunc(func(answer, error) bool {
		close(told)
		<-goOn
		return false
	})}
	o.send(overdue)
	o.send(&parcel{subject: "silent", owner: untilGivenUp})
	o.mu.Lock()
	overdue.sent = overdue.sent.Add(-2 * publishTimeout)
	o.mu.Unlock()
	<-told
	l.set(false)
	close(goOn)
	stop()
	requireSettled(t, o)
}
