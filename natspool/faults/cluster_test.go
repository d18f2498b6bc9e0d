package faults_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

// cluster is three servers.
type cluster []*serverProcess

func startCluster(t testing.TB) cluster {
	t.Helper()
	routes := freePorts(t, 3)
	var c cluster
	for i, port := range routes {
		c = append(c, startServer(t, serverSpec{Name: fmt.Sprint("s", i), Cluster: port, Routes: routes}))
	}
	for _, s := range c {
		s.await("ready")
	}
	return c
}

func (c cluster) url() string {
	var all []string
	for _, s := range c {
		all = append(all, s.url())
	}
	return strings.Join(all, ",")
}

// settle waits until all servers have all that is stored again.
func (c cluster) settle() {
	for _, s := range c {
		s.await("ready")
	}
}

func stageOn(t *testing.T, c cluster) *stage {
	t.Helper()
	return setStage(t, setting{URL: c.url(), Replicas: 3, Lease: 2 * time.Second})
}

// longestElection is how long a cluster may stand still that has lost a server.
const longestElection = 15 * time.Second

// Each of the three is killed, and comes back.
func TestClusterLosesOne(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		c := startCluster(t)
		g := stageOn(t, c)
		g.worker(workerSpec{Prefetch: 32})
		g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(2*time.Second, jobs, 16))) })
		for i, s := range c {
			g.oracle.reach(jobs * (i + 1) / 5)
			g.oracle.watch()
			s.kill()
			g.oracle.reach(jobs*(i+1)/5 + jobs/10)
			assert.Less(t, g.oracle.longestGap(), longestElection, "recovery from the loss of %d", i)
			s.start()
			c.settle()
		}
		g.finish()
	})
}

func TestClusterRollingRestart(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		c := startCluster(t)
		g := stageOn(t, c)
		g.worker(workerSpec{Prefetch: 32})
		g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(2*time.Second, jobs, 16))) })
		for i, s := range c {
			g.oracle.reach(jobs * (i + 1) / 5)
			s.shutDown()
			s.start()
			c.settle()
		}
		g.finish()
	})
}

// With two of three down nothing can be stored, and nobody says that it was. When they are
// back all goes on.
func TestClusterLosesTwo(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		c := startCluster(t)
		g := stageOn(t, c)
		g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(2*time.Second, jobs, 8))) })
		g.oracle.reach(jobs / 4)
		c[0].kill()
		c[1].kill()
		// What was on its way may still be stored for a moment.
		unknown := jobs
		offer := func() (job, natspool.SubmitOption) {
			unknown++
			j := job{N: unknown}
			g.oracle.offer(j)
			return j, natspool.ID(jobID(unknown))
		}
		for range 3 {
			j, id := offer()
			begin := time.Now()
			err := g.client.TrySubmit(j, id)
			require.ErrorIs(t, err, natspool.ErrUnavailable)
			assert.Less(t, time.Since(begin), 4*time.Second, "WithTryTimeout is 2 s")

			j, id = offer()
			cause := errors.New("no time")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, cause)
			err = g.client.Submit(ctx, j, id)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, cause)
		}
		c[0].start()
		c[1].start()
		g.complete()
		// Whatever became of those of which nobody knows: to submit them again is safe.
		for n := jobs + 1; n <= unknown; n++ {
			err := g.client.Submit(t.Context(), job{N: n}, natspool.ID(jobID(n)))
			require.True(t, err == nil || errors.Is(err, natspool.ErrDuplicate), err)
			g.oracle.accept(n)
		}
		g.finish()
	})
}
