package workerpool_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// These tests run on real threads, where the bubbles can't go: whatever the
// scheduler does, no job is lost or doubled, the bound holds and nothing is left.

func rounds(t *testing.T, full int) int {
	t.Helper()
	if testing.Short() {
		return max(1, full/10)
	}
	return full
}

// history is what several clients have done with a pool and what came of it.
type history struct {
	mu        sync.Mutex
	accepted  []int // for Results
	delivered []int
	running   atomic.Int64
	bound     atomic.Int64
	exceeded  atomic.Int64
}

func (h *history) accept(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.accepted = append(h.accepted, n)
}

func (h *history) deliver(rs ...workerpool.Result[int, int]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range rs {
		h.delivered = append(h.delivered, r.Job)
	}
}

func (h *history) check(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.Sort(h.accepted)
	slices.Sort(h.delivered)
	assert.True(t, slices.Equal(h.accepted, h.delivered), "accepted %d, delivered %d", len(h.accepted), len(h.delivered))
	assert.Zero(t, h.exceeded.Load(), "calls of Func beyond the bound")
}

// fn is a Func that ends in every way.
func (h *history) fn(_ context.Context, n int) (int, error) {
	if h.running.Add(1) > h.bound.Load() {
		h.exceeded.Add(1)
	}
	defer h.running.Add(-1)
	switch n % 23 {
	case 3:
		panic(n)
	case 5:
		runtime.Goexit()
	case 7:
		runtime.Gosched()
	case 11:
		return n, errOwn
	}
	return n, nil
}

func TestStress_SubmittersAgainstEveryEnd(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ends := []func(p *workerpool.Pool[int, int], cancel func()) []workerpool.Result[int, int]{
		func(p *workerpool.Pool[int, int], _ func()) []workerpool.Result[int, int] { p.Close(); return nil },
		func(p *workerpool.Pool[int, int], _ func()) []workerpool.Result[int, int] { return p.Stop() },
		func(_ *workerpool.Pool[int, int], cancel func()) []workerpool.Result[int, int] { cancel(); return nil },
		func(p *workerpool.Pool[int, int], _ func()) []workerpool.Result[int, int] {
			shutdownNow(p)
			return p.Stop()
		},
		func(p *workerpool.Pool[int, int], _ func()) []workerpool.Result[int, int] {
			_ = p.Shutdown(context.Background())
			return nil
		},
	}
	for round := range rounds(t, 300) {
		var h history
		workers, buffer := 1+rand.IntN(4), rand.IntN(3)*rand.IntN(10)
		h.bound.Store(int64(workers))
		ctx, cancel := context.WithCancel(t.Context())
		p := newPoolOf(t, h.fn, sized(workers, buffer, workerpool.WithContext(ctx))...)
		var clients sync.WaitGroup
		for c := range 4 {
			clients.Go(func() {
				for n := c; ; n += 4 {
					var err error
					switch rand.IntN(3) {
					case 0:
						err = p.Submit(t.Context(), n)
					case 1:
						err = p.TrySubmit(n)
					case 2:
						v, err := p.Do(t.Context(), n)
						if err == nil && v != n {
							t.Errorf("Do(%d) = %d", n, v)
						}
						if errors.Is(err, workerpool.ErrClosed) {
							return
						}
						continue
					}
					switch {
					case err == nil:
						h.accept(n)
					case errors.Is(err, workerpool.ErrClosed):
						return
					default: // full
						runtime.Gosched()
					}
				}
			})
		}
		var readers sync.WaitGroup
		for range 1 + rand.IntN(2) {
			readers.Go(func() {
				for r := range p.Results() {
					h.deliver(r)
				}
			})
		}
		for range rand.IntN(300) {
			runtime.Gosched()
		}
		h.deliver(ends[round%len(ends)](p, cancel)...)
		clients.Wait()
		readers.Wait()
		cancel()
		h.check(t)
		s := p.Stats()
		assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
		if t.Failed() {
			t.Fatalf("round %d: %d workers, buffer %d", round, workers, buffer)
		}
	}
}

func TestStress_ResizeUnderLoad(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range rounds(t, 20) {
		var h history
		h.bound.Store(8)
		p := newPoolOf(t, h.fn, sized(8, rand.IntN(3)*8)...)
		stop := make(chan struct{})
		var resizer sync.WaitGroup
		resizer.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					assert.NoError(t, p.Resize(1+rand.IntN(8)))
					runtime.Gosched()
				}
			}
		})
		var clients sync.WaitGroup
		for c := range 3 {
			clients.Go(func() {
				for n := c; n < 3000; n += 3 {
					if assert.NoError(t, p.Submit(t.Context(), n)) {
						h.accept(n)
					}
				}
			})
		}
		go func() {
			clients.Wait()
			close(stop)
			resizer.Wait()
			p.Close()
		}()
		for r := range p.Results() {
			h.deliver(r)
		}
		h.check(t)
	}
}

// The pool shrinks for good between two bursts: afterwards the new bound holds.
func TestStress_TheNewBoundHoldsAfterAShrink(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range rounds(t, 200) {
		var h history
		h.bound.Store(8)
		p := newPoolOf(t, h.fn, sized(8, rand.IntN(2)*16)...)
		burst := func() {
			for n := range 40 {
				_, _ = p.Do(t.Context(), n)
			}
		}
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(burst)
		}
		clients.Wait()
		require.NoError(t, p.Resize(2)) // its workers are anywhere between two jobs
		h.bound.Store(2)
		for range 4 {
			clients.Go(burst)
		}
		clients.Wait()
		p.Stop()
		require.Zero(t, h.exceeded.Load())
	}
}

func TestStress_JobsThatSubmitJobs(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range rounds(t, 30) {
		var inside atomic.Int64
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, depth int) (int, error) {
			inside.Add(1)
			if depth == 0 {
				return 1, nil
			}
			var sum atomic.Int64
			var wg sync.WaitGroup
			for range 2 { // goroutines of the job that take turns in its place
				wg.Go(func() {
					n, err := p.Do(ctx, depth-1)
					assert.NoError(t, err)
					sum.Add(int64(n))
				})
			}
			assert.NoError(t, p.Submit(ctx, 0))
			wg.Wait()
			return int(sum.Load()), nil
		}, sized(1+rand.IntN(3), rand.IntN(3))...)
		read := make(chan int)
		go func() { read <- len(readAll(p)) }()
		const depth = 6
		n, err := p.Do(t.Context(), depth)
		require.NoError(t, err)
		assert.Equal(t, 1<<depth, n)
		require.NoError(t, p.Shutdown(t.Context()))
		assert.Equal(t, 1<<depth-1, <-read)
		assert.EqualValues(t, 1<<(depth+1)-1+1<<depth-1, inside.Load())
	}
}

// Callers of Do come and go while the pool works and ends.
func TestStress_DoWithContextsThatEnd(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for range rounds(t, 60) {
		ctx, cancelPool := context.WithCancel(t.Context())
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n%2 == 0 {
				runtime.Gosched()
				return n, ctx.Err()
			}
			<-ctx.Done()
			return n, ctx.Err()
		}, sized(2, 2, workerpool.WithContext(ctx))...)
		var ok, failed, refused atomic.Int64
		var clients sync.WaitGroup
		for c := range 8 {
			clients.Go(func() {
				for n := range 50 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
					v, err := p.Do(ctx, n+c)
					cancel()
					switch {
					case err == nil:
						ok.Add(1)
						assert.Equal(t, n+c, v)
					case errors.Is(err, workerpool.ErrClosed):
						refused.Add(1)
					default:
						failed.Add(1)
						assert.True(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled), err)
					}
				}
			})
		}
		if rand.IntN(2) == 0 {
			for range 200 {
				runtime.Gosched()
			}
			cancelPool()
		}
		clients.Wait()
		assert.EqualValues(t, 8*50, ok.Load()+failed.Load()+refused.Load())
		assert.Empty(t, p.Stop())
		cancelPool()
		s := p.Stats()
		assert.Equal(t, s.Accepted, s.Completed+s.NotRun)
	}
}

// hinderCancel returns when ctx has been cancelled, which takes longer because of it.
func hinderCancel(ctx context.Context) {
	for ctx.Err() == nil {
		_, cancel := context.WithCancel(ctx)
		cancel()
	}
}

// From the moment when anybody can see that the pool is cancelled no job starts, though
// the call has yet to learn of it; of a pool that is bound to no context too.
func TestStress_NoJobOfAChunkStartsAfterTheCancellation(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	jobs := upTo(1_000_000)
	for begin := time.Now(); time.Since(begin) < time.Second; {
		var cancelled atomic.Bool
		var late atomic.Int32
		var once sync.Once
		began, many := make(chan struct{}), make(chan struct{})
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			switch {
			case n < 0:
				close(began)
				hinderCancel(ctx)
				cancelled.Store(true)
			case cancelled.Load():
				late.Add(1)
			case n == len(jobs)-1:
				once.Do(func() { close(many) })
			}
			return n, nil
		}, sized(2, 1)...)
		require.NoError(t, p.Submit(t.Context(), -1))
		<-began
		done := make(chan error, 1)
		go func() {
			var err error
			for err == nil {
				_, err = p.Map(context.Background(), jobs)
			}
			done <- err
		}()
		<-many
		assert.Len(t, p.Stop(), 1)
		assert.ErrorIs(t, <-done, workerpool.ErrStopped)
		assert.LessOrEqual(t, late.Load(), int32(1), "the one that had just started when the pool was cancelled")
	}
}

func TestStress_ACutInputIsNotAShortOne(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for begin := time.Now(); time.Since(begin) < time.Second; {
		began, many := make(chan struct{}), make(chan struct{})
		p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			switch n {
			case -1:
				close(began)
				hinderCancel(ctx)
			case 50_000:
				close(many)
			}
			return n, nil
		}, sized(2, 4096)...)
		require.NoError(t, p.Submit(t.Context(), -1))
		<-began
		done := make(chan error, 1)
		go func() {
			results, errf := p.StreamUnordered(context.Background(), count(math.MaxInt))
			for range results {
			}
			done <- errf()
		}()
		<-many
		p.Stop()
		require.ErrorIs(t, <-done, workerpool.ErrStopped)
	}
}
