package faults_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

// A job that ends its process is a dead letter after MaxCrashes such ends and one. Jobs that
// were beside it are not.
func TestPoisonEndsItsProcess(t *testing.T) {
	for name, key := range map[string]string{"without a key": "", "with a key": "poisoned"} {
		t.Run(name, func(t *testing.T) {
			repeat(t, func(t *testing.T, jobs int) { poisoned(t, jobs, key) })
		})
	}
}

func poisoned(t *testing.T, jobs int, key string) {
	t.Helper()
	const maxCrashes = 3
	g := setStage(t, setting{URL: startServer(t, serverSpec{}).url(), Partitions: 2})
	g.dead = 1
	g.read(0)
	spec := workerSpec{Prefetch: 32, MaxCrashes: maxCrashes}
	poison := jobs / 3
	g.submit(func(yield func(job) bool) {
		for n := range jobs {
			j := job{N: n, Work: time.Millisecond}
			if n%10 == poison%10 {
				j.Key = key
			}
			if n == poison {
				j.How = "exit"
			}
			if !yield(j) {
				return
			}
		}
	})
	ends := 0
	stop, done := make(chan struct{}), make(chan struct{})
	var last *child
	go func() { // whose process ends starts another one
		defer close(done)
		for {
			w := g.launchWorker(spec)
			select {
			case <-w.done:
				if assert.Equal(t, 3, w.code, w.stderr.String()) {
					ends++
					continue
				}
			case <-stop:
				last = w
			}
			return
		}
	}()
	g.complete()
	close(stop)
	<-done
	assert.Equal(t, maxCrashes+1, ends, "ends of processes")
	for d, err := range g.client.DeadLetters(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, poison, d.Job.N)
		require.ErrorIs(t, d.Err, natspool.ErrCrashed)
	}
	if last != nil {
		last.await("ready")
	}
	g.finish()
}

// Jobs fail in all ways beside others that don't, and each failure is a dead letter.
func TestWaysToFail(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url()})
		g.read(0)
		spec := workerSpec{Prefetch: 32, Retries: 2, Timeout: time.Second}
		w := g.worker(spec)
		g.worker(spec)
		ways := []string{"fail", "panic", "goexit", "hang", "huge"}
		each := max(1, min(jobs/40, 20))
		g.dead = each * len(ways)
		g.submit(func(yield func(job) bool) {
			for n := range jobs {
				j := job{N: n, Work: time.Millisecond}
				if n%(jobs/each) < len(ways) && n/(jobs/each) < each {
					j.How = ways[n%(jobs/each)]
				}
				if !yield(j) {
					return
				}
			}
		})
		g.complete()
		attempts := map[string]int{"fail": 3, "panic": 1, "goexit": 1, "hang": 3, "huge": 1}
		dead := map[string]int{}
		for d, err := range g.client.DeadLetters(t.Context()) {
			require.NoError(t, err)
			dead[d.Job.How]++
			assert.Equal(t, attempts[d.Job.How], d.Attempts, d.Job.How)
		}
		for _, how := range ways {
			assert.Equal(t, each, dead[how], how)
		}
		assert.Zero(t, stats(w).LeaseLost)
		g.finish()
	})
}

// Somebody stores bytes that are no job of this pool.
func TestUndecodableJob(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		const broken = 5
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url()})
		w := g.worker(workerSpec{Prefetch: 32, Retries: 2})
		nc, err := nats.Connect(g.setting.URL)
		require.NoError(t, err)
		defer nc.Close()
		for i := range broken {
			subject := "wp." + g.setting.Pool + ".job.any.main.broken-" + string(rune('a'+i))
			_, err := nc.Request(subject, []byte(`{"N": "no number"`), patience)
			require.NoError(t, err)
		}
		undecodable := make(chan int, 1)
		g.reading.Go(func() {
			n := 0
			for r := range g.client.Results() {
				if r.Err != nil && assert.ErrorIs(t, r.Err, natspool.ErrUndecodable) {
					n++
					continue
				}
				g.oracle.result(r)
			}
			undecodable <- n
		})
		g.submit(plain(0, jobs, 0))
		g.dead, g.extra = broken, broken
		g.finish()
		assert.Equal(t, broken, <-undecodable)
		for d, err := range g.join().DeadLetters(t.Context()) {
			require.NoError(t, err)
			require.ErrorIs(t, d.Err, natspool.ErrUndecodable)
			require.Error(t, d.DecodeErr)
			assert.Equal(t, `{"N": "no number"`, string(d.Data))
			assert.Equal(t, 1, d.Attempts)
		}
		assert.EqualValues(t, broken, stats(w).Failed)
	})
}

// A dead letter that is requeued, and fails again at once, is a dead letter again.
func TestRequeuedAgainAndAgain(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		const poison = 4
		g := setStage(t, setting{URL: startServer(t, serverSpec{}).url()})
		g.worker(workerSpec{})
		rounds := max(20, min(jobs/20, 300))
		results := make(chan int, poison)
		g.reading.Go(func() {
			for r := range g.client.Results() {
				assert.ErrorIs(t, r.Err, errPlain)
				results <- r.Job.N
			}
		})
		for n := range poison {
			require.NoError(t, g.client.Submit(t.Context(), job{N: n, How: "fail"}, natspool.ID(jobID(n))))
		}
		var all sync.WaitGroup
		for i := range rounds {
			for range poison {
				<-results
			}
			dead := 0
			for d, err := range g.client.DeadLetters(t.Context()) {
				require.NoError(t, err)
				assert.Equal(t, jobID(d.Job.N), d.ID)
				dead++
			}
			require.Equal(t, poison, dead, "dead letters in round %d", i)
			if i == rounds-1 {
				break
			}
			for n := range poison {
				all.Go(func() { assert.NoError(t, g.client.Requeue(t.Context(), jobID(n))) })
			}
			all.Wait()
		}
		g.dead, g.extra = poison, poison
		g.finish()
	})
}
