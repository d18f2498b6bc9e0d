package faults_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWorkerKilled(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url()})
		victim, other := g.worker(workerSpec{Prefetch: 32}), g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(1500*time.Millisecond, jobs, 16))) })
		g.oracle.reach(jobs / 3)
		victim.kill()
		g.oracle.watch()
		g.finish()
		assert.Less(t, g.oracle.longestGap(), 2*g.setting.Lease+2*time.Second, "recovery")
		assert.NotZero(t, stats(other).Redelivered, "the one that was killed had jobs")
	})
}

func TestWorkerFrozen(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url()})
		zombie := g.worker(workerSpec{Prefetch: 32})
		g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(4*time.Second, jobs, 16))) })
		g.oracle.reach(jobs / 4)
		zombie.freeze()
		time.Sleep(2*g.setting.Lease + 500*time.Millisecond)
		zombie.thaw()
		g.finish()
		s := stats(zombie)
		assert.NotZero(t, s.LeaseLost+s.Suppressed, "late results: %+v", s)
	})
}

func TestProducerKilled(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url()})
		g.worker(workerSpec{Prefetch: 32})
		g.read(0)
		for j := range plain(0, jobs, 0) {
			g.oracle.offer(j)
		}
		spec := producerSpec{setting: g.setting, To: jobs}
		first := spawn(t, "producer", "first producer", spec)
		first.awaitNth("stored", jobs/2)
		first.kill()
		stored := len(first.said("stored"))
		second := spawn(t, "producer", "second producer", spec)
		duplicates := second.await("done").N
		assert.GreaterOrEqual(t, duplicates, stored, "what the first one has stored is known")
		assert.LessOrEqual(t, duplicates, stored+1, "and the one that it was about to tell of")
		for n := range jobs {
			g.oracle.accept(n)
		}
		g.finish()
	})
}

func TestReaderKilled(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url()})
		g.worker(workerSpec{Prefetch: 32})
		first := spawn(t, "reader", "first reader", g.setting)
		producer := spawn(t, "producer", "producer", producerSpec{setting: g.setting, To: jobs})
		first.awaitNth("acknowledged", jobs/3)
		first.kill()
		producer.await("done")
		second := spawn(t, "reader", "second reader", g.setting)
		g.drained()
		seen, acknowledged := map[int]int{}, map[int]bool{}
		for _, r := range []*child{first, second} {
			for _, e := range r.said("got") {
				seen[e.N]++
			}
			assert.Empty(t, r.said("wrong"))
		}
		for _, e := range first.said("acknowledged") {
			acknowledged[e.N] = true
		}
		require.Len(t, seen, jobs)
		again := 0
		for n, times := range seen {
			if times > 1 {
				again++
			}
			if times > 2 {
				t.Errorf("job %d was seen %d times", n, times)
			}
		}
		// What it had acknowledged just before may not have left the process.
		assert.LessOrEqual(t, again, 1024, "seen again")
		t.Logf("%d acknowledged by the first reader, %d seen by both", len(acknowledged), again)
	})
}

// Each round a worker is replaced by another one while jobs come in.
func TestRollingReplacement(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		const rounds = 20
		lease := 30 * time.Second
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url(), Lease: lease})
		spec := workerSpec{Workers: 4, Prefetch: 16, MaxCrashes: 1}
		current := g.worker(spec)
		g.read(0)
		begin := time.Now()
		// There are more than enough of them all the time, so that each worker leaves some.
		g.feeding.Go(func() { g.submit(plain(0, jobs, lasting(12*time.Second, jobs, 4))) })
		leaseLost, handedBack := uint64(0), uint64(0)
		for i := range rounds {
			g.oracle.reach(jobs * i / (rounds + 10))
			next := g.launchWorker(spec)
			current.tell([]string{"leave", "stop"}[i%2])
			left := decode[left](string(current.await("left").Data))
			require.Zero(t, current.end())
			leaseLost += left.LeaseLost
			handedBack += left.HandedBack
			current = next
		}
		current.await("ready")
		g.finish()
		assert.Less(t, time.Since(begin), lease, "no job waits for the end of a lease")
		assert.Zero(t, leaseLost)
		assert.NotZero(t, handedBack)
	})
}

type left struct{ HandedBack, LeaseLost uint64 }
