package conformance

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

func isolationChecks() (checks []check) {
	for _, e := range endings() {
		if e.name != "" {
			checks = append(checks, check{e.name, func(t *testing.T, m Maker) { checkSizeStays(t, m, e) }})
		}
	}
	for _, bad := range []struct {
		name string
		end  func()
	}{
		{"panics", func() { panic("boom") }},
		{"calls Goexit", runtime.Goexit},
	} {
		checks = append(checks,
			check{"a limiter that " + bad.name, func(t *testing.T, m Maker) { checkBadLimiter(t, m, bad.end) }},
			check{"a retry policy that " + bad.name, func(t *testing.T, m Maker) { checkBadPolicy(t, m, bad.end) }})
	}
	return checks
}

// After more bad ends than there are workers all of them still work at once, and no more.
func checkSizeStays(t *testing.T, m Maker, e ending) {
	const workers = 3
	tr := try(t, m, Settings{Workers: workers, Buffer: 4})
	for n := range 3 * workers {
		job := Job{N: 100 + n, Do: e.name, Error: "own"}
		tr.submitAll(job)
		r := tr.read(1)[0]
		e.check(tr, job, r.Value, r.Err)
		value, err := tr.do(t.Context(), Job{N: 200 + n, Do: e.name, Error: "own"})
		e.check(tr, Job{N: 200 + n}, value, err)
	}
	jobs := tr.fill()
	assert.ErrorIs(t, tr.trySubmit(Job{N: 999}), workerpool.ErrFull)
	tr.finish(jobs)
	assert.Equal(t, workers, tr.peak, "jobs at once")
}

// badAtFirst calls end once for each of the first n calls.
func badAtFirst(n int64, end func()) func() {
	var calls atomic.Int64
	return func() {
		if calls.Add(1) <= n {
			end()
		}
	}
}

func checkBadLimiter(t *testing.T, m Maker, end func()) {
	const workers = 3
	bad := badAtFirst(2*workers, end)
	tr := try(t, m, Settings{Workers: workers, Buffer: 4, Limiter: limiterFunc(func(context.Context) error { bad(); return nil })})
	for n := range 2 * workers {
		tr.submitAll(Job{N: 100 + n})
		r := tr.read(1)[0]
		assert.Error(t, r.Err)
		assert.Zero(t, r.Attempts)
		tr.never(100 + n)
	}
	tr.finish(tr.fill())
}

func checkBadPolicy(t *testing.T, m Maker, end func()) {
	const workers = 3
	tr := try(t, m, Settings{Workers: workers, Buffer: 4, Retry: func(int, error) (time.Duration, bool) { end(); return 0, true }})
	for n := range 2 * workers {
		tr.submitAll(Job{N: 100 + n, Do: "fail", Error: "own"})
		r := tr.read(1)[0]
		assert.Error(t, r.Err)
		assert.Equal(t, 1, r.Attempts)
	}
	tr.finish(tr.fill())
}

func orderChecks() []check {
	return []check{
		{"one worker runs them in order", checkOrder},
		{"jobs of one key are run in order", checkKeyOrder},
	}
}

// The first job waits until all others are in the queue.
func checkOrder(t *testing.T, m Maker) {
	for _, buffer := range []int{1, 30} {
		t.Run(fmt.Sprintf("buffer=%d", buffer), func(t *testing.T) {
			tr := try(t, m, Settings{Workers: 1, Buffer: buffer})
			jobs := append(plain("wait", 0, 0), plain("", 1, 29)...)
			tr.submitAll(jobs[0])
			tr.awaitStart(0)
			reader := tr.goReadToEnd()
			for _, job := range jobs[1:] {
				if job.N%2 == 0 || !tr.accepted(tr.trySubmit(job)) {
					tr.release(0) // when there is no place any more, or not at all yet
					tr.submitAll(job)
				}
			}
			tr.release(0)
			tr.close()
			tr.allSucceeded(tr.accountFor(jobs, result(tr, "the end of Results", reader)))
			if !tr.traits.Unordered {
				assert.IsIncreasing(t, tr.order)
			}
			assert.Len(t, tr.order, len(jobs), "each of them has run once")
		})
	}
}

// accepted reports whether a TrySubmit was successful; if not it was ErrFull.
func (tr *trial) accepted(err error) bool {
	tr.t.Helper()
	if err != nil {
		assert.ErrorIs(tr.t, err, workerpool.ErrFull)
	}
	return err == nil
}

// With an order per key several workers run the jobs of one key as one worker would. Without,
// one worker does.
func checkKeyOrder(t *testing.T, m Maker) {
	s := Settings{Workers: 1, Buffer: 60}
	if m.Traits.KeyedOrder {
		s.Workers, s.Keyed = 4, true
	} else if m.Traits.Unordered {
		return // it promises no order at all
	}
	var order [3][]int
	var inside [3]atomic.Int64
	tr := try(t, m, s, doing("note", func(tr *trial, _ context.Context, job Job) (Value, error) {
		k := job.N % 3
		assert.EqualValues(tr.t, 1, inside[k].Add(1), "two jobs of one key at once")
		defer inside[k].Add(-1)
		order[k] = append(order[k], job.N) // a data race, if two are there at once
		runtime.Gosched()
		return valueOf(job), nil
	}))
	reader := tr.goReadToEnd()
	jobs := plain("note", 0, 59)
	for n := range jobs {
		jobs[n].Key = []string{"a", "b", "c"}[n%3]
		tr.submitAll(jobs[n])
	}
	tr.close()
	tr.allSucceeded(tr.accountFor(jobs, result(tr, "the end of Results", reader)))
	for k := range order {
		assert.Len(t, order[k], 20)
		assert.IsIncreasing(t, order[k])
	}
}

func memoryChecks() []check {
	return []check{{"Submit before the handler before the Result", checkMemory}}
}

// The race detector is the judge: nothing here is synchronized but by the pool.
func checkMemory(t *testing.T, m Maker) {
	const jobs = 300
	var cells [2 * jobs]struct{ given, returned int }
	tr := try(t, m, Settings{Workers: 4, Buffer: 4},
		doing("compute", func(_ *trial, _ context.Context, job Job) (Value, error) {
			cells[job.N].returned = cells[job.N].given + 1
			return valueOf(job), nil
		}))
	submitted := started(func() error {
		defer tr.pool.Close()
		for n := range jobs {
			cells[n].given = n
			if err := tr.pool.Submit(t.Context(), Job{N: n, Do: "compute"}); err != nil {
				return err
			}
			cells[jobs+n].given = n
			if _, err := tr.pool.Do(t.Context(), Job{N: jobs + n, Do: "compute"}); err != nil {
				return err
			}
			if cells[jobs+n].returned != n+1 {
				return fmt.Errorf("job %d: %+v", n, cells[jobs+n])
			}
		}
		return nil
	})
	for r := range tr.pool.Results() {
		assert.Equal(t, r.Job.N+1, cells[r.Job.N].returned)
	}
	assert.NoError(t, result(tr, "the submitter", submitted))
}
