package inspect_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/inspect"
)

func TestIsNil(t *testing.T) {
	p, err := workerpool.New(func(_ context.Context, n int) (int, error) { return n, nil })
	require.NoError(t, err)
	defer p.Stop()
	assert.False(t, inspect.IsNil(p))
	assert.True(t, inspect.IsNil(nil))
	assert.True(t, inspect.IsNil(workerpool.Inspector(nil)))
	assert.True(t, inspect.IsNil((*workerpool.Pool[int, int])(nil)))
}
