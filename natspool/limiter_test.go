package natspool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

type limiterFunc func(context.Context) error

func (f limiterFunc) Wait(ctx context.Context) error { return f(ctx) }

// As the doc of WithLimiter says.
func TestALimiterThatReturnsAnError(t *testing.T) {
	p := newPool(t, startMem(t), double,
		natspool.WithLimiter(limiterFunc(func(context.Context) error { return errOdd })), natspool.WithError("odd", errOdd),
		natspool.WithRetry(func(int, error) (time.Duration, bool) {
			t.Error("the policy was asked")
			return 0, false
		}))
	require.NoError(t, p.Submit(soon(t), 1))
	r := <-p.Results()
	require.ErrorIs(t, r.Err, errOdd)
	require.ErrorIs(t, r.Err, workerpool.ErrNotRun)
	assert.Zero(t, r.Attempts)
	q, err := p.Queue(soon(t))
	require.NoError(t, err)
	assert.Equal(t, 1, q.DeadLetters)
}
