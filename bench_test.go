package workerpool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// The benchmarks compare, since a time alone says more about the machine and its
// neighbours than about the code. Each iteration runs every contender once, in
// turn, each on the same number of jobs; reported are the median time a job of each
// contender, and the median, over the iterations, of its ratio to the first one,
// the baseline. Run them with enough iterations for a median:
//
//	go test -run '^$' -bench . -benchtime 31x

// contender does n jobs with the given number of workers and places.
type contender struct {
	name string
	run  func(workers, buffer, n int)
}

func compare(b *testing.B, workers, buffer, n int, contenders []contender) {
	times := make([][]float64, len(contenders))
	allocs := make([][]float64, len(contenders))
	for b.Loop() {
		for i, c := range contenders {
			ns, mallocs := measure(func() { c.run(workers, buffer, n) })
			times[i] = append(times[i], ns/float64(n))
			allocs[i] = append(allocs[i], mallocs/float64(n))
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	for i, c := range contenders {
		b.ReportMetric(median(times[i]), c.name+"-ns/job")
		b.ReportMetric(median(allocs[i]), c.name+"-allocs/job")
		if i > 0 {
			ratios := make([]float64, len(times[i]))
			for k := range ratios {
				ratios[k] = times[i][k] / times[0][k]
			}
			b.ReportMetric(median(ratios), c.name+"/"+contenders[0].name)
		}
	}
}

func measure(f func()) (ns, mallocs float64) {
	runtime.GC() // each contender pays for its own garbage only
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	ns = float64(time.Since(start).Nanoseconds())
	runtime.ReadMemStats(&after)
	return ns, float64(after.Mallocs - before.Mallocs)
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

func noop(_ context.Context, n int) (int, error) { return n, nil }

// barePool is what one writes by hand: a jobs channel, workers, a WaitGroup that
// closes the results channel. It has the fast path of a pool and nothing else: a
// panic ends the program, a Goexit hangs it, it cannot be cancelled.
func barePool(workers, buffer, n int) {
	type result struct {
		job, value int
		err        error
	}
	jobs := make(chan int, buffer)
	results := make(chan result, buffer)
	var wg sync.WaitGroup
	var fn workerpool.Func[int, int] = noop
	for range workers {
		wg.Go(func() {
			for job := range jobs {
				value, err := fn(context.Background(), job)
				results <- result{job, value, err}
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	go func() {
		for i := range n {
			jobs <- i
		}
		close(jobs)
	}()
	count := 0
	for range results {
		count++
	}
	mustEqual(count, n)
}

// guardedPool is barePool with what the guarantees need at the least, written by hand: an
// entry for each job, so that the jobs channel is not closed while somebody sends; an end of
// each job, after which its context lends nothing; waits that something else may end; a look
// at the submitter's context; jobs that may belong to a call; results with their attempts.
func guardedPool(workers, buffer, n int) {
	type task struct {
		job  int
		call *int
	}
	type count struct {
		_ [128]byte
		atomic.Uint64
		_ [128]byte
	}
	jobs := make(chan task, buffer)
	results := make(chan workerpool.Result[int, int], buffer)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	closed, wake := make(chan struct{}), make(chan struct{})
	var accepted count
	var wg sync.WaitGroup
	var fn workerpool.Func[int, int] = noop
	for range workers {
		wg.Go(func() {
			var ended count
			var t task
			for ok := true; ; {
				select {
				case t, ok = <-jobs:
				default:
					select {
					case t, ok = <-jobs:
					case <-wake:
					}
				}
				if !ok {
					return
				}
				if t.call != nil {
					panic("nobody calls")
				}
				value, err := fn(context.Background(), t.job)
				if lent := ended.Add(2)&1 != 0; lent {
					panic("nobody lends")
				}
				results <- workerpool.Result[int, int]{Job: t.job, Value: value, Err: err, Attempts: 1}
			}
		})
	}
	go func() {
		wg.Wait()
		close(results)
	}()
	go func() {
		for i := range n {
			if open := accepted.Add(2)&1 == 0; !open || ctx.Err() != nil {
				panic("nobody closes")
			}
			select {
			case jobs <- task{job: i}:
			default:
				select {
				case jobs <- task{job: i}:
				case <-ctx.Done():
				case <-closed:
				}
			}
		}
		close(jobs)
	}()
	got := 0
	for range results {
		got++
	}
	mustEqual(got, n)
}

// bareGoroutines starts a goroutine for each job, at most workers at once.
func bareGoroutines(workers, buffer, n int) {
	type result struct {
		job, value int
		err        error
	}
	results := make(chan result, buffer)
	slots := make(chan struct{}, workers)
	var wg sync.WaitGroup
	var fn workerpool.Func[int, int] = noop
	go func() {
		for i := range n {
			slots <- struct{}{}
			wg.Go(func() {
				value, err := fn(context.Background(), i)
				results <- result{i, value, err}
				<-slots
			})
		}
		wg.Wait()
		close(results)
	}()
	count := 0
	for range results {
		count++
	}
	mustEqual(count, n)
}

func newPool(workers, buffer int) *workerpool.Pool[int, int] {
	p, err := workerpool.New(noop, workerpool.WithWorkers(workers), workerpool.WithBuffer(buffer))
	if err != nil {
		panic(err)
	}
	return p
}

func submitResults(workers, buffer, n int) {
	p := newPool(workers, buffer)
	ctx, cancel := context.WithCancel(context.Background()) // one that can end, as real ones can
	defer cancel()
	go func() {
		for i := range n {
			if err := p.Submit(ctx, i); err != nil {
				panic(err)
			}
		}
		p.Close()
	}()
	count := 0
	for range p.Results() {
		count++
	}
	mustEqual(count, n)
}

func trySubmitResults(workers, buffer, n int) {
	p := newPool(workers, buffer)
	go func() {
		for i := range n {
			for {
				err := p.TrySubmit(i)
				if err == nil {
					break
				}
				if !errors.Is(err, workerpool.ErrFull) {
					panic(err)
				}
				runtime.Gosched()
			}
		}
		p.Close()
	}()
	count := 0
	for range p.Results() {
		count++
	}
	mustEqual(count, n)
}

func mustEqual(got, want int) {
	if got != want {
		panic(fmt.Sprintf("%d results of %d jobs", got, want))
	}
}

// bareCalls is barePool for callers who wait for their own result: each job carries
// the channel for it.
func bareCalls(workers, buffer, n int) {
	type result struct {
		value int
		err   error
	}
	type request struct {
		job   int
		reply chan result
	}
	jobs := make(chan request, buffer)
	var wg sync.WaitGroup
	var fn workerpool.Func[int, int] = noop
	for range workers {
		wg.Go(func() {
			for r := range jobs {
				value, err := fn(context.Background(), r.job)
				r.reply <- result{value, err}
			}
		})
	}
	inParallel(n, func(i int) {
		r := request{i, make(chan result, 1)}
		jobs <- r
		got := <-r.reply
		mustEqual(got.value, i)
	})
	close(jobs)
	wg.Wait()
}

// goroutineCalls is a goroutine for each call, at most workers of them at once.
func goroutineCalls(workers, _, n int) {
	slots := make(chan struct{}, workers)
	var fn workerpool.Func[int, int] = noop
	inParallel(n, func(i int) {
		slots <- struct{}{}
		reply := make(chan int, 1)
		go func() {
			value, _ := fn(context.Background(), i)
			reply <- value
			<-slots
		}()
		mustEqual(<-reply, i)
	})
}

func do(workers, buffer, n int) {
	p := newPool(workers, buffer)
	defer p.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	inParallel(n, func(i int) {
		value, err := p.Do(ctx, i)
		if err != nil {
			panic(err)
		}
		mustEqual(value, i)
	})
}

// inParallel calls f with 0 to n-1 from eight goroutines.
func inParallel(n int, f func(i int)) {
	const callers = 8
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := c; i < n; i += callers {
				f(i)
			}
		})
	}
	wg.Wait()
}

func eachSize(b *testing.B, n int, contenders ...contender) {
	for _, workers := range []int{1, 4, 64} {
		for _, buffer := range []int{0, 16, 128, 1024} {
			b.Run(fmt.Sprintf("workers=%d/buffer=%d", workers, buffer), func(b *testing.B) {
				compare(b, workers, buffer, n, contenders)
			})
		}
	}
}

func BenchmarkSubmit(b *testing.B) {
	eachSize(b, 100_000, contender{"bare", barePool}, contender{"guarded", guardedPool}, contender{"goroutines", bareGoroutines}, contender{"pool", submitResults})
}

func BenchmarkTrySubmit(b *testing.B) {
	eachSize(b, 100_000, contender{"bare", barePool}, contender{"goroutines", bareGoroutines}, contender{"pool", trySubmitResults})
}

func BenchmarkDo(b *testing.B) {
	eachSize(b, 50_000, contender{"bare", bareCalls}, contender{"goroutines", goroutineCalls}, contender{"pool", do})
}

// TestBenchmarksRun keeps the contenders from rotting: each does its jobs, and does
// them right.
func TestBenchmarksRun(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, run := range []func(workers, buffer, n int){
		barePool, guardedPool, bareGoroutines, submitResults, trySubmitResults, bareCalls, goroutineCalls, do,
	} {
		for _, buffer := range []int{0, 16} {
			run(3, buffer, 100)
		}
	}
}

// Submitting allocates nothing but, for 216 jobs at once, their contexts.
func TestSubmitDoesNotAllocate(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	p := newPool(4, 128)
	defer p.Stop()
	const n = 10_000
	allocs := testing.AllocsPerRun(5, func() {
		for i := range n {
			if err := p.Submit(t.Context(), i); err != nil {
				panic(err)
			}
			<-p.Results()
		}
	})
	if perJob := allocs / n; perJob > 0.02 {
		t.Errorf("%.3f allocations a job", perJob)
	}
}
