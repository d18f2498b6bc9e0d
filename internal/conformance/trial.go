package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// limit is how long anything may take that has to happen. It is no measure of
// speed, so it is far longer than all that a loaded machine and a network need.
const limit = 20 * time.Second

// trySlack is what a busy machine may add to Traits.TryWithin.
const trySlack = time.Second

var (
	errOwn   = errors.New("the job's own error")
	errCause = errors.New("the cause")
)

// suiteErrors are the errors that may have to cross a network.
func suiteErrors() map[string]error {
	return map[string]error{
		"own": errOwn, "cause": errCause, "canceled": context.Canceled, "deadline": context.DeadlineExceeded,
	}
}

// trial is one pool under test, with what its handler has seen.
type trial struct {
	t        *testing.T
	maker    Maker
	traits   Traits
	settings Settings
	pool     Pool
	actions  actions
	before   goleak.Option // the goroutines that there were before the pool

	mu      sync.Mutex
	starts  map[int]int // how often each job has started
	order   []int       // the jobs as they started
	running int
	peak    int           // the largest running
	causes  map[int]error // why the context of a job ended that waited
	gates   map[int]chan struct{}
	opened  bool          // all gates, those of later jobs too
	changed chan struct{} // closed and replaced when one of these changes
}

// actions are what a Job may do, by the name in its field Do.
type actions map[string]workerpool.Func[Job, Value]

// try makes a pool for a check. The pool is ended after it, and nothing of it may be left.
func try(t *testing.T, m Maker, s Settings, more ...func(tr *trial)) *trial {
	t.Helper()
	s.Errors = suiteErrors()
	tr := &trial{
		t: t, maker: m, traits: m.Traits, settings: s, before: goleak.IgnoreCurrent(),
		starts: make(map[int]int), causes: make(map[int]error), gates: make(map[int]chan struct{}), changed: make(chan struct{}),
	}
	tr.actions = tr.standardActions()
	for _, f := range more {
		f(tr)
	}
	t.Cleanup(func() { // after those of New
		if !t.Failed() {
			tr.nothingLeft()
		}
	})
	tr.pool = m.New(t, tr.handle, s)
	tr.endsWithTest(tr.pool)
	return tr
}

// doing adds an action. It must be done before the pool is made.
func doing(name string, f func(tr *trial, ctx context.Context, job Job) (Value, error)) func(tr *trial) {
	return func(tr *trial) {
		tr.actions[name] = func(ctx context.Context, job Job) (Value, error) { return f(tr, ctx, job) }
	}
}

func (tr *trial) endsWithTest(p Pool) {
	tr.t.Cleanup(func() {
		tr.releaseAll()
		if !done(func() { p.Stop() }) {
			tr.t.Error("Stop hangs at the end of the test")
		}
	})
}

// nothingLeft fails the test when there are goroutines that were not there before the pool.
func (tr *trial) nothingLeft() {
	tr.t.Helper()
	goleak.VerifyNone(tr.t, append(slices.Clone(tr.traits.Goroutines), tr.before)...)
}

// reopen makes a second pool on the storage of the first, which has ended.
func (tr *trial) reopen() {
	tr.t.Helper()
	tr.pool = tr.maker.Reopen(tr.t, tr.pool, tr.handle, tr.settings)
	tr.endsWithTest(tr.pool)
}

// done reports whether f returns before the limit.
func done(f func()) bool {
	c := make(chan struct{})
	go func() { defer close(c); f() }()
	_, closed := receive(c)
	return closed
}

// receive receives from c, and reports whether something came, or c was closed, before the
// limit.
func receive[V any](c <-chan V) (v V, ok bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case v = <-c:
		return v, true
	case <-timer.C:
		return v, false
	}
}

// started calls f on a goroutine of its own; what f returns comes on the channel.
func started[V any](f func() V) <-chan V {
	c := make(chan V, 1)
	go func() { c <- f() }()
	return c
}

// result waits for what started began.
func result[V any](tr *trial, what string, c <-chan V) V {
	tr.t.Helper()
	v, ok := receive(c)
	if !ok {
		tr.hangs(what)
	}
	return v
}

// within calls f, and fails the test when it does not return.
func within[V any](tr *trial, what string, f func() V) V {
	tr.t.Helper()
	return result(tr, what, started(f))
}

func (tr *trial) hangs(what string) {
	tr.t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	require.Failf(tr.t, what+" hangs", "%d running, started: %v", tr.running, tr.order)
}

// await waits until cond holds, which is called with mu held.
func (tr *trial) await(what string, cond func() bool) {
	tr.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		tr.mu.Lock()
		ok, changed := cond(), tr.changed
		tr.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			tr.hangs(what)
		}
	}
}

// awaitRunning waits until n jobs run at once.
func (tr *trial) awaitRunning(n int) {
	tr.t.Helper()
	tr.await(fmt.Sprintf("the start of %d jobs at once", n), func() bool { return tr.running == n })
}

// awaitStart waits until the job has started.
func (tr *trial) awaitStart(n int) {
	tr.t.Helper()
	tr.await(fmt.Sprintf("the start of job %d", n), func() bool { return tr.starts[n] > 0 })
}

// cause waits until the context of a job that waits has ended, and returns why.
func (tr *trial) cause(n int) error {
	tr.t.Helper()
	tr.await(fmt.Sprintf("the cancellation of job %d", n), func() bool { return tr.causes[n] != nil })
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.causes[n]
}

// never fails the test for each of the jobs that has started.
func (tr *trial) never(jobs ...int) {
	tr.t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, n := range jobs {
		assert.Zero(tr.t, tr.starts[n], "job %d ran", n)
	}
}

// release lets jobs go on that wait, now or later.
func (tr *trial) release(jobs ...int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, n := range jobs {
		closeOnce(tr.gate(n))
	}
}

// releaseAll lets all jobs go on that wait, now or later.
func (tr *trial) releaseAll() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.opened = true
	for _, gate := range tr.gates {
		closeOnce(gate)
	}
}

// closeOnce is called with mu held.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// gate is what job n waits for; it is called with mu held.
func (tr *trial) gate(n int) chan struct{} {
	if tr.gates[n] == nil {
		tr.gates[n] = make(chan struct{})
		if tr.opened {
			close(tr.gates[n])
		}
	}
	return tr.gates[n]
}

// tell is called with mu held.
func (tr *trial) tell() {
	close(tr.changed)
	tr.changed = make(chan struct{})
}
