package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWithLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		done, err := withLog(t.Context(), &b, make([]time.Duration, 400))
		assert.NoError(t, err)
		assert.Equal(t, 400, done)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		assert.InDelta(t, 3, len(lines), 1, b.String())
		assert.Contains(t, lines[len(lines)-1], "done=400 failed=0")
	})
}

func TestWithBar(t *testing.T) {
	done, err := withBar(t.Context(), new(bytes.Buffer), make([]time.Duration, 20))
	assert.NoError(t, err)
	assert.Equal(t, 20, done)
}

func TestAnInterruptEndsBoth(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, work := range []func() (int, error){
		func() (int, error) { return withBar(ctx, new(bytes.Buffer), make([]time.Duration, 20)) },
		func() (int, error) { return withLog(ctx, new(bytes.Buffer), make([]time.Duration, 20)) },
	} {
		done, err := work()
		assert.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, done)
	}
}
