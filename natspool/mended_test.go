package natspool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

func TestAFailedDoLeavesNothingBehind(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd }, natspool.WithDeadLetters(1))
	for i := range 5 {
		_, err := p.Do(soon(t), i)
		require.EqualError(t, err, "odd")
	}
	q, err := p.Queue(soon(t))
	require.NoError(t, err)
	assert.Zero(t, q.DeadLetters)
}

func TestP3_ARequeueThatFailsKeepsTheResult(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd }, natspool.WithCapacity(2))
	require.NoError(t, p.Submit(soon(t), 1, natspool.ID("a")))
	require.NoError(t, p.Wait(soon(t)))
	p.Stop()

	c := newClient[int, int](t, s, natspool.WithCapacity(2))
	require.NoError(t, c.Submit(soon(t), 2))
	require.NoError(t, c.Submit(soon(t), 3))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Requeue(ctx, "a"), context.DeadlineExceeded)
	_, err := c.Lookup(soon(t), "a")
	require.NoError(t, err)
	c.Close()
	require.ErrorIs(t, c.Requeue(soon(t), "a"), workerpool.ErrClosed)
	_, err = c.Lookup(soon(t), "a")
	require.NoError(t, err)
}

func TestSubmitAllInsideAJobDoesNotWait(t *testing.T) {
	s := startLocal(t)
	var p *natspool.Pool[int, int]
	ready := make(chan struct{})
	p = newPool(t, s, func(ctx context.Context, n int) (int, error) {
		<-ready
		if n > 0 {
			return 0, nil
		}
		return p.SubmitAll(ctx, func(yield func(int) bool) {
			for i := range 50 {
				if !yield(i + 1) {
					return
				}
			}
		})
	}, natspool.WithCapacity(3), natspool.WithWorkers(1), natspool.WithPrefetch(0))
	close(ready)
	_, err := p.Do(soon(t), 0)
	require.ErrorIs(t, err, workerpool.ErrFull)
}

func TestP8_AnyKeySurvives(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double, natspool.WithPartitions(4))
	for _, key := range []string{" a ", "a\r\nb: c", "ü%20+", "\x00"} {
		require.NoError(t, p.Submit(soon(t), 1, natspool.Key(key)))
		d := <-p.Deliveries()
		assert.Equal(t, key, d.Key)
		require.NoError(t, d.Ack())
	}
}

func TestUnreadIsCountedBeforeSomebodyReads(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double)
	for i := range 30 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	require.NoError(t, p.Wait(soon(t)))
	q, err := p.Queue(soon(t))
	require.NoError(t, err)
	assert.Equal(t, 30, q.Unread)
	assert.Equal(t, 30, q.Results)
}

func TestWhatWillNotChangeIsSaidAtOnce(t *testing.T) {
	s := startLocal(t)
	_, err := natspool.New(t.Context(), "three", double, natspool.WithServer(s), natspool.WithReplicas(3))
	require.ErrorContains(t, err, "replicas > 1 not supported")
	m, err := natsembed.Start(natsembed.Options{Memory: true, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	defer m.Shutdown()
	_, err = natspool.New(t.Context(), "disk", double, natspool.WithURL(m.URL()))
	require.ErrorContains(t, err, "insufficient storage resources")
	p, err := natspool.New(t.Context(), "memory", double, natspool.WithURL(m.URL()), natspool.WithMemory())
	require.NoError(t, err)
	p.Stop()
}

func TestDoWhoseJobRunsWhileThePoolLeaves(t *testing.T) {
	s := startLocal(t)
	b := newBlocker()
	p := newPool(t, s, b.run)
	value := make(chan int, 1)
	go func() {
		v, err := p.Do(soon(t), 7)
		assert.NoError(t, err)
		value <- v
	}()
	<-b.began
	left := make(chan error, 1)
	go func() { left <- p.Leave(soon(t)) }()
	close(b.free)
	assert.Equal(t, 7, <-value)
	require.NoError(t, <-left)
}

func TestDoWhoseOutcomeIsNotKnown(t *testing.T) {
	s := startLocal(t)
	b := newBlocker()
	p := newPool(t, s, b.run)
	failed := make(chan error, 1)
	go func() {
		_, err := p.Do(soon(t), 7)
		failed <- err
	}()
	<-b.began
	p.Stop()
	err := <-failed
	require.ErrorIs(t, err, workerpool.ErrClosed)
	require.ErrorIs(t, err, workerpool.ErrStopped)
	require.ErrorIs(t, err, natspool.ErrUnavailable)
	require.NotErrorIs(t, err, workerpool.ErrNotRun)
}

func TestAServerThatIsGoneForGood(t *testing.T) {
	s, err := natsembed.Start(natsembed.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	p := newPool(t, s, double)
	s.Shutdown()
	require.ErrorIs(t, p.Submit(soon(t), 1), natspool.ErrUnavailable)
	_, err = p.Do(soon(t), 1)
	require.ErrorIs(t, err, natspool.ErrUnavailable)
	var d natspool.Delivery[int, int]
	require.Error(t, d.Ack())
	assert.Empty(t, natspool.JobID(nil)) //nolint:staticcheck // nil on purpose
}

func TestManyCallsOfSubmitAllAtOnce(t *testing.T) {
	s := startLocal(t)
	c := newClient[int, int](t, s, natspool.WithCapacity(30))
	done := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := c.SubmitAll(soon(t), func(yield func(int) bool) {
				for i := range 100 {
					if !yield(i) {
						return
					}
				}
			})
			done <- err
		}()
	}
	require.Eventually(t, func() bool {
		q, err := c.Queue(soon(t))
		return err == nil && q.Stored == 30
	}, 20*time.Second, time.Millisecond)
	c.Close()
	for range 3 {
		require.ErrorIs(t, <-done, workerpool.ErrClosed)
	}
}
