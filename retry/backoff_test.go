package retry_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errAny = errors.New("any")

// The waits fill the range that they are to be from, and none is outside.
func TestBackoff(t *testing.T) {
	const most = 10 * time.Second
	policy := retry.Backoff(100, time.Second, most)
	for attempt, bound := range map[int]time.Duration{
		1: 1 * time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 5: most, 6: most, 63: most, 64: most, 65: most, 99: most,
	} {
		least, longest := most, time.Duration(0)
		for range 1000 {
			wait, again := policy(attempt, errAny)
			require.True(t, again)
			least, longest = min(least, wait), max(longest, wait)
		}
		assert.LessOrEqual(t, longest, bound, attempt)
		// That none of a thousand is in a tenth of the range has a chance of 0.9^1000.
		assert.Less(t, least, bound/10, attempt)
		assert.Greater(t, longest, bound*9/10, attempt)
		assert.GreaterOrEqual(t, least, time.Duration(0))
	}
}

func TestBackoff_LetsAJobHaveSoManyAttempts(t *testing.T) {
	for _, attempts := range []int{1, 2, 7} {
		policy := retry.Backoff(attempts, 0, 0)
		for attempt := 1; attempt <= attempts+1; attempt++ {
			wait, again := policy(attempt, errAny)
			assert.Equal(t, attempt < attempts, again)
			assert.Zero(t, wait)
		}
	}
}

// Nothing overflows, however long the times are.
func TestBackoff_Extremes(t *testing.T) {
	for _, base := range []time.Duration{0, 1, time.Second, math.MaxInt64/2 + 1, math.MaxInt64} {
		policy := retry.Backoff(math.MaxInt, base, math.MaxInt64)
		for _, attempt := range []int{math.MinInt, -1, 0, 1, 2, 62, 63, 64, 65, math.MaxInt - 1} {
			wait, again := policy(attempt, errAny)
			assert.True(t, again)
			assert.GreaterOrEqual(t, wait, time.Duration(0), "%v, %d", base, attempt)
			if attempt <= 1 {
				assert.LessOrEqual(t, wait, base)
			}
			if base == 0 {
				assert.Zero(t, wait)
			}
		}
	}
}

// What makes no sense is refused when the pool is made, not when the first job fails.
func TestBackoff_OutOfBounds(t *testing.T) {
	for _, policy := range []workerpool.RetryPolicy{
		retry.Backoff(0, time.Second, time.Minute), retry.Backoff(-1, time.Second, time.Minute),
		retry.Backoff(3, -1, time.Minute), retry.Backoff(3, time.Minute, time.Second), retry.Backoff(3, -2, -1),
	} {
		assert.Nil(t, policy)
		_, err := workerpool.New(func(context.Context, int) (int, error) { return 0, nil }, workerpool.WithRetry(policy))
		assert.ErrorIs(t, err, workerpool.ErrInvalidOption)
	}
}

func TestBackoff_InAPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		pool, err := workerpool.New(func(context.Context, int) (int, error) {
			calls++
			return 0, errAny
		}, workerpool.WithWorkers(1), workerpool.WithRetry(retry.Backoff(4, time.Second, 2*time.Second)))
		require.NoError(t, err)
		defer pool.Stop()
		begin := time.Now()
		_, err = pool.Do(t.Context(), 0)
		assert.ErrorIs(t, err, errAny)
		assert.Equal(t, 4, calls)
		assert.LessOrEqual(t, time.Since(begin), (1+2+2)*time.Second)
	})
}
