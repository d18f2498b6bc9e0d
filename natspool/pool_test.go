package natspool_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

func TestResultsOfAll(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double)
	for i := range 100 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	p.Close()
	seen := map[int]bool{}
	for r := range p.Results() {
		require.NoError(t, r.Err)
		assert.Equal(t, 2*r.Job, r.Value)
		assert.Equal(t, 1, r.Attempts)
		assert.False(t, seen[r.Job], r.Job)
		seen[r.Job] = true
	}
	assert.Len(t, seen, 100)
	require.ErrorIs(t, p.Submit(soon(t), 1), workerpool.ErrClosed)
	require.ErrorIs(t, p.TrySubmit(1), workerpool.ErrClosed)
}

var errOdd = errors.New("odd")

func TestWaysToEnd(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(ctx context.Context, how string) (string, error) {
		switch how {
		case "fail":
			return "", errOdd
		case "panic":
			panic("oh")
		case "nil":
			panic(nil)
		case "goexit":
			runtime.Goexit()
		case "timeout":
			<-ctx.Done()
			return "", ctx.Err()
		}
		return how + "!", nil
	}, natspool.WithError("odd", errOdd), natspool.WithJobTimeout(50*time.Millisecond))
	for how, check := range map[string]func(error){
		"ok":   func(err error) { assert.NoError(t, err) },
		"fail": func(err error) { assert.ErrorIs(t, err, errOdd); assert.EqualError(t, err, "odd") },
		"panic": func(err error) {
			var p *workerpool.PanicError
			require.ErrorAs(t, err, &p)
			assert.Equal(t, "workerpool: job panicked: oh", p.Error())
			assert.NotEmpty(t, p.Stack)
		},
		"nil":     func(err error) { var p *workerpool.PanicError; require.ErrorAs(t, err, &p) },
		"goexit":  func(err error) { assert.ErrorIs(t, err, workerpool.ErrGoexit) },
		"timeout": func(err error) { assert.ErrorIs(t, err, workerpool.ErrJobTimeout) },
	} {
		v, err := p.Do(soon(t), how)
		check(err)
		if err == nil {
			assert.Equal(t, "ok!", v)
		}
	}
	dead := 0
	for d, err := range p.DeadLetters(soon(t)) {
		require.NoError(t, err)
		dead++
		_ = d
	}
	assert.Zero(t, dead, "those of Do are in a mailbox of its own")
}

func TestRetry(t *testing.T) {
	s := startLocal(t)
	var calls atomic.Int64
	p := newPool(t, s, func(ctx context.Context, _ int) (int, error) {
		calls.Add(1)
		if natspool.Attempt(ctx) < 3 {
			return 0, errOdd
		}
		return natspool.Attempt(ctx), nil
	}, natspool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return 10 * time.Millisecond, attempt < 5 }))
	v, err := p.Do(soon(t), 1)
	require.NoError(t, err)
	assert.Equal(t, 3, v)
	assert.EqualValues(t, 3, calls.Load())
}

func TestDeadLettersComeBack(t *testing.T) {
	s := startLocal(t)
	var good atomic.Bool
	p := newPool(t, s, func(context.Context, int) (int, error) {
		if good.Load() {
			return 1, nil
		}
		return 0, errOdd
	})
	require.NoError(t, p.Submit(soon(t), 7, natspool.ID("seven")))
	require.ErrorIs(t, p.Submit(soon(t), 7, natspool.ID("seven")), natspool.ErrDuplicate)
	r := <-p.Results()
	require.EqualError(t, r.Err, "odd")
	require.ErrorIs(t, p.Submit(soon(t), 7, natspool.ID("seven")), natspool.ErrDuplicate)
	n := 0
	for d, err := range p.DeadLetters(soon(t)) {
		require.NoError(t, err)
		assert.Equal(t, "seven", d.ID)
		assert.Equal(t, 7, d.Job)
		assert.EqualError(t, d.Err, "odd")
		n++
	}
	assert.Equal(t, 1, n)
	good.Store(true)
	require.NoError(t, p.Requeue(soon(t), "seven"))
	r = <-p.Results()
	require.NoError(t, r.Err)
	assert.Equal(t, 1, r.Value)
	require.ErrorIs(t, p.Requeue(soon(t), "seven"), natspool.ErrNotFound)
	d, err := p.Lookup(soon(t), "seven")
	require.NoError(t, err)
	assert.Equal(t, 1, d.Value)
}

func TestP4_FullQueue(t *testing.T) {
	s := startLocal(t)
	c := newClient[int, int](t, s, natspool.WithCapacity(10))
	for i := range 10 {
		require.NoError(t, c.TrySubmit(i))
	}
	require.ErrorIs(t, c.TrySubmit(10, natspool.ID("ten")), workerpool.ErrFull)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := c.Submit(ctx, 10, natspool.ID("ten"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	if !errors.Is(err, natspool.ErrUnavailable) { // as it is when the time was up within a question
		require.ErrorContains(t, err, "waited for a place, of which there are 10")
	}
	p := newPool(t, s, double, natspool.WithCapacity(10))
	require.NoError(t, c.Submit(soon(t), 10, natspool.ID("ten")), "a refused id is not remembered")
	c.Close()
	n := 0
	for range c.Results() {
		n++
	}
	assert.Equal(t, 11, n)
	_ = p
}

func TestP9_NotEarly(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(context.Context, int) (time.Time, error) { return time.Now(), nil })
	begin := time.Now()
	require.NoError(t, p.Submit(soon(t), 1, natspool.Delay(300*time.Millisecond), natspool.ID("late")))
	require.ErrorIs(t, p.Submit(soon(t), 1, natspool.ID("late")), natspool.ErrDuplicate)
	p.Close()
	r, ok := <-p.Results()
	require.True(t, ok)
	require.NoError(t, r.Err)
	assert.GreaterOrEqual(t, r.Value.Sub(begin), 300*time.Millisecond)
	_, ok = <-p.Results()
	assert.False(t, ok)
}
