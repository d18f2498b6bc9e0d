package natspool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// The promises of doc.go that need no fault. Package faults has those that do.

func TestP1_StoredWhenSubmitReturns(t *testing.T) {
	dir := t.TempDir()
	s, err := natsembed.Start(natsembed.Options{Dir: dir})
	require.NoError(t, err)
	c := newClient[int, int](t, s)
	require.NoError(t, c.Submit(soon(t), 1))
	require.NoError(t, c.TrySubmit(2))
	n, err := c.SubmitAll(soon(t), slices.Values([]int{3, 4, 5}))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	c.Stop()
	s.Shutdown()

	s, err = natsembed.Start(natsembed.Options{Dir: dir})
	require.NoError(t, err)
	defer s.Shutdown()
	p := newPool(t, s, double)
	p.Close()
	var jobs []int
	for _, r := range collect(p) {
		jobs = append(jobs, r.Job)
	}
	slices.Sort(jobs)
	assert.Equal(t, []int{1, 2, 3, 4, 5}, jobs)
}

// A job that takes longer than its lease is not given to somebody else.
func TestP2_LongJobsRunOnce(t *testing.T) {
	s := startLocal(t)
	var calls atomic.Int64
	fn := func(context.Context, int) (int, error) {
		calls.Add(1)
		time.Sleep(2500 * time.Millisecond) // it is about the length itself
		return 1, nil
	}
	p := newPool(t, s, fn, natspool.WithLease(time.Second), natspool.WithWorkers(1))
	q := newPool(t, s, fn, natspool.WithLease(time.Second), natspool.WithWorkers(1), natspool.WithMailbox("other"))
	for i := range 3 { // one of them waits in a process meanwhile
		require.NoError(t, p.Submit(soon(t), i))
	}
	p.Close()
	assert.Len(t, collect(p), 3)
	assert.EqualValues(t, 3, calls.Load())
	assert.Zero(t, p.Stats().LeaseLost+q.Stats().LeaseLost)
}

func TestP3_OneResultForEachOfMany(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double, natspool.WithWorkers(4), natspool.WithPrefetch(64))
	q := newPool(t, s, double, natspool.WithWorkers(4))
	const n = 5000
	go func() {
		_, err := p.SubmitAll(soon(t), func(yield func(int) bool) {
			for i := range n {
				if !yield(i) {
					return
				}
			}
		})
		assert.NoError(t, err)
		p.Close()
	}()
	// Two readers share the mailbox.
	var mu sync.Mutex
	seen := map[int]int{}
	var readers sync.WaitGroup
	for _, from := range []<-chan workerpool.Result[int, int]{p.Results(), q.Results()} {
		readers.Go(func() {
			for r := range from {
				mu.Lock()
				seen[r.Job]++
				if r.Err != nil || r.Value != 2*r.Job {
					t.Error(r)
				}
				done := len(seen) == n
				mu.Unlock()
				if done {
					q.Close()
				}
			}
		})
	}
	readers.Wait()
	assert.Len(t, seen, n)
	for job, times := range seen {
		assert.Equal(t, 1, times, job)
	}
}

func TestP4_ResultsThatNobodyReadsStopTheWork(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double, natspool.WithWorkers(2), natspool.WithPrefetch(4), natspool.WithResultCapacity(100))
	n, err := p.SubmitAll(soon(t), func(yield func(int) bool) {
		for i := range 150 {
			if !yield(i) {
				return
			}
		}
	})
	require.NoError(t, err)
	require.Equal(t, 150, n)
	var q natspool.QueueStats
	require.Eventually(t, func() bool {
		q, err = p.Queue(soon(t))
		require.NoError(t, err)
		return q.Results == 100 && q.Stored == 50 // the last jobs are acknowledged after their results
	}, 20*time.Second, 10*time.Millisecond)
	assert.LessOrEqual(t, q.InFlight, 6+2)
	p.Close()
	assert.Len(t, collect(p), 150)
}

func TestP4_InFlightOverAllProcesses(t *testing.T) {
	s := startLocal(t)
	var running, most atomic.Int64
	fn := func(context.Context, int) (int, error) {
		now := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		time.Sleep(time.Millisecond) // so that others could run beside it
		return 1, nil
	}
	var pools []*natspool.Pool[int, int]
	for range 3 {
		pools = append(pools, newPool(t, s, fn, natspool.WithWorkers(4), natspool.WithMaxInFlight(3)))
	}
	for i := range 100 {
		require.NoError(t, pools[0].Submit(soon(t), i))
	}
	require.NoError(t, pools[0].Wait(soon(t)))
	assert.LessOrEqual(t, most.Load(), int64(3))
	assert.Positive(t, most.Load())
}

func TestP5_WhatNobodyCanDecode(t *testing.T) {
	s := startLocal(t)
	nc, err := s.Connect()
	require.NoError(t, err)
	defer nc.Close()
	p := newPool(t, s, double)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.Publish(soon(t), "wp.test.job.any.main.odd-one", []byte("{not json"))
	require.NoError(t, err)
	r := <-p.Results()
	require.ErrorIs(t, r.Err, natspool.ErrUndecodable)
	assert.Equal(t, 1, r.Attempts)
	for d, err := range p.DeadLetters(soon(t)) {
		require.NoError(t, err)
		assert.Equal(t, "odd-one", d.ID)
		require.Error(t, d.DecodeErr)
		assert.Equal(t, "{not json", string(d.Data))
		require.NoError(t, p.Discard(soon(t), d.ID))
	}
	q, err := p.Queue(soon(t))
	require.NoError(t, err)
	assert.Zero(t, q.DeadLetters)
}

func TestP5_ValueThatIsTooLarge(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil })
	require.NoError(t, p.Submit(soon(t), 2<<20))
	r := <-p.Results()
	require.ErrorIs(t, r.Err, natspool.ErrTooLarge)
	assert.Equal(t, 2<<20, r.Job)
	r2, err := p.Do(soon(t), 10)
	require.NoError(t, err)
	assert.Equal(t, "xxxxxxxxxx", r2)
}

func TestP5_DeadLettersThatHaveNoRoom(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd }, natspool.WithDeadLetters(1))
	require.NoError(t, p.Submit(soon(t), 1, natspool.ID("a")))
	require.Error(t, (<-p.Results()).Err)
	require.NoError(t, p.Submit(soon(t), 2, natspool.ID("b")))
	_, err := p.Lookup(soon(t), "b")
	require.ErrorIs(t, err, natspool.ErrNotFound)
	require.NoError(t, p.Discard(soon(t), "a"))
	require.EqualError(t, (<-p.Results()).Err, "odd")
	require.NoError(t, p.Discard(soon(t), "b"))
}

func TestP6_AHundredAtOnce(t *testing.T) {
	s := startLocal(t)
	var calls atomic.Int64
	p := newPool(t, s, func(context.Context, int) (int, error) { return int(calls.Add(1)), nil })
	var stored, known atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch err := p.Submit(soon(t), 1, natspool.ID("same")); {
			case err == nil:
				stored.Add(1)
			case assert.ErrorIs(t, err, natspool.ErrDuplicate):
				known.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, stored.Load())
	assert.EqualValues(t, 99, known.Load())
	p.Close()
	assert.Len(t, collect(p), 1)
	assert.EqualValues(t, 1, calls.Load())
}

func TestP7_AttemptsOverProcesses(t *testing.T) {
	s := startLocal(t)
	fn := func(context.Context, int) (int, error) { return 0, errOdd }
	retry := natspool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return time.Millisecond, attempt < 6 })
	p := newPool(t, s, fn, retry)
	q := newPool(t, s, fn, retry, natspool.WithMailbox("other"))
	for i := range 20 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	p.Close()
	for _, r := range collect(p) {
		assert.Equal(t, 6, r.Attempts)
		require.EqualError(t, r.Err, "odd")
	}
	assert.EqualValues(t, 20*5, p.Stats().Retried+q.Stats().Retried)
}

func TestP7_PermanentAndRetryAfter(t *testing.T) {
	s := startLocal(t)
	var first time.Time
	p := newPool(t, s, func(ctx context.Context, permanent bool) (time.Duration, error) {
		switch {
		case permanent:
			return 0, workerpool.Permanent(errOdd)
		case natspool.Attempt(ctx) == 1:
			first = time.Now()
			return 0, workerpool.RetryAfter(errOdd, 200*time.Millisecond)
		}
		return time.Since(first), nil
	}, natspool.WithRetry(func(int, error) (time.Duration, bool) { return 0, true }))
	require.NoError(t, p.Submit(soon(t), true))
	assert.Equal(t, 1, (<-p.Results()).Attempts)
	require.NoError(t, p.Submit(soon(t), false))
	r := <-p.Results()
	require.NoError(t, r.Err)
	assert.Equal(t, 2, r.Attempts)
	assert.GreaterOrEqual(t, r.Value, 200*time.Millisecond)
}

func TestP8_KeysInOrder(t *testing.T) {
	s := startLocal(t)
	type step struct{ Key, N int }
	var mu sync.Mutex
	ran := map[int][]int{}
	inside := map[int]bool{}
	fn := func(_ context.Context, j step) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		if inside[j.Key] {
			t.Errorf("two jobs of key %d at once", j.Key)
		}
		inside[j.Key] = true
		mu.Unlock()
		time.Sleep(rand.N(time.Millisecond)) // so that others could overtake
		mu.Lock()
		inside[j.Key] = false
		if rand.N(5) == 0 {
			return 0, errOdd
		}
		ran[j.Key] = append(ran[j.Key], j.N)
		return 0, nil
	}
	opts := []natspool.Option{
		natspool.WithPartitions(4), natspool.WithWorkers(4),
		natspool.WithRetry(func(int, error) (time.Duration, bool) { return time.Millisecond, true }),
	}
	p := newPool(t, s, fn, opts...)
	newPool(t, s, fn, append(opts, natspool.WithMailbox("other"))...)
	for n := range 20 {
		for key := range 8 {
			require.NoError(t, p.Submit(soon(t), step{key, n}, natspool.Key(fmt.Sprint(key))))
		}
	}
	p.Close()
	assert.Len(t, collect(p), 160)
	for key := range 8 {
		assert.Len(t, ran[key], 20)
		assert.True(t, slices.IsSorted(ran[key]), "%d: %v", key, ran[key])
	}
}

func TestDeliveriesStayUntilTheyAreAcknowledged(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double, natspool.WithPartitions(1))
	require.NoError(t, p.Submit(soon(t), 1, natspool.ID("a"), natspool.Key("k")))
	d := <-p.Deliveries()
	assert.Equal(t, "a", d.ID)
	assert.Equal(t, "k", d.Key)
	assert.NotEmpty(t, d.Worker)
	assert.False(t, d.Submitted.IsZero() || d.Started.IsZero() || d.Finished.Before(d.Started))
	p.Stop()
	p = newPool(t, s, double, natspool.WithPartitions(1))
	d = <-p.Deliveries()
	assert.Equal(t, "a", d.ID)
	require.NoError(t, d.Ack())
	require.NoError(t, d.Ack())
	p.Close()
	_, open := <-p.Deliveries()
	assert.False(t, open)
}

func TestMailboxes(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double)
	c := newClient[int, int](t, s, natspool.WithMailbox("b"))
	require.NoError(t, p.Submit(soon(t), 1))
	require.NoError(t, c.Submit(soon(t), 2))
	c.Close()
	for _, r := range collect(c) {
		assert.Equal(t, 2, r.Job)
	}
	p.Close()
	for _, r := range collect(p) {
		assert.Equal(t, 1, r.Job)
	}
}

func TestMemory(t *testing.T) {
	s, err := natsembed.Start(natsembed.Options{Memory: true})
	require.NoError(t, err)
	defer s.Shutdown()
	p := newPool(t, s, double)
	v, err := p.Do(soon(t), 4)
	require.NoError(t, err)
	assert.Equal(t, 8, v)
	p.Stop()
}
