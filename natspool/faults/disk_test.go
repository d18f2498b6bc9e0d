package faults_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

// big is a job of some KiB, so that room runs out soon.
func big(n int) job { return job{N: n, Key: strings.Repeat("x", 8<<10)} }

// fillUp submits until that fails.
func fillUp(t *testing.T, g *stage) (next int) {
	t.Helper()
	for n := 0; ; n++ {
		require.Less(t, n, 100_000, "it is never full")
		g.oracle.offer(big(n))
		err := g.client.TrySubmit(big(n), natspool.ID(jobID(n)))
		if err == nil {
			g.oracle.accept(n)
			continue
		}
		require.True(t, errors.Is(err, natspool.ErrUnavailable) || errors.Is(err, workerpool.ErrFull), err)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err = g.client.Submit(ctx, big(n), natspool.ID(jobID(n)))
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		t.Logf("full after %d jobs: %v", n, err)
		return n
	}
}

// The server may use so much of its disk, and no more.
func TestStoreFull(t *testing.T) {
	repeat(t, func(t *testing.T, _ int) {
		s := startServer(t, serverSpec{MaxStore: 4 << 20})
		g := setStage(t, setting{URL: s.url()})
		n := fillUp(t, g)
		g.roomIsMade(s, n)
	})
}

// roomIsMade gives the server more room, and looks whether all goes on.
func (g *stage) roomIsMade(s *serverProcess, n int) {
	g.t.Helper()
	s.kill()
	s.spec.MaxStore = 1 << 30
	s.start()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := g.client.Submit(ctx, big(n), natspool.ID(jobID(n)))
	require.True(g.t, err == nil || errors.Is(err, natspool.ErrDuplicate), err)
	g.oracle.accept(n)
	g.read(0)
	g.worker(workerSpec{Prefetch: 8})
	g.finish()
}

// The disk itself is full: nothing more can be written. It needs a small disk of its own.
func TestDiskFull(t *testing.T) {
	repeat(t, func(t *testing.T, _ int) {
		dir := smallDisk(t, "24m")
		s := startServer(t, serverSpec{Dir: filepath.Join(dir, "store"), MaxStore: 1 << 30})
		g := setStage(t, setting{URL: s.url()})
		ballast := filepath.Join(dir, "ballast")
		require.NoError(t, os.WriteFile(ballast, make([]byte, 14<<20), 0o600))
		n := fillUp(t, g)
		assert.Positive(t, n)
		require.NoError(t, os.Remove(ballast))
		g.roomIsMade(s, n)
	})
}

// smallDisk mounts a file system in memory. Who may not skips the test.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("cannot mount a small disk: ", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}
