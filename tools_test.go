package workerpool_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// labelled counts the goroutines in a profile that have the label of the pool.
func labelled(t *testing.T) (n int) {
	var b bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 1))
	lines := strings.Split(b.String(), "\n")
	for i, line := range lines {
		if strings.Contains(line, `labels: {"workerpool":"thumbs"}`) {
			head := lines[i-1] // such as: 3 @ 0x47a1f6 0x4119b1
			n += int(head[0] - '0')
		}
	}
	return n
}

// Profiles tell the goroutines of a pool with a name from others.
func TestProfilesHaveThePool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var p *workerpool.Pool[int, int]
		p = newPoolOf(t, func(ctx context.Context, n int) (int, error) {
			switch n {
			case 0:
				pprof.Do(ctx, pprof.Labels("step", "one"), func(context.Context) {}) // which sets the labels of ctx again
			case 1:
				runtime.Goexit()
			case 2: // from a goroutine that has lost the label
				done := make(chan error)
				go func() {
					pprof.SetGoroutineLabels(context.Background())
					_, err := p.Do(ctx, 3)
					done <- err
				}()
				return n, <-done
			}
			time.Sleep(time.Second)
			return n, nil
		}, sized(2, 4, workerpool.WithName("thumbs"))...)
		defer p.Stop()
		_, err := p.Do(t.Context(), 1)
		assert.ErrorIs(t, err, workerpool.ErrGoexit)
		assert.NoError(t, p.TrySubmit(0))
		assert.NoError(t, p.TrySubmit(2))
		time.Sleep(time.Second / 2)
		assert.Equal(t, 3, labelled(t), "two workers, and one in a lent place")
	})
}

// A worker that never waits for a job sees that a trace has begun.
func TestTraceBeginsMeanwhile(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("a trace is being taken of the test itself")
	}
	t.Cleanup(func() { goleak.VerifyNone(t) })
	const jobs = 500
	var traced int
	begun := make(chan struct{})
	p := newPoolOf(t, func(ctx context.Context, n int) (int, error) {
		if n == 0 {
			<-begun
		}
		if strings.Contains(fmt.Sprint(ctx), "trace") {
			traced++
		}
		return n, nil
	}, sized(1, jobs)...)
	defer p.Stop()
	for n := range jobs {
		require.NoError(t, p.Submit(t.Context(), n))
	}
	require.NoError(t, trace.Start(io.Discard))
	close(begun)
	assert.NoError(t, p.Wait(t.Context()))
	trace.Stop()
	assert.GreaterOrEqual(t, traced, jobs-1-216)
	before := traced
	require.NoError(t, p.TrySubmit(1))
	<-p.Results() // so that there is room for one more
	assert.NoError(t, p.Wait(t.Context()))
	assert.Equal(t, before, traced, "and that it is over")
}

// A trace has a task for each job, and a region in it while it runs.
func TestTraceHasAllJobs(t *testing.T) {
	if trace.IsEnabled() {
		t.Skip("a trace is being taken of the test itself")
	}
	outcomes := func(t *testing.T, opts ...workerpool.Option) {
		p := newPoolOf(t, variously, sized(2, 4, append(opts, workerpool.WithName("traced"))...)...)
		defer p.Stop()
		for _, n := range []int{1, jobFails, jobPanics, jobExits} {
			_, err := p.Do(t.Context(), n)
			assert.Equal(t, n != 1, err != nil)
			assert.NoError(t, p.Submit(t.Context(), n))
			r := <-p.Results()
			assert.Equal(t, n, r.Job)
			assert.Equal(t, n != 1, r.Err != nil)
		}
		assert.NoError(t, p.TrySubmit(jobSleeps))
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := p.Do(ctx, 1)
		assert.ErrorIs(t, err, workerpool.ErrNotRun)
		results, err := p.Collect(t.Context(), []int{1, jobFails, jobPanics, jobExits, 2})
		assert.NoError(t, err)
		assert.Equal(t, []bool{true, false, false, false, true},
			[]bool{results[0].Err == nil, results[1].Err == nil, results[2].Err == nil, results[3].Err == nil, results[4].Err == nil})
	}
	var b bytes.Buffer
	require.NoError(t, trace.Start(&b))
	bubble(t, func(t *testing.T) { outcomes(t) })
	bubble(t, func(t *testing.T) { outcomes(t, workerpool.WithTiming(), workerpool.WithJobTimeout(time.Hour)) })
	trace.Stop()
	for _, text := range []string{"traced", "run"} {
		assert.True(t, bytes.Contains(b.Bytes(), []byte(text)), text)
	}
}
