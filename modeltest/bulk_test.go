package modeltest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"strings"
	"time"

	"github.com/boundedgo/workerpool"
)

// bulk is what a bulk call is made of.
type bulk struct {
	jobs   []*job
	input  inputOp // of a stream
	body   bodyOp  // of the range over it
	leaves int     // after how many results the body leaves the range; 0 if it does not

	// What the model knows, guarded by the world's mutex.
	taken   int // jobs that the input has yielded
	over    bool
	feeding bool          // the input has begun, and not ended
	blocked int           // how many of input and body wait at a gate, or pause
	left    bool          // the body has left the range
	next    int           // the index of the job whose result is due
	news    chan struct{} // tells an input that follows that there is a result
	yielded time.Time     // when the input has yielded last
}

// inputOp is what the input of a stream does beside yielding its jobs.
type inputOp int

const (
	inputPlain   inputOp = iota
	inputGate            // waits at a gate in the middle
	inputPanic           // panics at the end
	inputGoexit          // exits at the end
	inputDeaf            // goes on when it was told to stop
	inputPauses          // sleeps before each job
	inputFollows         // waits for the result of each job before it yields the next
	inputs
)

// bodyOp is what the body of a range over a stream does.
type bodyOp int

const (
	bodyPlain  bodyOp = iota
	bodyGate          // waits at a gate with the first result
	bodyPanic         // panics when it leaves
	bodyGoexit        // exits when it leaves
	bodies
)

var (
	inputNames = [...]string{"", ", input waits at a gate", ", input panics", ", input exits", ", input is deaf", ", input pauses", ", input follows its results"}
	bodyNames  = [...]string{"", ", body waits at a gate", ", body panics", ", body exits"}
)

func (b *bulk) String() string {
	parts := make([]string, 0, len(b.jobs))
	for _, j := range b.jobs {
		parts = append(parts, j.String())
	}
	s := "[" + strings.Join(parts, ", ") + "]" + inputNames[b.input] + bodyNames[b.body]
	if b.leaves > 0 {
		s += fmt.Sprintf(", leaves after %d", b.leaves)
	}
	return s
}

// performBulk carries out a bulk call, and judges what it says.
func (w *world) performBulk(p *pending) {
	defer func() { // also if the body of a range exits
		w.mu.Lock()
		defer w.mu.Unlock()
		w.settleBulk(p)
	}()
	switch p.op {
	case callMap:
		w.performMap(p)
	case callCollect:
		w.performCollect(p)
	default:
		w.performStream(p)
	}
}

// settleBulk is for when a bulk call has returned: nothing of it runs, and those of its
// jobs that nobody has an outcome of have either run or will not.
func (w *world) settleBulk(p *pending) {
	b := p.bulk
	b.over = true
	w.must(!b.feeding, "%s returns before its input", callNames[p.op])
	for i, j := range b.jobs {
		w.must(j.began == j.ended, "%s returns: %s", callNames[p.op], j.fateString())
		if j.refused || j.received > 0 {
			continue
		}
		if p.op.streams() && i >= b.taken {
			continue
		}
		j.accepted = true
		switch {
		case j.began > 0:
			j.left = true
		case j.flopped > 0:
			j.gaveUp, j.received = true, 1
		default:
			j.notRun = true
			j.received = 1 // nobody has asked
		}
	}
}

func (w *world) refuseBulk(p *pending, err error) bool {
	if strings.Contains(err.Error(), "cut short") {
		return false
	}
	closed := errors.Is(err, workerpool.ErrClosed)
	w.rejected++
	w.must(!closed || w.closing, "%s says %v, and nobody has closed", callNames[p.op], err)
	w.must(closed || errors.Is(err, context.Cause(p.ctx)), "%s says %v, and its context %v", callNames[p.op], err, context.Cause(p.ctx))
	for _, j := range p.bulk.jobs {
		j.refused = true
	}
	return true
}

// mustBeCutShort judges an error that says why a call ended early.
func (w *world) mustBeCutShort(p *pending, err error) {
	ended := p.ctx.Err()
	own := ended != nil && errors.Is(err, ended) && errors.Is(err, context.Cause(p.ctx))
	w.must(own || w.cancelled || w.doomed, "%s says %v, and its context %v", callNames[p.op], err, ended)
	w.must(hasCause(err) && !errors.Is(err, workerpool.ErrClosed), "%s says %v", callNames[p.op], err)
}

func (w *world) performMap(p *pending) {
	values, err := w.pool.Map(p.ctx, p.bulk.jobs)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.must(err == nil || values == nil, "Map returns values beside %v", err)
	switch {
	case err == nil:
		w.mustBeOpen(p)
		w.must(len(values) == len(p.bulk.jobs), "Map returns %d values of %d", len(values), len(p.bulk.jobs))
		for i, j := range p.bulk.jobs {
			j.accepted = true
			w.judge(j, values[i], nil)
		}
	case strings.HasPrefix(err.Error(), "workerpool: Map: job "):
		var index int
		_, serr := fmt.Sscanf(err.Error(), "workerpool: Map: job %d:", &index)
		w.must(serr == nil && index < len(p.bulk.jobs), "Map says %v", err)
		if w.wrong == nil {
			j := p.bulk.jobs[index]
			j.accepted = true
			w.judge(j, 0, err)
		}
	case w.refuseBulk(p, err):
	default:
		w.mustBeCutShort(p, err)
	}
}

func (w *world) performCollect(p *pending) {
	results, err := w.pool.Collect(p.ctx, p.bulk.jobs)
	w.mu.Lock()
	defer w.mu.Unlock()
	if results == nil && err != nil {
		w.must(w.refuseBulk(p, err), "Collect says %v", err)
		return
	}
	w.mustBeOpen(p)
	if err != nil {
		w.mustBeCutShort(p, err)
	}
	w.must(len(results) == len(p.bulk.jobs), "Collect returns %d results of %d", len(results), len(p.bulk.jobs))
	for i, r := range results {
		w.must(r.Job == p.bulk.jobs[i], "result %d of Collect is of another job", i)
		w.must(err != nil || !errors.Is(r.Err, workerpool.ErrNotRun) || isOutcome(r.Err), "%v beside no error of Collect", r.Err)
		r.Job.accepted = true
		w.judgeResult(r)
	}
}

// errBody is what a body of a range panics with.
var errBody = errors.New("the body panics")

func (w *world) performStream(p *pending) {
	call := w.pool.Stream
	if p.op == callUnordered {
		call = w.pool.StreamUnordered
	}
	results, errf := call(p.ctx, w.input(p))
	defer func() {
		if v := recover(); v != nil && v != any(errBody) {
			panic(v)
		}
	}()
	left := w.consume(p, results)
	err := errf()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judgeStream(p, left, err)
}

// consume ranges over results, and reports whether it has left the range.
func (w *world) consume(p *pending, results iter.Seq[workerpool.Result[*job, int]]) (left bool) {
	n := 0
	for r := range results {
		w.comeToBody(p)
		w.receiveOfStream(p, r)
		if n++; n == 1 && p.bulk.body == bodyGate {
			w.block(p)
		}
		if n == p.bulk.leaves {
			w.leaveRange(p)
			switch p.bulk.body {
			case bodyPanic:
				w.goFromBody(p)
				panic(errBody)
			case bodyGoexit:
				w.goFromBody(p)
				runtime.Goexit()
			}
			w.goFromBody(p)
			return true
		}
		w.goFromBody(p)
	}
	return false
}

func (w *world) leaveRange(p *pending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.bulk.left = true
}

// comeToBody notes that the body of a range runs: where that is in a job, the job goes on.
func (w *world) comeToBody(p *pending) {
	if p.inside != nil {
		w.comeBack(p.inside)
	}
}

func (w *world) goFromBody(p *pending) {
	if p.inside != nil {
		w.goAway(p.inside)
	}
}

func (w *world) receiveOfStream(p *pending, r workerpool.Result[*job, int]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := p.bulk
	if p.op == callStream {
		w.must(b.next < len(b.jobs) && r.Job == b.jobs[b.next], "result %d of a stream is of another job", b.next)
	}
	b.next++
	select {
	case b.news <- struct{}{}:
	default:
	}
	w.must(b.next <= b.taken, "a stream has more results than jobs")
	r.Job.accepted = true
	w.judgeResult(r)
}

// input is the input of a stream.
func (w *world) input(p *pending) iter.Seq[*job] {
	b := p.bulk
	return func(yield func(*job) bool) {
		told := false // to stop: then yield panics if it is called again
		w.feeds(p, true)
		defer w.feeds(p, false)
		for i, j := range b.jobs {
			w.beforeYield(p, i)
			if w.mu.Lock(); !told {
				b.taken = i + 1
				b.yielded = time.Now()
			}
			w.mu.Unlock()
			if told = !yield(j); told && b.input != inputDeaf {
				return
			}
		}
		switch b.input {
		case inputPanic:
			panic(errInput)
		case inputGoexit:
			runtime.Goexit()
		}
	}
}

// beforeYield is what an input does before it yields its i-th job.
func (w *world) beforeYield(p *pending, i int) {
	b := p.bulk
	switch {
	case b.input == inputGate && i == len(b.jobs)/2:
		w.block(p)
	case b.input == inputPauses:
		w.blocked(p, func() { time.Sleep(w.unit / 10) })
	case b.input == inputFollows:
		for !w.hasFollowed(p) {
			select {
			case <-b.news:
			case <-time.After(w.unit): // nobody tells it of an end
			}
		}
	}
}

// hasFollowed reports whether an input that follows has seen all results that it waits for,
// or there won't be any.
func (w *world) hasFollowed(p *pending) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return p.bulk.next >= p.bulk.taken || w.mayEnd(p)
}

// mayEnd reports whether a stream may end before its input does.
func (w *world) mayEnd(p *pending) bool {
	return p.bulk.left || p.ctx.Err() != nil || w.cancelled || w.doomed
}

var errInput = errors.New("the input panics")

func (w *world) feeds(p *pending, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.bulk.feeding = on
}

// block waits at a gate.
func (w *world) block(p *pending) {
	w.blocked(p, func() { w.gate(nil) })
}

// blocked waits for something that the pool has nothing to do with.
func (w *world) blocked(p *pending, wait func()) {
	w.mu.Lock()
	p.bulk.blocked++
	w.mu.Unlock()
	wait()
	w.mu.Lock()
	p.bulk.blocked--
	w.mu.Unlock()
}

// judgeStream judges why a stream ended.
func (w *world) judgeStream(p *pending, left bool, err error) {
	b := p.bulk
	var panicked *workerpool.PanicError
	isPanic := errors.As(err, &panicked) && strings.Contains(err.Error(), "the input panicked")
	isExit := errors.Is(err, workerpool.ErrGoexit) && strings.Contains(err.Error(), "the input called")
	w.must(!left || err == nil, "a range that was left says %v", err)
	switch {
	case err == nil && !left:
		w.must(b.taken == len(b.jobs) && b.next == b.taken, "a stream without error has %d results of %d jobs of %d", b.next, b.taken, len(b.jobs))
		w.must(b.input != inputPanic && b.input != inputGoexit, "a stream without error, and yet%s", inputNames[b.input])
	case err == nil:
	case isPanic:
		deaf := b.input == inputDeaf
		w.must(b.input == inputPanic && panicked.Value == any(errInput) || deaf, "%s says %v", callNames[p.op], err)
	case isExit:
		w.must(b.input == inputGoexit, "%s says %v", callNames[p.op], err)
	case b.taken == 0 && w.refuseBulk(p, err):
	default:
		w.mustBeCutShort(p, err)
	}
	if err != nil && !left {
		w.must(b.next == b.taken, "a stream has %d results of %d jobs: %v", b.next, b.taken, err)
	}
}

// judgeResult judges an outcome that came as a Result.
func (w *world) judgeResult(r workerpool.Result[*job, int]) {
	w.must(r.Attempts == r.Job.attempts(), "Attempts is %d beside %v: %s", r.Attempts, r.Err, r.Job.fateString())
	w.judge(r.Job, r.Value, r.Err)
}

// mustBeInTurn holds the only worker of a pool against G8: it runs the jobs of one bulk
// call in the order of its input.
func (w *world) mustBeInTurn(j *job) {
	for _, other := range j.call.bulk.jobs {
		if other == j {
			return
		}
		w.must(other.attempts() > 0, "job%d begins before job%d of the same call", j.id, other.id)
	}
}

// checkBulk looks whether a bulk call that has not returned has a reason.
func (w *world) checkBulk(p *pending, s workerpool.Stats) {
	if j := w.readyJob(p); j != nil {
		w.must(s.Busy >= s.Workers || s.Held > 0, "job%d of %s could begin, and a worker waits: %+v", j.id, callNames[p.op], s)
	}
	if p.bulk.blocked > 0 || p.bulk.input == inputFollows && w.mayEnd(p) {
		return
	}
	for _, j := range p.bulk.jobs {
		if j.running() || j.waitsAgain() {
			return
		}
	}
	if s.Held > 0 { // perhaps it is one of this call
		return
	}
	if p.inside != nil && p.inside.running() {
		w.must(w.hasPendingRival(p), "%s from inside job%d waits", callNames[p.op], p.inside.id)
		return
	}
	w.must(s.Busy >= s.Workers && !w.cancelled, "%s waits and a worker does too: %+v", callNames[p.op], s)
}

// readyJob returns a job of a bulk call, if there is one, that has yet to begin and for
// which nothing has to be waited: what is before it has ended, so it is in no chunk with
// that.
func (w *world) readyJob(p *pending) *job {
	b := p.bulk
	if w.cancelled || p.inside != nil || p.ctx.Err() != nil || b.left {
		return nil
	}
	if time.Since(b.yielded) < w.unit/5 { // the call counts on a worker that is about to be through, for a moment
		return nil
	}
	var ready *job
	for i, j := range b.jobs {
		if p.op == callMap && j.ended > 0 && j.outcome != endReturn {
			return nil // the others won't run
		}
		if p.op.streams() && i >= b.taken {
			break
		}
		if j.attempts() == 0 && (i == 0 || b.jobs[i-1].ended > 0) {
			ready = j
		}
	}
	return ready
}
