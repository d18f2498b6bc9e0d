package natspool_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

func TestBadOptionsAreNamed(t *testing.T) {
	s := startLocal(t)
	for text, o := range map[string]natspool.Option{
		"WithWorkers(0): must be from 1 to 65536":      natspool.WithWorkers(0),
		"WithPrefetch(65537): must be from 0 to 65536": natspool.WithPrefetch(65537),
		"WithLease(999ms): must be from 1s to 24h0m0s": natspool.WithLease(999 * time.Millisecond),
		"WithCapacity(0)":                                            natspool.WithCapacity(0),
		"WithMaxInFlight(0)":                                         natspool.WithMaxInFlight(0),
		"WithPartitions(-1)":                                         natspool.WithPartitions(-1),
		"WithReplicas(2): must be 1, 3 or 5":                         natspool.WithReplicas(2),
		"WithResultCapacity(99): must be from 100":                   natspool.WithResultCapacity(99),
		"WithDeadLetters(-1)":                                        natspool.WithDeadLetters(-1),
		"WithKeepResults(1s): must be from 20s":                      natspool.WithKeepResults(time.Second),
		"WithTryTimeout(0s)":                                         natspool.WithTryTimeout(0),
		"WithMaxJobBytes(0)":                                         natspool.WithMaxJobBytes(0),
		"WithMaxCrashes(0)":                                          natspool.WithMaxCrashes(0),
		"WithJobTimeout(-1ns): must be positive":                     natspool.WithJobTimeout(-1),
		"WithLimiter(nil)":                                           natspool.WithLimiter(nil),
		"WithRetry(nil)":                                             natspool.WithRetry(nil),
		"WithCodec(nil)":                                             natspool.WithCodec(nil),
		`WithMailbox "a.b": must consist of`:                         natspool.WithMailbox("a.b"),
		`WithMailbox "": must have 1 to 64 characters`:               natspool.WithMailbox(""),
		`WithError("e", nil): must not be nil`:                       natspool.WithError("e", nil),
		`WithError: name "x y": must consist of`:                     natspool.WithError("x y", errOdd),
		"one of WithServer, WithURL and WithConn says where":         natspool.WithURL("nats://127.0.0.1:1"),
		"WithURL and WithConn says where the server is: 2 are given": natspool.WithConn(nil),
	} {
		_, err := natspool.New(t.Context(), "test", double, natspool.WithServer(s), o, nil)
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, err, workerpool.ErrInvalidOption)
	}
	_, err := natspool.New[int, int](t.Context(), "a b", nil)
	require.ErrorContains(t, err, "nil Func")
	require.ErrorContains(t, err, `name "a b": must consist of letters`)
	require.ErrorContains(t, err, "0 are given")
	_, err = natspool.New(nil, "test", double, natspool.WithServer(s)) //nolint:staticcheck // nil on purpose
	require.ErrorContains(t, err, "nil context")
	_, err = natspool.New(t.Context(), "test", double, natspool.WithServer(nil))
	require.ErrorContains(t, err, "must not be nil")
	_, err = natspool.New(t.Context(), "test", double, natspool.WithURL("nats://127.0.0.1:1"))
	require.ErrorIs(t, err, natspool.ErrUnavailable)
}

func TestBadSubmissionsAreNamed(t *testing.T) {
	s := startLocal(t)
	c := newClient[any, int](t, s, natspool.WithMaxJobBytes(100))
	for text, o := range map[string]natspool.SubmitOption{
		`ID "": must have 1 to 128 characters, not 0`: natspool.ID(""),
		`ID "a.b": must consist of`:                   natspool.ID("a.b"),
		"must have 1 to 128 characters, not 129":      natspool.ID(strings.Repeat("x", 129)),
		"Key needs WithPartitions":                    natspool.Key("k"),
		"Key: must have 1 to 1024 bytes, not 0":       natspool.Key(""),
		"Delay: must be at most":                      natspool.Delay(math.MaxInt64),
	} {
		err := c.Submit(soon(t), 1, o, nil)
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, err, workerpool.ErrInvalidOption)
		require.ErrorContains(t, c.TrySubmit(1, o), text)
	}
	require.ErrorIs(t, c.Submit(soon(t), strings.Repeat("x", 100)), natspool.ErrTooLarge)
	require.ErrorContains(t, c.Submit(soon(t), func() {}), "encoding the job")
	require.ErrorContains(t, c.Submit(nil, 1), "nil context") //nolint:staticcheck // nil on purpose
	_, err := c.Do(soon(t), 1, natspool.ID("x"))
	require.ErrorIs(t, err, workerpool.ErrInvalidOption)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errOdd)
	err = c.Submit(ended, 1)
	require.ErrorIs(t, err, errOdd)
	_, err = c.Do(ended, 1)
	require.ErrorIs(t, err, errOdd)
	require.ErrorIs(t, err, workerpool.ErrNotRun)
	_, err = c.SubmitAll(soon(t), nil)
	require.ErrorContains(t, err, "nil sequence")
	_, err = c.SubmitAll(soon(t), func(yield func(any) bool) { _ = yield(1) && yield(func() {}) && yield(2) })
	require.ErrorContains(t, err, "encoding a job")
	for _, err := range c.DeadLetters(nil) { //nolint:staticcheck // nil on purpose
		require.ErrorContains(t, err, "nil context")
	}
	require.ErrorIs(t, c.Requeue(soon(t), "none"), natspool.ErrNotFound)
	require.ErrorIs(t, c.Discard(soon(t), "a b"), natspool.ErrNotFound)
	_, err = c.Lookup(soon(t), "none")
	require.ErrorIs(t, err, natspool.ErrNotFound)
	q, err := c.Queue(soon(t))
	require.NoError(t, err)
	assert.Equal(t, 1, q.Stored, "the one before that which could not be encoded")
	assert.Nil(t, c.Local())
}

func TestMismatchIsNamed(t *testing.T) {
	s := startLocal(t)
	newPool(t, s, double)
	for text, o := range map[string]natspool.Option{
		"WithCapacity: 7 wanted, 100000 there":                       natspool.WithCapacity(7),
		"WithMaxInFlight: 7 wanted":                                  natspool.WithMaxInFlight(7),
		"WithLease: 7s wanted, 30s there":                            natspool.WithLease(7 * time.Second),
		"WithPartitions: 7 wanted, 0 there":                          natspool.WithPartitions(7),
		"WithReplicas: 3 wanted, 1 there":                            natspool.WithReplicas(3),
		"WithResultCapacity: 700 wanted":                             natspool.WithResultCapacity(700),
		"WithDeadLetters: 0 wanted, 100000 there":                    natspool.WithDeadLetters(0),
		"WithCodec: natspool_test.shout wanted, natspool.JSON there": natspool.WithCodec(shout{}),
	} {
		_, err := natspool.New(t.Context(), "test", double, natspool.WithServer(s), o)
		require.ErrorIs(t, err, natspool.ErrMismatch, text)
		require.ErrorContains(t, err, text)
	}
}

// shout is a codec that panics.
type shout struct{ natspool.JSON }

func (shout) Marshal(v any) ([]byte, error) {
	if v == "panic" {
		panic("no")
	}
	return natspool.JSON{}.Marshal(v)
}

func TestACodecThatPanics(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(_ context.Context, how string) (string, error) { return "panic", nil }, natspool.WithCodec(shout{}))
	require.ErrorContains(t, p.Submit(soon(t), "panic"), "codec panicked: no")
	_, err := p.Do(soon(t), "x")
	require.ErrorContains(t, err, "cannot encode the value: codec panicked: no")
}

// badError is an error whose own methods panic.
type badError struct{}

func (*badError) Error() string { panic("bad") }
func (*badError) Unwrap() error { panic("bad") }

// goneError is one whose methods end the goroutine.
type goneError struct{}

func (*goneError) Error() string {
	runtime.Goexit()
	return ""
}

func TestAnErrorThatPanics(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(_ context.Context, n int) (int, error) {
		if n == 2 {
			return 0, &goneError{}
		}
		return 0, &badError{}
	},
		natspool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return 0, attempt < 2 }))
	_, err := p.Do(soon(t), 1)
	var remote *natspool.RemoteError
	require.ErrorAs(t, err, &remote)
	assert.Contains(t, remote.Message, "whose method Error panicked")
	require.False(t, errors.Is(err, errOdd))

	_, err = p.Do(soon(t), 2)
	require.ErrorContains(t, err, "whose methods end the goroutine")
}
