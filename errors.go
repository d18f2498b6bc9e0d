package workerpool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Errors to test for with [errors.Is]. The errors that the methods of a pool return
// wrap them and say more: which pool, and what it was doing.
var (
	// ErrClosed is returned for a job that comes after Close, Shutdown or Stop,
	// or after the pool's context was cancelled; then the error wraps the cause
	// too.
	ErrClosed = errors.New("workerpool: closed")

	// ErrFull is returned by TrySubmit and TryDo when the queue is full, and by TryDo
	// from inside a job when another goroutine of that job has its place.
	ErrFull = errors.New("workerpool: queue full")

	// ErrNotRun is the outcome of a job that was accepted and never ran, because
	// the pool was cancelled, or the caller of Do had left, before its turn came, or because
	// the limiter of WithLimiter failed.
	// The error wraps what stopped it too. Do and TryDo return it as well when their
	// context ends before the job is accepted: it always says that Func was not called.
	ErrNotRun = errors.New("workerpool: job not run")

	// ErrGoexit is the outcome of a job whose Func called runtime.Goexit, as
	// t.FailNow of package testing does.
	ErrGoexit = errors.New("workerpool: job called runtime.Goexit")

	// ErrStopped is the cause of the cancellation that Stop brings. It is
	// context.Canceled too, for code that asks the cause of a context.
	ErrStopped error = &causeError{"workerpool: stopped", context.Canceled}

	// ErrJobTimeout is the cause of the cancellation that WithJobTimeout brings. It is
	// context.DeadlineExceeded too, and has its method Timeout, for code that asks
	// the cause of a context; net/http returns that.
	ErrJobTimeout error = &causeError{"workerpool: job timed out", context.DeadlineExceeded}

	// ErrInvalidOption is wrapped by the error of New for each option that is out
	// of its bounds.
	ErrInvalidOption = errors.New("workerpool: invalid option")
)

// causeError is the cause of a context's end, and stands for the error of that context.
type causeError struct {
	text string
	err  error
}

func (e *causeError) Error() string        { return e.text }
func (e *causeError) Is(target error) bool { return target == e.err }
func (e *causeError) Timeout() bool        { return errors.Is(e.err, context.DeadlineExceeded) }

// PanicError is the outcome of a job whose Func panicked.
//
// A panic is neither hidden nor delayed: it is that job's own error, at once.
// Whoever wants the program to end on it panics again where the Result is read.
type PanicError struct {
	// Value is what panic was called with. For panic(nil) it is a
	// *runtime.PanicNilError.
	Value any
	// Stack is the stack of the goroutine at the panic, as debug.Stack gives it.
	Stack []byte
}

func newPanicError(value any) *PanicError {
	stack := debug.Stack()
	// Between the first line, which names the goroutine, and the call of panic
	// there are only frames of the fence.
	if first, at := bytes.IndexByte(stack, '\n'), bytes.Index(stack, []byte("\npanic(")); first >= 0 && at > first {
		stack = append(stack[:first:first], stack[at:]...)
	}
	return &PanicError{Value: value, Stack: stack}
}

// Error says what the job panicked with. The stack is not part of it.
func (e *PanicError) Error() string {
	// fmt contains a panic of the value's own Error or String method.
	return fmt.Sprintf("workerpool: job panicked: %v", e.Value)
}

// Unwrap returns the value of the panic when it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// ShutdownError is what [Pool.Shutdown] returns when the pool did not finish all
// that it had accepted. The numbers are those of the moment when Shutdown gave
// up; none of these jobs is lost, their outcomes still come on Results or from
// Stop, and for callers that wait for them. Jobs of bulk calls and streams are not in the
// queue: how many of those did not run their callers see.
type ShutdownError struct {
	Running int   // jobs that a worker still had: inside Func, or their result waited for room; and those that waited for their next attempt
	NotRun  int   // what was in the queue, or waited for a limiter: jobs, which will not run, but for those of a Do whose caller had left; and workers that bulk calls waited for
	Unread  int   // results on Results that nobody had read
	Bulk    int   // bulk calls and streams that were not finished
	Err     error // why: wraps the cause of the context that ended
}

// Error names the pool, the cause and the numbers.
func (e *ShutdownError) Error() string {
	return fmt.Sprintf("%v (%d running, %d not run, %d results unread%s)", e.Err, e.Running, e.NotRun, e.Unread, bulkCalls(e.Bulk))
}

// Unwrap returns Err.
func (e *ShutdownError) Unwrap() error { return e.Err }

// shutdownError takes the numbers down; ctx is the context whose end is to blame.
func (p *Pool[T, R]) shutdownError(ctx context.Context) error {
	p.mu.Lock()
	l, held := p.load(), p.held // with mu held, so that no worker leaves meanwhile
	p.mu.Unlock()
	return &ShutdownError{
		Running: l.running + p.backlog.waitingRetries(),
		NotRun:  max(0, int(p.refused.Load()+max(0, p.heldNew.Load())-p.deserted.Load())+max(0, l.waiting-int(p.backlog.queued.Load()))+held),
		Unread:  l.unread,
		Bulk:    l.bulks,
		Err:     p.contextError(ctx, "Shutdown"),
	}
}

// poolError is an error of a pool's own. It names the pool, and wraps what a
// caller may want to test for without showing each of those texts.
type poolError struct {
	name  string
	text  string
	wraps []error
}

func newError(name string, wraps []error, format string, args ...any) error {
	return &poolError{name: name, text: fmt.Sprintf(format, args...), wraps: wraps}
}

func (e *poolError) Error() string   { return prefix(e.name) + e.text }
func (e *poolError) Unwrap() []error { return e.wraps }

func prefix(name string) string {
	if name == "" {
		return "workerpool: "
	}
	return fmt.Sprintf("workerpool %q: ", name)
}

// fullError says that there was no place. A pool under overload makes many of
// them, so the text is put together only when somebody reads it.
type fullError struct {
	name, op string
	load     load
}

func (p *Pool[T, R]) fullError(op string) error { return &fullError{p.name, op, p.load()} }

func (e *fullError) Error() string { return prefix(e.name) + e.op + ": queue full " + e.load.String() }
func (e *fullError) Unwrap() error { return ErrFull }

// load is what a submitter that found no place wants to know of the pool.
type load struct{ waiting, running, unread, bulks, held, retrying int }

func (l load) String() string {
	s := fmt.Sprintf("(%d waiting, %d running, %d results unread%s", l.waiting, l.running, l.unread, bulkCalls(l.bulks))
	if l.held > 0 {
		s += fmt.Sprintf(", %d held back", l.held)
	}
	if l.retrying > 0 {
		s += fmt.Sprintf(", %d to be tried again", l.retrying)
	}
	return s + ")"
}

// bulkCalls is what an error says of them behind other numbers.
func bulkCalls(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", 1 bulk call"
	}
	return fmt.Sprintf(", %d bulk calls", n)
}

// closedError says that nothing is accepted any more, and why if the pool was
// cancelled.
func (p *Pool[T, R]) closedError(op string) error {
	if !p.cancelled() {
		return newError(p.name, []error{ErrClosed}, "%s: closed", op)
	}
	return p.contextError(p.ctx, op+": closed", ErrClosed)
}

// notRunError is the outcome of the jobs that the pool's cancellation found in the
// queue.
func (p *Pool[T, R]) notRunError() error {
	return p.contextError(p.ctx, "job not run", ErrNotRun)
}

// contextError says that something was not done because ctx ended. It wraps the
// error of ctx, its cause, and what else is given.
func (p *Pool[T, R]) contextError(ctx context.Context, what string, wraps ...error) error {
	return newError(p.name, append(wraps, contextErrors(ctx)...), "%s: %v", what, context.Cause(ctx))
}

// contextErrors returns the error of a context that has ended, and its cause. Where
// nobody gave a cause they are the same; comparing them is not for us, since an error
// of somebody's own may not be comparable.
func contextErrors(ctx context.Context) []error { return []error{ctx.Err(), context.Cause(ctx)} }
