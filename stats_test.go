package workerpool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// Tests of what Stats says while the pool moves.

// One job runs all the time, while workers without a job come and go.
func TestStress_BusyWhileOthersComeAndGo(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	gate, inside := make(chan struct{}), make(chan struct{})
	p := newPoolOf(t, func(context.Context, int) (int, error) { close(inside); <-gate; return 0, nil }, sized(1, 1)...)
	defer p.Stop()
	defer close(gate)
	require.NoError(t, p.Submit(t.Context(), 0))
	<-inside
	defer hammer(1, func() { _, _ = p.Resize(8), p.Resize(1) })()
	for range rounds(t, 20000) {
		require.Equal(t, 1, p.Stats().Busy)
	}
}

// The parts of Completed never exceed it. Of many places some are read while a job ends
// there.
func TestStress_PartsOfStatsNeverExceedTheWhole(t *testing.T) {
	fails := func(context.Context, int) (int, error) { return 0, errOwn }
	submit := func(p *workerpool.Pool[int, int]) { _ = p.Submit(context.Background(), 1) }
	collect := func(p *workerpool.Pool[int, int]) { _, _ = p.Collect(context.Background(), upTo(4)) }
	for name, c := range map[string]struct {
		fn   workerpool.Func[int, int]
		call func(*workerpool.Pool[int, int])
		more []workerpool.Option
	}{
		"errors":       {fails, submit, nil},
		"within bound": {fails, submit, []workerpool.Option{workerpool.WithJobTimeout(time.Hour)}},
		"panics":       {func(context.Context, int) (int, error) { panic(errOwn) }, submit, nil},
		"chunks":       {fails, collect, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { goleak.VerifyNone(t) })
			p := newPoolOf(t, c.fn, sized(4, 1024, c.more...)...)
			defer p.Stop()
			go readAll(p)
			defer hammer(2, func() { c.call(p) })()
			for range rounds(t, 100000) {
				s := p.Stats()
				if s.Panicked > s.Failed || s.Failed > s.Completed || s.Completed > s.Attempts || s.Completed+s.NotRun > s.Accepted {
					t.Fatalf("%+v", s)
				}
			}
		})
	}
}

// When Wait has returned, no worker is still counted as busy, nor a job as waiting.
func TestStress_NobodyIsBusyInAnIdlePool(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	p := newPoolOf(t, echo, sized(2, 4)...)
	defer p.Stop()
	for n := range rounds(t, 20000) {
		require.NoError(t, p.Submit(t.Context(), n))
		<-p.Results()
		require.NoError(t, p.Wait(t.Context()))
		s := p.Stats()
		require.Zero(t, s.Busy+s.Queued+s.Unread)
		require.EqualValues(t, n+1, s.Completed)
		require.EqualValues(t, n+1, s.Accepted)
	}
}

func TestStats_EveryRefusedCallIsRejected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, runJob, sized(1, 1)...)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Do(t.Context(), func(ctx context.Context) (int, error) {
			gate := make(chan struct{})
			go func() {
				_, err := p.Do(ctx, func(context.Context) (int, error) { <-gate; return 0, nil })
				assert.NoError(t, err)
			}()
			synctest.Wait()
			_, err := p.TryDo(ctx, returns(0))
			assert.ErrorIs(t, err, workerpool.ErrFull, "the place is lent")
			assert.EqualValues(t, 1, p.Stats().Rejected)
			assert.NoError(t, p.TrySubmit(returns(0)))
			assert.ErrorIs(t, p.TrySubmit(returns(0)), workerpool.ErrFull)
			assert.EqualValues(t, 2, p.Stats().Rejected)
			short, cancel := context.WithTimeout(ctx, 1)
			defer cancel()
			_, err = p.Do(short, returns(0))
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.EqualValues(t, 3, p.Stats().Rejected)
			assert.Error(t, p.Submit(ended, returns(0)))
			assert.EqualValues(t, 4, p.Stats().Rejected)
			assert.Error(t, p.Submit(nil, returns(0))) //nolint:staticcheck // that is the test
			assert.EqualValues(t, 5, p.Stats().Rejected)
			close(gate)
			return 0, nil
		})
		require.NoError(t, err)
		p.Stop()
		for range 3 {
			assert.ErrorIs(t, p.TrySubmit(returns(0)), workerpool.ErrClosed)
		}
		s := p.Stats()
		assert.EqualValues(t, 8, s.Rejected)
		assert.EqualValues(t, 3, s.Accepted)
	})
}
