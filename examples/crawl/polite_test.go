package main

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Ten requests of 3 s each, no more than 4 at once and 500 ms apart.
func TestHost_NotTooManyAndNotTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		h := newHost(4, 500*time.Millisecond)
		var mu sync.Mutex
		var starts []time.Duration
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				assert.NoError(t, h.enter(t.Context()))
				defer h.leave()
				mu.Lock()
				starts = append(starts, time.Since(began))
				mu.Unlock()
				time.Sleep(3 * time.Second)
			})
		}
		all.Wait()
		ms := time.Millisecond
		assert.Equal(t, []time.Duration{
			0, 500 * ms, 1000 * ms, 1500 * ms,
			3000 * ms, 3500 * ms, 4000 * ms, 4500 * ms,
			6000 * ms, 6500 * ms,
		}, starts)
		most, _ := h.slots.counts()
		assert.Equal(t, 4, most)
	})
}

// A request that starts late does not let the next one come sooner.
func TestHost_TheDelayIsAMinimum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(2, time.Second)
		var last time.Time
		for _, late := range []time.Duration{0, 100 * time.Millisecond, 5 * time.Second, 0, 999 * time.Millisecond} {
			time.Sleep(late)
			require.NoError(t, h.enter(t.Context()))
			assert.GreaterOrEqual(t, time.Since(last), time.Second)
			last = time.Now()
			h.leave()
		}
	})
}

func TestHost_WhoGivesUpTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(2, time.Minute)
		began := time.Now()
		require.NoError(t, h.enter(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		for range 3 { // one waits for the minute to pass, two for a slot
			all.Go(func() { assert.ErrorIs(t, h.enter(ctx), context.DeadlineExceeded) })
		}
		all.Wait()
		assert.Equal(t, time.Second, time.Since(began))

		require.NoError(t, h.enter(t.Context()), "the second slot is free")
		assert.Equal(t, time.Minute, time.Since(began), "the first request counts, those that gave up do not")
	})
}

func TestSlots(t *testing.T) {
	s := newSlots(2)
	assert.True(t, s.tryEnter())
	require.NoError(t, s.enter(t.Context()))
	assert.False(t, s.tryEnter())
	s.leave()
	assert.True(t, s.tryEnter())
	most, missed := s.counts()
	assert.Equal(t, 2, most)
	assert.Equal(t, 1, missed)
	assert.False(t, newSlots(0).tryEnter())
}
