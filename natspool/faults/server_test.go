//go:build linux

package faults_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

// bounce kills the server, and starts it again a moment later.
func bounce(s *serverProcess, pause time.Duration) {
	s.kill()
	time.Sleep(pause)
	s.start()
}

func TestServerKilledDuringSubmit(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		g.read(0)
		g.feeding.Go(func() {
			for i := range 4 { // in parts, so that some of it comes after each kill
				n := jobs * i / 4
				g.submit(plain(n, jobs*(i+1)/4-n, 0))
				time.Sleep(50 * time.Millisecond)
			}
		})
		for i := range 3 {
			require.Eventually(t, func() bool { return g.stored() > jobs*i/4 }, patience, time.Millisecond)
			bounce(s, 100*time.Millisecond)
		}
		g.worker(workerSpec{Prefetch: 64})
		g.worker(workerSpec{Prefetch: 64})
		require.Eventually(t, func() bool { return g.stored() == jobs }, patience, 10*time.Millisecond)
		g.finish()
	})
}

func (g *stage) stored() int {
	g.oracle.mu.Lock()
	defer g.oracle.mu.Unlock()
	return len(g.oracle.accepted)
}

func TestServerKilledDuringWork(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		g.worker(workerSpec{Prefetch: 64})
		g.worker(workerSpec{Prefetch: 64})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(2*time.Second, jobs, 16))) })
		g.oracle.reach(jobs / 4)
		g.oracle.watch()
		bounce(s, 200*time.Millisecond)
		g.oracle.reach(jobs / 2)
		bounce(s, 200*time.Millisecond)
		g.finish()
		assert.Less(t, g.oracle.longestGap(), 2*g.setting.Lease+4*time.Second, "recovery")
	})
}

// The reader is slow, so that results wait in its process while the server is killed.
func TestServerKilledDuringRead(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		w := g.worker(workerSpec{Prefetch: 64})
		g.submit(plain(0, jobs, 0))
		require.Eventually(t, func() bool { return stats(w).Completed == uint64(jobs) }, patience, 50*time.Millisecond)
		g.read(lasting(2*time.Second, jobs, 1))
		for i := 1; i <= 3; i++ {
			g.oracle.reach(jobs * i / 4)
			bounce(s, 100*time.Millisecond)
		}
		g.finish()
	})
}

// A server that ends in good order forgets which ids it has seen. Their results are still there.
func TestServerRestartedGracefully(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(time.Second, jobs, 8))) })
		for i := 1; i <= 2; i++ {
			g.oracle.reach(jobs * i / 3)
			s.shutDown()
			s.start()
		}
		g.complete()
		g.drained()
		s.shutDown()
		s.start()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for n := 0; n < jobs; n += 2 * max(1, jobs/100) { // those with an id
			require.ErrorIs(t, g.client.Submit(ctx, job{N: n}, natspool.ID(jobID(n))), natspool.ErrDuplicate)
			require.ErrorIs(t, g.client.TrySubmit(job{N: n}, natspool.ID(jobID(n))), natspool.ErrDuplicate)
		}
		g.finish()
	})
}

// Who waits for a result by Do gets it, whatever happens to the server and to a worker.
func TestDoOverFaults(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		victim := g.worker(workerSpec{Prefetch: 32})
		g.worker(workerSpec{Prefetch: 32})
		next := make(chan int)
		var done atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
		defer cancel()
		work := lasting(2*time.Second, jobs, 16)
		for range 4 * submitters {
			g.reading.Go(func() {
				for n := range next {
					v, err := g.client.Do(ctx, job{N: n, Work: work})
					assert.NoError(t, err)
					assert.Equal(t, f(n), v.V)
					done.Add(1)
				}
			})
		}
		g.reading.Go(func() {
			defer close(next)
			for n := range jobs {
				next <- n
			}
		})
		reach := func(n int) {
			require.Eventually(t, func() bool { return done.Load() >= int64(n) }, patience, time.Millisecond)
		}
		reach(jobs / 4)
		bounce(s, 200*time.Millisecond)
		reach(jobs / 2)
		victim.kill()
		reach(3 * jobs / 4)
		s.shutDown()
		s.start()
		reach(jobs)
		g.forgets, g.extra = true, jobs // that nobody has read from Results
		g.finish()
	})
}

// A worker that is told to leave while the server is down leaves when that is back, and gives
// back what it has: nobody waits for its leases. One that is stopped does not wait for the server.
func TestLeaveWhileServerIsDown(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		lease := 18 * time.Second
		g := setStage(t, setting{URL: s.url(), Lease: lease})
		leaves, stops := g.worker(workerSpec{Prefetch: 32}), g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(2*time.Second, jobs, 16))) })
		g.oracle.reach(jobs / 4)
		s.kill()
		leaves.tell("leave")
		time.Sleep(300 * time.Millisecond)
		s.start()
		require.Zero(t, leaves.end())
		g.oracle.reach(jobs / 2)
		s.kill()
		begin := time.Now()
		stops.tell("stop")
		require.Zero(t, stops.end())
		assert.Less(t, time.Since(begin), 10*time.Second) // what was sent is waited for, a lease is not
		s.start()
		begin = time.Now()
		g.worker(workerSpec{Prefetch: 32})
		g.finish()
		assert.Less(t, time.Since(begin), 2*lease, "what the one that was stopped could not give back comes after a lease")
	})
}
