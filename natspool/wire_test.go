package natspool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
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
