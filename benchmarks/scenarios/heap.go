package scenarios

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

// heap measures by how much the heap grows at most while jobs stream through.
func (s Scenario) heap(run contenders.Run) (Measurement, error) {
	fn := s.Work.Func()
	idle()
	runtime.GC()
	runtime.GC() // what the first one only took from a sync.Pool
	peak := watchHeap(time.Millisecond)
	start := time.Now()
	t := run(s.size(), fn, s.Jobs)
	perJob := float64(time.Since(start).Nanoseconds()) / float64(s.Jobs)
	m := Measurement{s.Jobs, []Metric{{perJob, "ns/job"}, {float64(peak()), "peak-B"}}}
	return m, t.Check(1, s.Jobs, false)
}

// watchHeap looks at the heap now and then, and returns what ends that and says how much
// more there was at most than at first.
func watchHeap(each time.Duration) (peak func() uint64) {
	first := heapObjects()
	most := first
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticks := time.NewTicker(each)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				most = max(most, heapObjects())
			case <-done:
				return
			}
		}
	})
	return func() uint64 {
		close(done)
		wg.Wait()
		return max(most, heapObjects()) - first
	}
}

// heapObjects is the memory of live objects and of dead ones that were not swept yet. It
// does not stop the world, as runtime.ReadMemStats does.
func heapObjects() uint64 {
	sample := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
