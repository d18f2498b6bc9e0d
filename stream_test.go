package workerpool_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func TestG03_AStreamTakesNoMoreThanItsWindow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(2, 1)...)
		defer p.Stop()
		taken := 0
		results, _ := p.Stream(t.Context(), func(yield func(int) bool) {
			for yield(taken) {
				taken++
			}
		})
		had := 0
		for range results {
			had++
			synctest.Wait()
			require.LessOrEqual(t, taken-had, 16*(2+1))
			if had == 200 {
				break
			}
		}
	})
}

func TestG05_NothingIsLeftOfAStream(t *testing.T) {
	leave := map[string]func(results iter.Seq[workerpool.Result[int, int]]){
		"break": func(results iter.Seq[workerpool.Result[int, int]]) {
			for range results {
				break
			}
		},
		"panic": func(results iter.Seq[workerpool.Result[int, int]]) {
			defer func() { _ = recover() }()
			for range results {
				panic("body")
			}
		},
		"exit": func(results iter.Seq[workerpool.Result[int, int]]) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range results {
					runtime.Goexit()
				}
			}()
			<-done
		},
	}
	for name, leave := range leave {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var now atomic.Int64
				p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
					now.Add(1)
					defer now.Add(-1)
					if n > 0 {
						<-ctx.Done()
						time.Sleep(time.Second)
					}
					return n, nil
				}, sized(3, 2)...)
				defer p.Stop()
				synctest.Wait()
				before := goroutines()
				results, errf := p.Stream(context.Background(), count(math.MaxInt))
				leave(results)
				assert.NoError(t, errf())
				assert.Zero(t, now.Load(), "something runs")
				synctest.Wait()
				assert.Equal(t, before, goroutines())
			})
		})
	}
}

func TestG06_StopEndsAStreamWhoseRangeRests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(2, 1)...)
		results, errf := p.Stream(t.Context(), count(1000))
		n, notRun := 0, 0
		for r := range results {
			if n++; n == 10 {
				assert.Empty(t, p.Stop())
			}
			if errors.Is(r.Err, workerpool.ErrNotRun) {
				assert.ErrorIs(t, r.Err, workerpool.ErrStopped)
				notRun++
			}
		}
		assert.ErrorIs(t, errf(), workerpool.ErrStopped)
		s := p.Stats()
		assert.EqualValues(t, n, s.Accepted, "each job that was taken has its result")
		assert.EqualValues(t, notRun, s.NotRun)
	})
}

func TestG07_InputsThatGoWrong(t *testing.T) {
	inputs := map[string]struct {
		end  func(yield func(int) bool)
		says string
	}{
		"panic":  {func(func(int) bool) { panic(errOwn) }, "workerpool: Stream: the input panicked: " + errOwn.Error()},
		"Goexit": {func(func(int) bool) { runtime.Goexit() }, "workerpool: Stream: the input called runtime.Goexit"},
	}
	for name, in := range inputs {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPoolOf(t, noop, sized(2, 2)...)
				defer p.Stop()
				results, errf := p.Stream(t.Context(), func(yield func(int) bool) {
					count(100)(yield)
					in.end(yield)
				})
				n := 0
				for range results {
					n++
				}
				assert.Equal(t, 100, n, "what was taken before has its result")
				assert.EqualError(t, errf(), in.says)
				var caught *workerpool.PanicError
				assert.True(t, errors.Is(errf(), workerpool.ErrGoexit) || errors.As(errf(), &caught) && errors.Is(caught, errOwn))
				_, err := p.Do(t.Context(), 1)
				assert.NoError(t, err)
			})
		})
	}
}

func TestG03_AnInputThatWaitsForItsResults(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(3, 8)...)
		defer p.Stop()
		had := make(chan struct{})
		results, errf := p.Stream(t.Context(), func(yield func(int) bool) {
			for i := range 1000 {
				if !yield(i) {
					return
				}
				<-had
			}
		})
		for range results {
			had <- struct{}{}
		}
		assert.NoError(t, errf())
	})
}

func TestStreamOfNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(2, 0)...)
		results, errf := p.Stream(t.Context(), count(0))
		for range results {
			t.Error("a result of nothing")
		}
		assert.NoError(t, errf())
		rs, err := p.Collect(t.Context(), nil)
		assert.NoError(t, err)
		assert.Empty(t, rs)
		values, err := p.Map(t.Context(), []int{})
		assert.NoError(t, err)
		assert.NotNil(t, values)
		assert.Empty(t, values)
		p.Close()
		for range p.Results() {
			t.Error("a bulk call puts nothing on Results")
		}
	})
}

// Nothing happens before the range begins, and nothing if it never does.
func TestStreamIsLazy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began := false
		p := newPoolOf(t, noop, sized(2, 0)...)
		_, errf := p.Stream(t.Context(), func(func(int) bool) { began = true })
		synctest.Wait()
		assert.False(t, began)
		assert.NoError(t, errf())
		p.Stop()
	})
}

// What an input has yielded before it blocks has its results meanwhile. To leave the
// range, and to end it by a context, takes until the input comes back.
func TestG05_AnInputThatBlocks(t *testing.T) {
	for name, end := range map[string]func(cancel func()) (leave bool){
		"break":  func(func()) bool { return true },
		"cancel": func(cancel func()) bool { cancel(); return false },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPoolOf(t, noop, sized(2, 2)...)
				defer p.Stop()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				back := false
				results, errf := p.Stream(ctx, func(yield func(int) bool) {
					for i := range 10 {
						yield(i)
					}
					time.Sleep(time.Hour)
					back = true
				})
				n := 0
				for range results {
					if n++; n == 10 {
						synctest.Wait()
						if end(cancel) {
							break
						}
					}
				}
				assert.Equal(t, 10, n)
				assert.True(t, back, "the range waits for its input")
				if name == "cancel" {
					assert.ErrorIs(t, errf(), context.Canceled)
				} else {
					assert.NoError(t, errf())
				}
			})
		})
	}
}

// An input that goes on after it was told to stop is stopped by the panic that the
// language has for that, which is not lost.
func TestG07_AnInputThatDoesNotStop(t *testing.T) {
	deaf := func(yield func(int) bool) {
		for i := 0; ; i++ {
			yield(i)
		}
	}
	t.Run("break", func(t *testing.T) {
		log := captureLog(t)
		p := newPoolOf(t, noop, sized(2, 2)...)
		defer p.Stop()
		results, errf := p.Stream(t.Context(), deaf)
		for range results {
			break
		}
		assert.NoError(t, errf())
		assert.Eventually(t, func() bool { return strings.Contains(log(), "range function continued iteration") }, 10*time.Second, time.Millisecond)
	})
	t.Run("cancel", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			p := newPoolOf(t, noop, sized(2, 2)...)
			defer p.Stop()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			results, errf := p.Stream(ctx, deaf)
			for range results {
				cancel()
			}
			assert.ErrorIs(t, errf(), context.Canceled)
			var caught *workerpool.PanicError
			assert.ErrorAs(t, errf(), &caught)
		})
	})
}

// The error of an input can be read after the range, without a lock: what the input did
// happens before the range ends, however that does.
func TestG09_AnInputsOwnError(t *testing.T) {
	for _, leave := range []bool{false, true} {
		p := newPoolOf(t, noop, sized(2, 2)...)
		var own error
		results, errf := p.Stream(t.Context(), func(yield func(int) bool) {
			count(1000)(yield)
			own = errOwn
		})
		for range results {
			if leave {
				break
			}
		}
		assert.NoError(t, errf())
		assert.Equal(t, errOwn, own)
		p.Stop()
	}
}

// A range that is a job's own body: what the body does to the pool harms nothing.
func TestG04_TheBodyOfARange(t *testing.T) {
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, noop, sized(workers, buffer)...)
		results, errf := p.Stream(t.Context(), count(100))
		n := 0
		for r := range results {
			require.Equal(t, n, r.Job)
			n++
			switch n {
			case 10:
				v, err := p.Do(t.Context(), 1)
				require.NoError(t, err)
				require.Equal(t, 1, v)
			case 20:
				_, err := p.Map(t.Context(), upTo(50))
				require.NoError(t, err)
			case 30:
				require.NoError(t, p.Resize(workers+1))
			case 40:
				require.NoError(t, p.Resize(1))
			case 50:
				inner, _ := p.StreamUnordered(t.Context(), count(math.MaxInt))
				for range inner {
					break
				}
			case 60:
				p.Close()
			}
		}
		assert.NoError(t, errf())
		assert.Equal(t, 100, n)
		assert.Empty(t, readAll(p))
	})
}

func TestStreamUnorderedYieldsWhatIsReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
			time.Sleep(time.Duration(n) * time.Second)
			return n, nil
		}, sized(3, 3)...)
		defer p.Stop()
		var got []int
		results, errf := p.StreamUnordered(t.Context(), slices.Values([]int{3, 1, 2}))
		begin := time.Now()
		for r := range results {
			assert.Equal(t, time.Duration(r.Job)*time.Second, time.Since(begin))
			got = append(got, r.Job)
		}
		assert.NoError(t, errf())
		assert.Equal(t, []int{1, 2, 3}, got)
	})
}

// What the consumer does not take the pool does not run on and on: when the window is
// full the workers are free for others.
func TestG03_ASlowConsumerHoldsNoWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var ran atomic.Int64
		p := newPoolOf(t, func(_ context.Context, n int) (int, error) { ran.Add(1); return n, nil }, sized(1, 1)...)
		defer p.Stop()
		results, errf := p.Stream(t.Context(), count(1000))
		for r := range results {
			if r.Job == 0 {
				synctest.Wait()
				assert.LessOrEqual(t, ran.Load(), int64(1+16*2), "a window ahead of the one result that the range has had")
				_, err := p.Do(t.Context(), 1)
				assert.NoError(t, err)
			}
		}
		assert.NoError(t, errf())
	})
}

// Nobody receives the results that a range leaves behind; panics among them are logged.
func TestG07_PanicsThatARangeLeavesBehind(t *testing.T) {
	log := captureLog(t)
	p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
		if n > 0 {
			panic("nobody had me")
		}
		return n, nil
	}, sized(2, 2)...)
	defer p.Stop()
	results, _ := p.Stream(t.Context(), count(10))
	for range results {
		for p.Stats().Panicked < 9 {
			runtime.Gosched()
		}
		break
	}
	assert.Eventually(t, func() bool { return strings.Count(log(), "nobody had me") == 9 }, 10*time.Second, time.Millisecond)
}

// In a job the range has its place again while its body runs, so results come as they are
// ready there too, and nothing runs beside the body.
func TestG10_TheBodyOfARangeInsideAJob(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[int, int]
		started := 0
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			if n >= 0 {
				started++
				return n, nil
			}
			had := 0
			results, errf := p.Stream(ctx, count(10))
			for r := range results {
				had++
				assert.Equal(t, had-1, r.Job)
				assert.Less(t, started, had+8, "it has not waited for all of them")
				before := started
				time.Sleep(time.Second)
				assert.Equal(t, before, started)
			}
			return had, errf()
		}, sized(1, 1)...)
		defer p.Stop()
		had, err := p.Do(t.Context(), -1)
		assert.NoError(t, err)
		assert.Equal(t, 10, had)
	})
}

// Where the range rests, what the input has yielded waits in a ring that grows up to the
// window.
func TestG03_TheRingGrows(t *testing.T) {
	type large [1 << 10]int
	matrix(t, func(t *testing.T, workers, buffer int) {
		p := newPoolOf(t, func(_ context.Context, job large) (int, error) { return job[7], nil }, sized(workers, buffer)...)
		defer p.Stop()
		window := 16 * (workers + buffer)
		taken := 0
		results, errf := p.Stream(t.Context(), func(yield func(large) bool) {
			for n := range 4 * window {
				taken++
				if !yield(large{7: n}) {
					return
				}
			}
		})
		n := 0
		for r := range results {
			require.NoError(t, r.Err)
			require.Equal(t, n, r.Value)
			if n++; n%window == 1 {
				synctest.Wait()
				require.LessOrEqual(t, taken-n, window)
				require.GreaterOrEqual(t, taken, min(4*window, n+window/2))
			}
		}
		require.NoError(t, errf())
		require.Equal(t, 4*window, n)
	})
}

func TestStreamNamesAllThatIsWrong(t *testing.T) {
	results, errf := workerpool.Stream[int, int](t.Context(), nil, nil, workerpool.WithWorkers(0))
	for range results {
		t.Error("a result")
	}
	for _, text := range []string{"jobs must not be nil", "Func must not be nil", "WithWorkers(0)"} {
		assert.ErrorContains(t, errf(), text)
	}
}

func TestG04_WaitBesideAStreamSaysWhatItWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(1, 1)...)
		defer p.Stop()
		results, _ := p.Stream(t.Context(), count(math.MaxInt))
		for range results {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			assert.ErrorContains(t, p.Wait(ctx), "not idle (0 waiting, 0 running, 0 results unread, 1 bulk call)")
			break
		}
	})
}

// A stream may go on for more jobs than an int has numbers, where that has 32 bits.
func TestStreamBeyond32Bits(t *testing.T) {
	for _, op := range []string{"Stream", "StreamUnordered"} {
		bubble(t, func(t *testing.T) {
			p := newPoolOf(t, noop, sized(2, 8)...)
			defer p.Stop()
			const n = 10_000
			had := make([]bool, n)
			err := workerpool.StreamFrom(p, op, math.MaxInt32-n/2, count(n), func(r workerpool.Result[int, int]) bool {
				had[r.Job] = true
				return true
			})
			assert.NoError(t, err)
			assert.NotContains(t, had, false)
		})
	}
}

// A stream whose input blocks has no job anywhere, and is not finished.
func TestG04_AStreamWithoutJobsIsSeen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, noop, sized(1, 1)...)
		defer p.Stop()
		goOn := make(chan struct{})
		results, _ := p.Stream(t.Context(), func(yield func(int) bool) {
			yield(1)
			<-goOn
		})
		assert.Zero(t, p.Stats().Bulk)
		for range results {
			p.Close()
			synctest.Wait()
			s := p.Stats()
			assert.Equal(t, 1, s.Bulk)
			assert.Zero(t, s.Busy+s.Queued+s.Held+s.Retrying+s.Short)
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errOwn)
			defer cancel()
			err := p.Shutdown(ctx)
			assert.EqualError(t, err, "workerpool: Shutdown: the job's own error (0 running, 0 not run, 0 results unread, 1 bulk call)")
			var left *workerpool.ShutdownError
			require.ErrorAs(t, err, &left)
			assert.Equal(t, 1, left.Bulk)
			close(goOn)
		}
		assert.Zero(t, p.Stats().Bulk)
	})
}

// What is split off from chunks does not add up.
func TestG03_AnEndlessStreamWithLongJobsTakesNoMoreMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for _, unordered := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			p := newPoolOf(t, func(_ context.Context, n int) (int, error) {
				if n%300 == 299 {
					time.Sleep(time.Millisecond)
				}
				return n, nil
			}, sized(4, 128)...)
			defer p.Stop()
			stream := p.Stream
			if unordered {
				stream = p.StreamUnordered
			}
			results, _ := stream(t.Context(), count(math.MaxInt))
			had, early := 0, uint64(0)
			for range results {
				had++
				if had == 100_000 {
					early = heap()
				}
				if had == 400_000 {
					assert.Less(t, heap(), early+1<<20)
					break
				}
			}
		})
	}
}
