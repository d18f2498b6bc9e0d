package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// A tuner ends when its pool is closed: so that is open until the last request is through.
func TestTuned_ThePoolIsOpenAsLongAsItHasJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pool *workerpool.Pool[int, string]
		closed := 0
		pool, err := workerpool.New(func(context.Context, int) (string, error) {
			time.Sleep(time.Second)
			if pool.Stats().Closed {
				closed++
			}
			return "", nil
		}, workerpool.WithWorkers(1))
		require.NoError(t, err)
		defer pool.Stop()
		results := 0
		require.NoError(t, submitAndCollect(t.Context(), pool, 5, func(result) { results++ }))
		assert.Equal(t, 5, results)
		assert.Zero(t, closed)
	})
}
