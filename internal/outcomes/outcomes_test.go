package outcomes_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/outcomes"
)

func TestCountsNeverGoBack(t *testing.T) {
	var c outcomes.Counter
	first := c.Of(workerpool.Stats{Accepted: 12, Completed: 10, Failed: 3, Panicked: 1, NotRun: 1, Rejected: 4})
	assert.Equal(t, outcomes.Counts{Submitted: 12, OK: 7, Failed: 2, Panicked: 1, NotRun: 1, Rejected: 4}, first)
	again := c.Of(workerpool.Stats{Accepted: 11, Completed: 10, Failed: 5, Panicked: 1, NotRun: 1, Rejected: 4})
	assert.Equal(t, outcomes.Counts{Submitted: 12, OK: 7, Failed: 4, Panicked: 1, NotRun: 1, Rejected: 4}, again)
}

// A job that waits for its next attempt will not have it if the pool is stopped.
func TestAttemptsNeverGoBack(t *testing.T) {
	var c outcomes.Counter
	first := c.Of(workerpool.Stats{Completed: 6, Failed: 1, Attempts: 9, Retries: 3, Throttled: 2, TimedOut: 1})
	assert.Equal(t, outcomes.Counts{OK: 5, Failed: 1, Attempts: 9, Retries: 3, Throttled: 2, TimedOut: 1}, first)
	stopped := c.Of(workerpool.Stats{Completed: 8, Failed: 3, Attempts: 9, Retries: 1, Throttled: 2, TimedOut: 1})
	assert.Equal(t, outcomes.Counts{OK: 5, Failed: 3, Attempts: 9, Retries: 3, Throttled: 2, TimedOut: 1}, stopped)
}
