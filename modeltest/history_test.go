package modeltest

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	historyCount = flag.Int("history.count", 2500, "how many histories TestHistory runs")
	historySeed  = flag.Uint64("history.seed", 0, "run the history with this seed, history.count times (0: each with another)")
	patience     = flag.Duration("history.patience", 30*time.Second, "how long a history may take, which takes a thousandth of that, before it counts as one that hangs")
)

// TestHistory runs plans on real threads: what was a round is one caller here, who
// makes one call after the other. So calls and jobs meet anywhere inside the pool, and
// what is judged is what the callers have seen, by the order of the world's clock.
//
// The seed of a failure gives the same plan again, though not the same schedule:
// run it with -history.seed, some thousand times.
func TestHistory(t *testing.T) {
	count := *historyCount
	if testing.Short() {
		count /= 10
	}
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			for range (count + 2) / 3 {
				seed := *historySeed
				if seed == 0 {
					seed = rand.Uint64()
				}
				p := drawHistory(seed)
				if err := live(p); err != nil {
					t.Fatalf("%v\nto run it again: -run 'TestHistory/procs=%d$' -history.seed=%d -history.count=100000\n%#v",
						err, procs, seed, p)
				}
			}
			goleak.VerifyNone(t)
		})
	}
}

func drawHistory(seed uint64) *plan {
	r := rand.New(rand.NewPCG(seed, 0))
	d := &drawer{upTo: func(low, high int) int { return low + r.IntN(high-low+1) }}
	d.flavour = oneOf(d, flavours)
	return d.plan(4, 1, 8)
}

// live lets the callers of p loose on a pool, and returns what was wrong.
func live(p *plan) error {
	w := &world{plan: p, unit: 20 * time.Microsecond}
	if !w.make() {
		return w.wrong
	}
	through := make(chan struct{})
	go func() {
		w.liveThrough()
		close(through)
	}()
	select {
	case <-through:
	case <-time.After(*patience):
		stacks := make([]byte, 1<<20)
		return fmt.Errorf("it hangs:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
	w.mu.Lock()
	running, _ := w.checkJobs()
	w.checkCounts(w.pool.Stats(), running)
	w.checkResults()
	w.calls = nil // all have returned
	w.mu.Unlock()
	w.checkEnd()
	return w.wrong
}

// liveThrough returns when the callers have, the pool has ended, and nothing that was
// started is left.
func (w *world) liveThrough() {
	w.begin(&call{op: callRange}) // somebody has to read
	over := make(chan struct{})
	defer close(over)
	go w.openGates(over)
	var callers sync.WaitGroup
	for _, calls := range w.rounds {
		callers.Add(1)
		w.spawn(func() {
			defer callers.Done()
			for _, c := range calls {
				w.perform(w.enterCall(c), c.n)
			}
		})
	}
	callers.Wait()
	w.begin(&call{op: w.end})
	w.spawned.Wait()
}

// openGates lets the jobs that wait at a gate go on, one after the other.
func (w *world) openGates(over <-chan struct{}) {
	tick := time.NewTicker(w.unit)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			w.release(0)
		}
	}
}
