//go:build linux

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

// soak is a pool to which something happens all the time.
type soak struct {
	*stage
	t       *testing.T
	random  *rand.Rand
	server  *serverProcess
	proxy   *proxy
	workers []*child
	specs   []workerSpec
	counts  map[string]int
}

func TestSoak(t *testing.T) {
	if *jobsFlag <= fewJobs {
		t.Parallel()
	}
	for range *timesFlag {
		seed := *seedFlag
		if seed == 0 {
			seed = uint64(time.Now().UnixNano())
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runSoak(t, seed) })
	}
}

func runSoak(t *testing.T, seed uint64) {
	t.Logf("-faults.seed=%d", seed)
	server := startServer(t, serverSpec{})
	at, err := url.Parse(server.url())
	require.NoError(t, err)
	s := &soak{t: t, random: rand.New(rand.NewPCG(seed, 0)), server: server, proxy: startProxy(t, at.Host), counts: map[string]int{}}
	s.stage = setStage(t, setting{URL: s.proxy.url(), Partitions: 4, Keep: 20 * time.Second})
	direct := s.setting
	direct.URL = server.url()
	for _, from := range []setting{s.setting, direct, direct} { // one is behind the proxy, as the client is
		// To be killed from outside counts as a crash.
		spec := workerSpec{setting: from, Prefetch: 16, Retries: 5, MaxCrashes: 1000}
		s.specs = append(s.specs, spec)
		s.workers = append(s.workers, s.worker(spec))
	}
	s.read(0)

	end := time.Now().Add(*soakFlag)
	submitted := make(chan int)
	go func() { submitted <- s.submitUntil(end, seed) }()
	var sizes []size
	for time.Now().Before(end) {
		time.Sleep(time.Duration(100+s.random.IntN(400)) * time.Millisecond)
		sizes = append(sizes, s.size())
		s.something()
	}
	jobs := <-submitted
	s.complete()
	s.drained()
	s.forgets = true // at any time from Keep on
	sizes = append(sizes, s.size())
	checkFlat(t, sizes, jobs)
	s.finish()
	t.Logf("%d jobs, %v", jobs, s.counts)
}

// submitUntil submits all kinds of jobs, and goes no further ahead of the results than some.
func (s *soak) submitUntil(end time.Time, seed uint64) (n int) {
	random := rand.New(rand.NewPCG(seed, 1))
	for time.Now().Before(end) {
		from := n
		s.submit(func(yield func(job) bool) {
			for ; n < from+200; n++ {
				if !yield(someJob(n, random)) {
					return
				}
			}
		})
		s.again(from)
		s.oracle.until("results of what was submitted", func() bool { return s.oracle.missing < 1000 })
	}
	return n
}

func someJob(n int, random *rand.Rand) job {
	j := job{N: n, Work: time.Duration(random.IntN(int(10 * time.Millisecond)))}
	switch random.IntN(20) {
	case 0, 1:
		j.Key = fmt.Sprint("key-", random.IntN(16))
	case 2:
		j.Due = time.Now().Add(time.Duration(random.IntN(int(2 * time.Second))))
	case 3, 4:
		j.How, j.Fails = "flaky", 1+random.IntN(3)
	}
	return j
}

// again submits a job whose result was not seen yet another time.
func (s *soak) again(from int) {
	s.oracle.mu.Lock()
	var j job
	found := false
	for n := from; n < from+200 && !found; n++ {
		j = s.oracle.offered[n]
		found = s.oracle.seen[n] == 0 && n%2 == 0 && j.Key == "" && j.Due.IsZero()
	}
	s.oracle.mu.Unlock()
	if !found {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.client.Submit(ctx, j, options(j)...); err != nil { // nil if the connection was lost in between
		assert.ErrorIs(s.t, err, natspool.ErrDuplicate)
	}
}

// something happens.
func (s *soak) something() {
	i := s.random.IntN(len(s.workers))
	moment := time.Duration(s.random.IntN(int(2500 * time.Millisecond)))
	var what string
	switch s.random.IntN(9) {
	case 0, 1:
		what = "worker killed"
		s.workers[i].kill()
		s.workers[i] = s.launchWorker(s.specs[i])
	case 2:
		what = "worker replaced"
		old := s.workers[i]
		s.workers[i] = s.launchWorker(s.specs[i])
		old.tell("leave")
		assert.Zero(s.t, old.end())
	case 3:
		what = "worker frozen"
		s.workers[i].freeze()
		time.Sleep(moment)
		s.workers[i].thaw()
	case 4:
		what = "server killed"
		bounce(s.server, moment/4)
	case 5:
		what = "server restarted"
		s.server.shutDown()
		s.server.start()
	case 6:
		what = "server frozen"
		s.server.freeze()
		time.Sleep(moment / 2)
		s.server.thaw()
	case 7:
		what = "connections cut"
		for range 1 + s.random.IntN(5) {
			s.proxy.cut()
			time.Sleep(moment / 20)
		}
	default:
		what = "black hole"
		s.proxy.obey(rules{holeUp: s.random.IntN(3) > 0, holeDown: s.random.IntN(3) > 0})
		time.Sleep(moment)
		s.proxy.obey(rules{})
	}
	s.counts[what]++
}

// size is how much there is of something that must not grow for ever.
type size struct {
	at      time.Time
	heap    int // KiB in this process
	server  int // KiB of the heap of the server
	results int
	stored  int
}

func (s *soak) size() size {
	z := size{at: time.Now(), server: s.server.ask("memory").N}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if q, err := s.client.Queue(ctx); err == nil {
		z.results, z.stored = q.Results, q.Stored+q.Delayed
	} else {
		assert.True(s.t, errors.Is(err, natspool.ErrUnavailable), err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	z.heap = int(m.HeapAlloc >> 10)
	return z
}

// checkFlat compares the second half of the time with the first.
func checkFlat(t *testing.T, sizes []size, jobs int) {
	t.Helper()
	half := len(sizes) / 2
	// Results are kept for 20 s after they were read, and after each crash for some seconds more.
	kept := min(1, float64(40*time.Second)/float64(*soakFlag))
	most := func(of []size, what func(size) int) (n int) {
		for _, z := range of {
			n = max(n, what(z))
		}
		return n
	}
	results := func(z size) int { return z.results }
	grown := max(0, most(sizes[half:], results)-most(sizes[:half], results))
	for name, c := range map[string]struct {
		what func(size) int
		more int // that is no growth
	}{
		"KiB of the server":       {func(z size) int { return z.server }, 16<<10 + 2*grown}, // it knows where each result is
		"KiB of this process":     {func(z size) int { return z.heap }, 32<<10 + jobs},      // the oracle remembers every job
		"stored results":          {results, 1000 + int(float64(jobs)*kept)},
		"stored and delayed jobs": {func(z size) int { return z.stored }, 1500},
	} {
		first, second := most(sizes[:half], c.what), most(sizes[half:], c.what)
		t.Logf("%s: at most %d, then %d", name, first, second)
		assert.LessOrEqual(t, second, first+c.more, name)
	}
}
