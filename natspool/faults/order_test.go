//go:build linux

package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

// Delayed jobs wait while the server restarts in good order, and while it is killed again and again:
// amid so many that are acknowledged, it forgets to remove some of them.
func TestDelayedOverRestarts(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		next := make(chan int)
		var all sync.WaitGroup
		for range submitters {
			all.Go(func() {
				for i := range next {
					due := time.Now().Add(2*time.Second + time.Duration(i%3001)*time.Millisecond)
					j := job{N: i, Due: due}
					g.oracle.offer(j)
					if assert.NoError(t, g.client.Submit(ctx, j, natspool.At(due), natspool.ID(jobID(i)))) {
						g.oracle.accept(i)
					}
				}
			})
		}
		for i := range jobs {
			next <- i
		}
		close(next)
		all.Wait()
		g.read(0)
		g.worker(workerSpec{Prefetch: 32})
		g.worker(workerSpec{Prefetch: 32})
		s.shutDown()
		s.start()
		g.oracle.reach(jobs / 20)
		for range 10 {
			bounce(s, 50*time.Millisecond)
			time.Sleep(150*time.Millisecond + rand.N(200*time.Millisecond)) // so that it is killed at work
		}
		g.finish()
	})
}

// Of jobs with a key, one runs at a time and none overtakes another: though some fail and are
// tried again, and a worker is killed.
func TestOrderOfKeys(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		checkOrder(t, inOrder(t, jobs, func(g *stage, _ *serverProcess, workers []*child) {
			g.oracle.reach(jobs / 3)
			workers[0].kill()
		}))
	})
}

// A server that is killed forgets to whom it has given jobs just before: they may be run a
// second time while they run. None begins for the first time before the one before has ended.
func TestOrderOfKeysServerKilled(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		checkFirstRuns(t, inOrder(t, jobs, func(g *stage, s *serverProcess, _ []*child) {
			for i := range 3 {
				g.oracle.reach(jobs * (i + 1) / 4)
				bounce(s, 50*time.Millisecond)
			}
		}))
	})
}

// inOrder runs jobs with keys while fault happens, and returns all attempts of each key.
func inOrder(t *testing.T, jobs int, fault func(*stage, *serverProcess, []*child)) map[string][]attempt {
	t.Helper()
	const keys = 16
	s := startServer(t, serverSpec{})
	g := setStage(t, setting{URL: s.url(), Partitions: 8, Lease: 2 * time.Second})
	spec := workerSpec{Workers: 8, Prefetch: 8, Retries: 8, Trace: true}
	workers := []*child{g.worker(spec), g.worker(spec)}
	g.read(0)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	for key := range keys {
		g.feeding.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(key)))
			for n := key; n < jobs; n += keys {
				j := job{N: n, Key: fmt.Sprint("key-", key), Work: time.Duration(random.IntN(int(lasting(3*time.Second, jobs, 8))))}
				if random.IntN(20) == 0 {
					j.How, j.Fails = "flaky", 1+random.IntN(3)
				}
				g.oracle.offer(j)
				if !assert.NoError(t, g.client.Submit(ctx, j, natspool.Key(j.Key))) {
					return
				}
				g.oracle.accept(n)
			}
		})
	}
	fault(g, s, workers)
	g.oracle.watch()
	g.finish()
	assert.Less(t, g.oracle.longestGap(), 2*g.setting.Lease+2*time.Second, "recovery")
	byKey := map[string][]attempt{}
	for _, w := range workers {
		for _, e := range w.said("attempt") {
			a := decode[attempt](string(e.Data))
			byKey[a.Key] = append(byKey[a.Key], a)
		}
	}
	require.Len(t, byKey, keys)
	for _, all := range byKey {
		slices.SortStableFunc(all, func(a, b attempt) int { return a.At.Compare(b.At) })
	}
	return byKey
}

// checkFirstRuns looks only at the first attempt of each job.
func checkFirstRuns(t *testing.T, byKey map[string][]attempt) {
	t.Helper()
	for key, all := range byKey {
		begun, ended, last := map[int]bool{}, map[int]bool{}, -1
		for _, a := range all {
			switch {
			case a.End:
				ended[a.N] = true
			case !begun[a.N]:
				if begun[a.N] = true; a.N < last || last >= 0 && !ended[last] {
					t.Errorf("%s: %d begins after %d, which has ended: %v", key, a.N, last, ended[last])
				}
				last = a.N
			}
		}
	}
}

// checkOrder looks at all attempts.
func checkOrder(t *testing.T, byKey map[string][]attempt) {
	t.Helper()
	for key, all := range byKey {
		var running *attempt
		last := -1
		for i, a := range all {
			if a.End {
				if assert.NotNil(t, running, "%s: %d ends", key, a.N) {
					assert.Equal(t, running.N, a.N, key)
				}
				running = nil
				continue
			}
			// One that has no end was cut short by the end of its worker: it is run again.
			if running != nil && running.N != a.N {
				t.Errorf("%s: %d begins while %d runs", key, a.N, running.N)
			}
			if a.N < last {
				t.Errorf("%s: %d begins after %d", key, a.N, last)
			}
			running, last = &all[i], a.N
		}
		assert.Nil(t, running, key)
	}
}
