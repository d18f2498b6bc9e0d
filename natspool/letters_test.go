package natspool_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

// What fails each time would be requeued for ever.
func TestARangeOverDeadLettersEnds(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd })
	for i := range 3 {
		require.NoError(t, p.Submit(soon(t), i))
		require.Error(t, (<-p.Results()).Err)
	}
	for range 2 {
		n := 0
		for d, err := range p.DeadLetters(soon(t)) {
			require.NoError(t, err)
			assert.Equal(t, n, d.Job)
			require.NoError(t, p.Requeue(soon(t), d.ID))
			require.Error(t, (<-p.Results()).Err) // its dead letter is stored before
			n++
		}
		assert.Equal(t, 3, n)
	}
}

func TestDeadLettersWhoseContextHasEnded(t *testing.T) {
	c := newClient[int, int](t, startMem(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errOdd)
	n := 0
	for _, err := range c.DeadLetters(ctx) {
		require.ErrorIs(t, err, errOdd)
		n++
	}
	assert.Equal(t, 1, n)
}

func TestWaitOfAPoolThatLeaves(t *testing.T) {
	c := newClient[int, int](t, startMem(t))
	require.NoError(t, c.Submit(soon(t), 1)) // nobody runs it
	waited := make(chan error, 2)
	go func() { waited <- c.Wait(soon(t)) }()
	require.NoError(t, c.Leave(soon(t)))
	waited <- c.Wait(soon(t))
	for range cap(waited) {
		err := <-waited
		require.ErrorIs(t, err, workerpool.ErrClosed)
		require.NotErrorIs(t, err, context.Canceled)
	}
}

func TestADeadLetterThatTheCodecCannotRead(t *testing.T) {
	s := startMem(t)
	c := newClient[string, int](t, s)
	p := newPool(t, s, double)
	require.NoError(t, c.Submit(soon(t), "no number"))
	require.ErrorIs(t, (<-p.Results()).Err, natspool.ErrUndecodable)
	n := 0
	for d, err := range p.DeadLetters(soon(t)) {
		require.NoError(t, err)
		require.ErrorIs(t, d.DecodeErr, natspool.ErrUndecodable)
		var typeErr *json.UnmarshalTypeError
		require.ErrorAs(t, d.DecodeErr, &typeErr)
		n++
	}
	assert.Equal(t, 1, n)
}

// A job without its bytes would run as another one.
func TestRequeueOfADeadLetterWithoutItsJob(t *testing.T) {
	s := startMem(t)
	errLong := errors.New(strings.Repeat("odd", 100))
	p := newPool(t, s, func(context.Context, string) (int, error) { return 0, errLong }, natspool.WithMaxJobBytes(1<<20))
	require.NoError(t, p.Submit(soon(t), strings.Repeat("x", 1<<20-80), natspool.ID("big")))
	r := <-p.Results()
	require.EqualError(t, r.Err, errLong.Error())
	assert.Zero(t, len(r.Job))
	n := 0
	for d, err := range p.DeadLetters(soon(t)) {
		require.NoError(t, err)
		assert.Zero(t, len(d.Data))
		require.EqualError(t, d.Err, errLong.Error())
		require.ErrorIs(t, d.DecodeErr, natspool.ErrUndecodable)
		require.ErrorContains(t, d.DecodeErr, "left out")
		n++
	}
	assert.Equal(t, 1, n)
	err := p.Requeue(soon(t), "big")
	require.ErrorIs(t, err, natspool.ErrTooLarge)
	require.ErrorContains(t, err, "left out")
	_, err = p.Lookup(soon(t), "big")
	require.NoError(t, err, "the result is still there")
	require.NoError(t, p.Discard(soon(t), "big"))
}

// emptyCodec makes no bytes of a job.
type emptyCodec struct{ natspool.JSON }

func (emptyCodec) Unmarshal(data []byte, v any) error {
	if len(data) == 0 {
		return nil
	}
	return natspool.JSON{}.Unmarshal(data, v)
}

func (emptyCodec) Marshal(v any) ([]byte, error) {
	if _, job := v.(struct{}); job {
		return nil, nil
	}
	return natspool.JSON{}.Marshal(v)
}

func TestRequeueOfAJobThatHasNoBytes(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, func(context.Context, struct{}) (int, error) { return 0, errOdd }, natspool.WithCodec(emptyCodec{}))
	require.NoError(t, p.Submit(soon(t), struct{}{}, natspool.ID("none")))
	require.EqualError(t, (<-p.Results()).Err, "odd")
	for d, err := range p.DeadLetters(soon(t)) {
		require.NoError(t, err)
		require.NoError(t, d.DecodeErr)
	}
	require.NoError(t, p.Requeue(soon(t), "none"))
	require.EqualError(t, (<-p.Results()).Err, "odd")
}
