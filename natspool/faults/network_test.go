package faults_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// behind makes a stage whose client is behind a proxy, and so is one of two workers.
func behind(t *testing.T) (*stage, *proxy, *child) {
	t.Helper()
	s := startServer(t, serverSpec{})
	at, err := url.Parse(s.url())
	require.NoError(t, err)
	p := startProxy(t, at.Host)
	g := setStage(t, setting{URL: p.url()})
	w := g.worker(workerSpec{Prefetch: 32})
	direct := g.setting
	direct.URL = s.url()
	g.worker(workerSpec{setting: direct, Prefetch: 32})
	g.read(0)
	return g, p, w
}

func TestBlackHole(t *testing.T) {
	for name, hole := range map[string]rules{
		"both ways": {holeUp: true, holeDown: true}, "to the server": {holeUp: true}, "to the client": {holeDown: true},
	} {
		t.Run(name, func(t *testing.T) {
			repeat(t, func(t *testing.T, jobs int) {
				g, p, w := behind(t)
				g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(4*time.Second, jobs, 16))) })
				g.oracle.reach(jobs / 4)
				p.obey(hole)
				time.Sleep(2*g.setting.Lease + 500*time.Millisecond)
				p.obey(rules{})
				g.finish()
				s := stats(w)
				assert.True(t, s.Connected)
				assert.Zero(t, s.Local.Busy+s.Local.Queued, "no job is stuck")
			})
		})
	}
}

// The way forgets the connections: the client finds another one, and the server goes on to
// give out jobs and results to the old one for as long as its requests last.
func TestStaleConnections(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g, p, w := behind(t)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(4*time.Second, jobs, 16))) })
		g.oracle.reach(jobs / 4)
		g.oracle.watch()
		p.forget()
		g.finish()
		assert.True(t, stats(w).Connected)
		assert.Less(t, g.oracle.longestGap(), 15*time.Second, "recovery")
	})
}

// The connections are reset ten times a second.
func TestResets(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g, p, _ := behind(t)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(time.Second, jobs, 16))) })
		g.oracle.reach(jobs / 8)
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			p.cut()
		}
		g.finish()
	})
}

// A way of 200 ms each way takes longer than a third of the lease, there and back. Some jobs
// take longer than the lease itself: who works on them must keep it.
func TestSlowNetwork(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g, p, w := behind(t)
		p.obey(rules{delay: 200 * time.Millisecond})
		long := jobs / 20
		if jobs > 1000 {
			long = 50
		}
		g.feeding.Go(func() {
			g.submit(func(yield func(job) bool) {
				for n := range jobs {
					// One at a time they would take four times there and back each: most go together.
					j := job{N: 2*n + 1, Work: time.Millisecond}
					if n < submitters {
						j.N = 2 * n
					}
					if n%(jobs/long) == 0 {
						j.Work = 1500 * time.Millisecond
					}
					if !yield(j) {
						return
					}
				}
			})
		})
		g.finish()
		s := stats(w)
		assert.NotZero(t, s.Completed)
		assert.Zero(t, s.LeaseLost, "a network that is slow is no network that is down")
	})
}
