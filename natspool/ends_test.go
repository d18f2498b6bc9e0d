package natspool_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// blocker is a function whose calls wait until they are let go, or their context ends.
type blocker struct {
	began chan int
	free  chan struct{}
}

func newBlocker() *blocker { return &blocker{make(chan int, 100), make(chan struct{})} }

func (b *blocker) run(ctx context.Context, n int) (int, error) {
	b.began <- n
	select {
	case <-b.free:
		return n, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func collect[T, R any](p *natspool.Pool[T, R]) (all []workerpool.Result[T, R]) {
	for r := range p.Results() {
		all = append(all, r)
	}
	return all
}

func TestP10_StopGivesBackWhatItInterrupts(t *testing.T) {
	s := startLocal(t)
	b := newBlocker()
	p := newPool(t, s, b.run, natspool.WithWorkers(2))
	for i := range 10 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	<-b.began
	assert.Nil(t, p.Stop())
	_, open := <-p.Results()
	assert.False(t, open)
	require.ErrorIs(t, p.Submit(soon(t), 1), workerpool.ErrClosed)
	require.ErrorIs(t, p.Submit(soon(t), 1), workerpool.ErrStopped)

	begin := time.Now()
	p = newPool(t, s, double)
	p.Close()
	all := collect(p)
	assert.Len(t, all, 10)
	for _, r := range all {
		require.NoError(t, r.Err)
		assert.Equal(t, 1, r.Attempts, "an interrupted attempt is none")
	}
	assert.Less(t, time.Since(begin), 20*time.Second, "nobody waits for a lease")
}

func TestP10_LeaveFinishesWhatRuns(t *testing.T) {
	s := startLocal(t)
	b := newBlocker()
	p := newPool(t, s, b.run, natspool.WithWorkers(2))
	for i := range 10 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	<-b.began
	<-b.began
	left := make(chan error, 1)
	go func() { left <- p.Leave(soon(t)) }()
	// The others are given back while those two run.
	q := newPool(t, s, double, natspool.WithWorkers(2))
	results := q.Results()
	for range 8 {
		r := <-results
		require.NoError(t, r.Err)
		assert.Equal(t, 1, r.Attempts)
	}
	close(b.free)
	require.NoError(t, <-left)
	for range 2 {
		require.NoError(t, (<-results).Err)
	}
	q.Close()
	_, open := <-results
	assert.False(t, open)
}

func TestP10_ShutdownWaits(t *testing.T) {
	s := startLocal(t)
	p := newPool(t, s, double)
	for i := range 50 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	require.NoError(t, p.Shutdown(soon(t)))
	assert.Len(t, collect(p), 50, "every result is on Results")
}

func TestP10_ShutdownGivesUp(t *testing.T) {
	s := startLocal(t)
	b := newBlocker()
	p := newPool(t, s, b.run, natspool.WithWorkers(2))
	for i := range 5 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	<-b.began
	<-b.began
	errEnough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(errEnough)
	err := p.Shutdown(ctx)
	var failed *workerpool.ShutdownError
	require.ErrorAs(t, err, &failed)
	require.ErrorIs(t, err, errEnough)
	assert.Equal(t, 2, failed.Running)
	p.Stop()
	p = newPool(t, s, double)
	p.Close()
	assert.Len(t, collect(p), 5)
}

func TestP10_StopEndsWithoutTheServer(t *testing.T) {
	s, err := natsembed.Start(natsembed.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	defer s.Shutdown()
	b := newBlocker()
	p := newPool(t, s, b.run, natspool.WithWorkers(2))
	for i := range 5 {
		require.NoError(t, p.Submit(soon(t), i))
	}
	<-b.began
	results := p.Results()
	s.Shutdown()
	done := make(chan struct{})
	go func() { p.Stop(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("Stop waits for a server that is gone")
	}
	_, open := <-results
	assert.False(t, open)
}

func TestCallsFromInsideAJob(t *testing.T) {
	s := startLocal(t)
	type kind struct{ Op string }
	var p *natspool.Pool[kind, string]
	ready := make(chan struct{})
	p = newPool(t, s, func(ctx context.Context, k kind) (string, error) {
		<-ready
		switch k.Op {
		case "do":
			_, err := p.Do(ctx, kind{"x"})
			return "", err
		case "wait":
			return "", p.Wait(ctx)
		case "shutdown":
			return "", p.Shutdown(ctx)
		case "submit":
			return "", p.Submit(ctx, kind{"none"})
		}
		return natspool.JobID(ctx), nil
	})
	close(ready)
	for _, op := range []string{"do", "wait"} {
		_, err := p.Do(soon(t), kind{op})
		require.ErrorIs(t, err, natspool.ErrInsideJob, op)
	}
	_, err := p.Do(soon(t), kind{"submit"})
	require.NoError(t, err)
	require.NoError(t, p.Submit(soon(t), kind{"id"}, natspool.ID("x-1")))
	for range 2 {
		if r := <-p.Results(); r.Job.Op == "id" {
			assert.Equal(t, "x-1", r.Value)
		}
	}
	_, err = p.Do(soon(t), kind{"shutdown"})
	require.ErrorIs(t, err, natspool.ErrInsideJob)
	require.ErrorIs(t, p.Submit(soon(t), kind{"x"}), workerpool.ErrClosed, "it has closed the pool")
	assert.Empty(t, natspool.JobID(t.Context()))
	assert.Zero(t, natspool.Attempt(t.Context()))
}

func TestEveryCallAtOnce(t *testing.T) {
	s := startLocal(t)
	for range 5 {
		p := newPool(t, s, double)
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() { _ = p.Submit(soon(t), 1) })
			calls.Go(func() { _ = p.TrySubmit(1) })
			calls.Go(func() { _, _ = p.Do(soon(t), 1) })
			calls.Go(func() {
				for range p.Results() {
				}
			})
			calls.Go(func() { _ = p.Wait(soon(t)) })
			calls.Go(func() { _ = p.Leave(soon(t)) })
			calls.Go(func() { _ = p.Shutdown(soon(t)) })
			calls.Go(func() { p.Stop() })
			calls.Go(func() { p.Close() })
			calls.Go(func() { p.Stats(); _, _ = p.Queue(soon(t)) })
		}
		calls.Wait()
	}
}

func TestLeaveFromInsideAJob(t *testing.T) {
	s := startLocal(t)
	var p *natspool.Pool[int, int]
	ready, left := make(chan struct{}), make(chan error, 1)
	p = newPool(t, s, func(ctx context.Context, _ int) (int, error) {
		<-ready
		left <- p.Leave(ctx)
		return 5, nil
	})
	close(ready)
	require.NoError(t, p.Submit(soon(t), 1))
	require.ErrorIs(t, <-left, natspool.ErrInsideJob)
	require.NoError(t, p.Leave(soon(t)))
	p = newPool(t, s, double)
	assert.Equal(t, 5, (<-p.Results()).Value, "it has begun to leave, and finished what ran")
}
