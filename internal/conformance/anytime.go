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

// storm is what the callers of checkStorm have in common.
type storm struct {
	*trial
	mu       sync.Mutex
	accepted []Job
	returned []Result // by Stop
}

// Nothing panics, everything returns, and each job accepted for Results has one.
func checkStorm(t *testing.T, m Maker) {
	for seed := range uint64(10) {
		s := &storm{trial: try(t, m, Settings{Workers: 2, Buffer: 4})}
		reader := s.goReadToEnd()
		var callers sync.WaitGroup
		for c := range 6 {
			end := stormEnds[(int(seed)+c)%len(stormEnds)]
			callers.Go(func() { s.calls(c, rand.New(rand.NewPCG(seed, uint64(c))), end) })
		}
		if !done(callers.Wait) {
			s.hangs("one of the calls")
		}
		s.close()
		rs := append(s.stopped(s.returned), result(s.trial, "the end of Results", reader)...)
		s.accountFor(s.accepted, rs)
	}
}

// calls calls this and that, and end towards the end.
func (s *storm) calls(caller int, random *rand.Rand, end func(p Pool) []Result) {
	ctx, cancel := shortContext()
	defer cancel()
	all := endings()
	for n := range 30 {
		job := Job{N: 1000*caller + n, Do: all[random.IntN(len(all))].name, Error: "own"}
		switch random.IntN(6) {
		case 0, 1:
			s.note(job, s.pool.Submit(context.Background(), job))
		case 2, 3:
			s.note(job, s.pool.TrySubmit(job))
		case 4:
			_ = s.pool.Wait(ctx)
		case 5:
			if !s.traits.Stores { // where the next pool would run it
				_, _ = s.pool.Do(ctx, job)
			}
		}
		if n == 20 {
			rs := end(s.pool)
			s.mu.Lock()
			s.returned = append(s.returned, rs...)
			s.mu.Unlock()
		}
	}
}

// note notes what a call that submits returned.
func (s *storm) note(job Job, err error) {
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.accepted = append(s.accepted, job)
	} else if !s.isFull(err) {
		assert.ErrorIs(s.t, err, workerpool.ErrClosed)
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
				return valueOf(job), nil
			}))
		jobs := []Job{{N: 1, Do: "call"}, {N: 2}, {N: 3}}
		tr.submitAll(jobs[0])
		require.NoError(t, tr.wait(t.Context()))
		tr.close()
		tr.allSucceeded(tr.accountFor(jobs, tr.readToEnd()))
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
