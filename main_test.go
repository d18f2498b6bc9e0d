package workerpool_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFirst(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		p, err := workerpool.New(func(ctx context.Context, n int) (int, error) { return 2 * n, nil }, workerpool.WithWorkers(4))
		require.NoError(t, err)
		go func() {
			for i := range 1000 {
				assert.NoError(t, p.Submit(t.Context(), i))
			}
			p.Close()
		}()
		sum := 0
		for r := range p.Results() {
			sum += r.Value
		}
		assert.Equal(t, 999*1000, sum)
		v, err := p.Do(t.Context(), 3)
		assert.ErrorIs(t, err, workerpool.ErrClosed)
		assert.Zero(t, v)
		assert.Nil(t, p.Stop())
		t.Log(err, p.Stats())
	})
}
