package faults_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

// oracle knows what was accepted, and looks at every result that is visible.
type oracle struct {
	t testing.TB

	mu       sync.Mutex
	offered  map[int]job // that may be stored
	accepted map[int]bool
	seen     map[int]int
	distinct int
	missing  int // accepted, and not seen
	wrong    []string
	changed  chan struct{}
	last     time.Time     // of a result
	gap      time.Duration // the longest without one, since it was watched
}

func newOracle(t testing.TB) *oracle {
	return &oracle{
		t: t, offered: map[int]job{}, accepted: map[int]bool{}, seen: map[int]int{}, changed: make(chan struct{}),
	}
}

func (o *oracle) offer(j job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.offered[j.N] = j
}

func (o *oracle) accept(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.accepted[n] {
		o.accepted[n] = true
		if o.seen[n] == 0 {
			o.missing++
		}
	}
	o.wake()
}

func (o *oracle) wake() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// expected are the errors with which jobs end that do not succeed.
var expected = map[string]error{
	"fail": errPlain, "exit": natspool.ErrCrashed, "goexit": workerpool.ErrGoexit,
	"hang": workerpool.ErrJobTimeout, "huge": natspool.ErrTooLarge,
}

// result looks at one.
func (o *oracle) result(r workerpool.Result[job, value]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if !o.last.IsZero() {
		o.gap = max(o.gap, now.Sub(o.last))
	}
	o.last = now
	n := r.Job.N
	j, known := o.offered[n]
	want, fails := expected[j.How]
	var panicked *workerpool.PanicError
	switch {
	case !known:
		o.complain("result of job %d, which nobody has submitted: %v", n, r.Err)
	case j.How == "panic" && errors.As(r.Err, &panicked), fails && errors.Is(r.Err, want):
	case fails || j.How == "panic" || r.Err != nil:
		o.complain("job %d (%q): error %v", n, j.How, r.Err)
	case r.Value.V != f(n):
		o.complain("job %d: value %d", n, r.Value.V)
	case r.Attempts != 1+j.Fails:
		o.complain("job %d: %d attempts, of which %d were to fail", n, r.Attempts, j.Fails)
	case r.Value.At.Before(j.Due):
		o.complain("job %d began %v early", n, j.Due.Sub(r.Value.At))
	}
	o.seen[n]++
	switch {
	case o.seen[n] > 1:
		o.complain("job %d has %d results", n, o.seen[n])
	default:
		o.distinct++
		if o.accepted[n] {
			o.missing--
		}
	}
	o.wake()
}

func (o *oracle) complain(format string, args ...any) {
	o.wrong = append(o.wrong, fmt.Sprintf(format, args...))
}

// until waits for something that results bring about.
func (o *oracle) until(what string, enough func() bool) {
	o.t.Helper()
	limit := time.After(patience + time.Duration(*jobsFlag)*5*time.Millisecond)
	for {
		o.mu.Lock()
		done, changed := enough(), o.changed
		text := fmt.Sprintf("%d accepted, %d of them without a result, %d results", len(o.accepted), o.missing, o.distinct)
		o.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-limit:
			require.FailNowf(o.t, "too late", "%s: %s", what, text)
		}
	}
}

// reach waits until so many jobs have a result.
func (o *oracle) reach(n int) {
	o.t.Helper()
	o.until(fmt.Sprintf("%d results", n), func() bool { return o.distinct >= n })
}

// complete waits until all that was accepted has one.
func (o *oracle) complete() {
	o.t.Helper()
	o.until("a result of each job", func() bool { return o.missing == 0 })
}

// watch begins to measure the longest time without a result.
func (o *oracle) watch() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last, o.gap = time.Now(), 0
}

func (o *oracle) longestGap() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gap
}

// verdict is for the end, when no result can come any more.
func (o *oracle) verdict() {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.wrong) > 0 {
		n := len(o.wrong)
		assert.Failf(o.t, "wrong results", "%d: %v", n, o.wrong[:min(n, 10)])
	}
	assert.Zero(o.t, o.missing, "accepted jobs without a result")
}
