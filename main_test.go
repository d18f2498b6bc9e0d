package workerpool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs f in a synctest bubble, where goroutines that can't go on are seen as
// such, time stands still until all wait for it, and a goroutine that is left over
// at the end is a failure.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
	goleak.VerifyNone(t)
}

// matrix runs f in a bubble for small and larger pools.
func matrix(t *testing.T, f func(t *testing.T, workers, buffer int)) {
	t.Helper()
	for _, workers := range []int{1, 2, 8} {
		for _, buffer := range []int{0, 1, 64} {
			t.Run(fmt.Sprintf("workers=%d,buffer=%d", workers, buffer), func(t *testing.T) {
				bubble(t, func(t *testing.T) { f(t, workers, buffer) })
			})
		}
	}
}

func newPoolOf[T, R any](t *testing.T, fn workerpool.Func[T, R], opts ...workerpool.Option) *workerpool.Pool[T, R] {
	t.Helper()
	p, err := workerpool.New(fn, opts...)
	require.NoError(t, err)
	return p
}

func sized(workers, buffer int, more ...workerpool.Option) []workerpool.Option {
	return append([]workerpool.Option{workerpool.WithWorkers(workers), workerpool.WithBuffer(buffer)}, more...)
}

// submitAll submits from a goroutine of its own and closes the pool then. What it
// returns is closed when it is through.
func submitAll[T, R any](t *testing.T, p *workerpool.Pool[T, R], jobs []T) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.Close()
		for _, job := range jobs {
			assert.NoError(t, p.Submit(t.Context(), job))
		}
	}()
	return done
}

func readAll[T, R any](p *workerpool.Pool[T, R]) []workerpool.Result[T, R] {
	var rs []workerpool.Result[T, R]
	for r := range p.Results() {
		rs = append(rs, r)
	}
	return rs
}

// jobsOf returns the jobs of the results, sorted.
func jobsOf[R any](rs []workerpool.Result[int, R]) []int {
	jobs := make([]int, 0, len(rs))
	for _, r := range rs {
		jobs = append(jobs, r.Job)
	}
	slices.Sort(jobs)
	return jobs
}

func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// gauge knows how many are inside at once, and how many were at most.
type gauge struct {
	mu            sync.Mutex
	now, peak, in int
}

func (g *gauge) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.in++
	g.peak = max(g.peak, g.now)
}

func (g *gauge) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

func (g *gauge) read() (now, peak, in int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.peak, g.in
}

// gated returns a Func that stays in g until it gets something from gate, or gate
// is closed. It pays no heed to its context.
func gated(g *gauge, gate <-chan struct{}) workerpool.Func[int, int] {
	return func(_ context.Context, n int) (int, error) {
		g.enter()
		defer g.leave()
		<-gate
		return n, nil
	}
}

// patient is a Func that runs until its context ends and returns the cause.
func patient(ctx context.Context, _ int) (int, error) {
	<-ctx.Done()
	return 0, context.Cause(ctx)
}

var (
	errOwn   = errors.New("the job's own error")
	errCause = errors.New("the cause")
)

// goroutines returns how many the pools have. In a bubble after synctest.Wait the
// number stands still.
func goroutines() (n int) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		if bytes.Contains(stack, []byte("boundedgo/workerpool.(")) {
			n++
		}
	}
	return n
}
