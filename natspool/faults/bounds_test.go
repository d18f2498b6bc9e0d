//go:build linux

package faults_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

func TestQueueFull(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		const capacity = 10
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url(), Capacity: capacity})
		offer := func(n int) job {
			j := job{N: n}
			g.oracle.offer(j)
			return j
		}
		for n := range capacity {
			require.NoError(t, g.client.TrySubmit(offer(n), natspool.ID(jobID(n))))
			g.oracle.accept(n)
		}
		refused := offer(capacity)
		require.ErrorIs(t, g.client.TrySubmit(refused, natspool.ID("refused")), workerpool.ErrFull)
		require.ErrorIs(t, g.client.TrySubmit(refused), workerpool.ErrFull)
		require.ErrorIs(t, g.client.TrySubmit(job{N: 0}, natspool.ID(jobID(0))), natspool.ErrDuplicate, "it is full, and the id is known")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		err := g.client.Submit(ctx, refused, natspool.ID("refused"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, natspool.ErrDuplicate)

		// Many wait for a place. All get one in the end, and the bound holds meanwhile.
		g.feeding.Go(func() { g.submit(plain(capacity+1, jobs, 0)) })
		time.Sleep(100 * time.Millisecond)
		g.read(0)
		g.worker(workerSpec{Prefetch: 8})
		require.NoError(t, g.client.Submit(t.Context(), refused, natspool.ID("refused")), "an id that was refused is usable later")
		g.oracle.accept(refused.N)
		require.Eventually(t, func() bool { return g.stored() == jobs+capacity+1 }, patience, 10*time.Millisecond)
		g.finish()
	})
}

func TestNobodyReads(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		// What was read is kept for 2 s, which is the pace of what is beyond the bound.
		bound, n := max(200, jobs/4), max(400, jobs)
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url(), ResultCapacity: bound})
		spec := workerSpec{Workers: 8, Prefetch: 8}
		w := g.worker(spec)
		g.submit(plain(0, n, 0))
		require.Eventually(t, func() bool { return stats(w).Completed == uint64(bound) }, patience, 20*time.Millisecond)
		time.Sleep(2*g.setting.Lease + 200*time.Millisecond)
		s := stats(w)
		assert.EqualValues(t, bound, s.Completed, "workers pause")
		assert.LessOrEqual(t, s.Local.Attempts, uint64(bound+spec.Workers+spec.Prefetch), "and begin no job whose result has no room")
		w.kill() // the jobs whose results have no room are still stored
		g.worker(spec)
		g.read(0)
		g.forgets, g.extra = true, bound-n // those that were read make room
		g.finish()
	})
}
