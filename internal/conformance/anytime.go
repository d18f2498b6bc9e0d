package conformance

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func callChecks() []check {
	return []check{
		{"all calls from many goroutines at once", checkStorm},
		{"from inside a job", checkFromInside},
		{"Close from inside a job", checkCloseFromInside},
		{"Wait and Shutdown given the context of a job", checkWaitForItself},
		{"callers who go on after the end", checkCallersGoOn},
	}
}

// Nothing panics, everything returns, and each job accepted for Results has one.
func checkStorm(t *testing.T, m Maker) {
	for seed := range uint64(10) {
		tr := try(t, m, Settings{Workers: 2, Buffer: 4})
		var mu sync.Mutex
		var accepted []Job
		var rs []Result
		note := func(job Job, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				accepted = append(accepted, job)
			}
		}
		reader := tr.goReadToEnd()
		var callers sync.WaitGroup
		for c := range 6 {
			random := rand.New(rand.NewPCG(seed, uint64(c)))
			callers.Go(func() {
				ctx, cancel := shortContext()
				defer cancel()
				for n := range 30 {
					job := Job{N: 1000*c + n, Do: []string{"", "fail", "call Goexit", "panic with a string"}[random.IntN(4)], Error: "own"}
					switch random.IntN(6 + n/29) { // the last of one may end the pool
					case 0, 1:
						note(job, tr.pool.Submit(context.Background(), job))
					case 2, 3:
						note(job, tr.pool.TrySubmit(job))
					case 4:
						_ = tr.pool.Wait(ctx)
					case 5:
						if !tr.traits.Stores { // where the next pool would run it
							_, _ = tr.pool.Do(ctx, job)
						}
					}
					if n == 20 {
						returned := stormEnds[(int(seed)+c)%len(stormEnds)](tr.pool)
						mu.Lock()
						rs = append(rs, returned...)
						mu.Unlock()
					}
				}
			})
		}
		if !done(callers.Wait) {
			tr.hangs("one of the calls")
		}
		tr.close()
		tr.accountFor(accepted, append(tr.stopped(rs), result(tr, "the end of Results", reader)...))
	}
}

// stormEnds are ways to end a pool. One half of them does not.
var stormEnds = []func(p Pool) []Result{
	func(Pool) []Result { return nil },
	func(p Pool) []Result { p.Close(); return nil },
	func(Pool) []Result { return nil },
	func(p Pool) []Result { _ = p.Shutdown(context.Background()); return nil },
	func(Pool) []Result { return nil },
	func(p Pool) []Result { return p.Stop() },
	func(Pool) []Result { return nil },
	func(p Pool) []Result { _ = p.Shutdown(endedContext()); return nil },
	func(Pool) []Result { return nil },
}

func checkFromInside(t *testing.T, m Maker) {
	for _, workers := range []int{1, 3} {
		tr := try(t, m, Settings{Workers: workers, Buffer: 4},
			doing("call", func(tr *trial, ctx context.Context, job Job) (Value, error) {
				assert.NoError(tr.t, tr.pool.TrySubmit(Job{N: 2}))
				assert.NoError(tr.t, tr.pool.Submit(ctx, Job{N: 3}))
				value, err := tr.pool.Do(ctx, Job{N: 4})
				if err == nil || !tr.traits.NestedMayRefuse {
					tr.succeeded(Job{N: 4}, value, err)
				}
				select {
				case _, open := <-tr.pool.Results():
					assert.True(tr.t, open)
				default:
				}
				return valueOf(job), nil
			}))
		tr.submitAll(Job{N: 1, Do: "call"})
		require.NoError(t, tr.wait(t.Context()))
		tr.close()
		rs := tr.readToEnd()
		tr.allSucceeded(rs)
		assert.GreaterOrEqual(t, len(rs), 2, "the job may have read one itself")
	}
}

func checkCloseFromInside(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 1, Buffer: 4},
		doing("close", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			assert.NoError(tr.t, tr.pause(ctx, job))
			tr.pool.Close()
			assert.ErrorIs(tr.t, tr.pool.Submit(ctx, Job{N: 3}), workerpool.ErrClosed)
			assert.ErrorIs(tr.t, tr.pool.TrySubmit(Job{N: 3}), workerpool.ErrClosed)
			_, err := tr.pool.Do(ctx, Job{N: 3})
			assert.ErrorIs(tr.t, err, workerpool.ErrClosed)
			return valueOf(job), nil
		}))
	jobs := []Job{{N: 1, Do: "close"}, {N: 2}}
	tr.submitAll(jobs...)
	tr.release(1)
	tr.allSucceeded(tr.accountFor(jobs, tr.readToEnd()))
	tr.never(3)
}

// A job that waits for its own pool would wait for itself.
func checkWaitForItself(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 1, Buffer: 4},
		doing("wait for the pool", func(tr *trial, ctx context.Context, job Job) (Value, error) {
			type key struct{}
			ctx = context.WithValue(ctx, key{}, "derived")
			assert.Error(tr.t, tr.pool.Wait(ctx))
			assert.NoError(tr.t, tr.pool.TrySubmit(Job{N: 2}), "it is still open")
			assert.Error(tr.t, tr.pool.Shutdown(ctx))
			assert.ErrorIs(tr.t, tr.pool.TrySubmit(Job{N: 3}), workerpool.ErrClosed, "Shutdown has closed it")
			assert.NoError(tr.t, ctx.Err(), "and cancelled nothing")
			return valueOf(job), nil
		}))
	jobs := []Job{{N: 1, Do: "wait for the pool"}, {N: 2}}
	tr.submitAll(jobs[0])
	tr.allSucceeded(tr.accountFor(jobs, tr.readToEnd()))
	tr.never(3)
}

// Callers who go on after the end do not keep a pool from ending.
func checkCallersGoOn(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := tr.fill()
	tr.close()
	const callers = 6
	var stop atomic.Bool
	defer stop.Store(true)
	refused := make(chan struct{}, callers)
	var calling sync.WaitGroup
	for c := range callers {
		calling.Go(func() {
			for first := true; first || !stop.Load(); first = false {
				var err error
				switch c % 3 {
				case 0:
					err = tr.pool.Submit(context.Background(), Job{N: 100})
				case 1:
					err = tr.pool.TrySubmit(Job{N: 100})
				case 2:
					_, err = tr.pool.Do(context.Background(), Job{N: 100})
				}
				if !errors.Is(err, workerpool.ErrClosed) {
					tr.t.Errorf("not refused: %v", err)
				}
				if first {
					refused <- struct{}{}
				}
				runtime.Gosched()
			}
		})
	}
	for range callers {
		_, ok := receive(refused)
		require.True(t, ok, "a refusal")
	}
	tr.releaseAll()
	reader := tr.goReadToEnd()
	waited := tr.wait(t.Context())
	rs := result(tr, "the end of Results", reader)
	stop.Store(true)
	calling.Wait()
	assert.NoError(t, waited)
	tr.allSucceeded(tr.accountFor(jobs, rs))
	tr.never(100)
}
