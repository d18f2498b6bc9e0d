package modeltest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/boundedgo/workerpool"
)

// fate is what the model knows of a job. The world's mutex guards it.
type fate struct {
	call       *pending // by which it was submitted
	parent     *job     // that submitted it, if one did
	accepted   bool
	acceptedAt int // on the world's clock
	refused    bool
	left       bool // the caller of its Do has left while it ran
	notRun     bool // its outcome says so
	gaveUp     bool // and so, or there is none, because there was no further attempt
	flopped    int  // attempts
	began      int
	beganAt    int // on the world's clock
	ended      int
	received   int    // outcomes
	outcome    ending // how it has ended
	timedOut   bool   // and that its time was up
	away       int    // calls to its pool that it waits in: it doesn't count as running then
	ctx        context.Context
	ends       chan struct{}
	told
}

// jobError is the error of a job's own.
type jobError struct {
	id    int
	cause error
}

func (e *jobError) Error() string { return fmt.Sprintf("job%d: %v", e.id, e.cause) }
func (e *jobError) Unwrap() error { return e.cause }

// isOutcome reports whether err is what became of a job that ran, and not why it didn't.
// What an error wraps does not tell: the cause for which a job didn't run may be the
// outcome of another, in a Map.
func isOutcome(err error) bool {
	if failed, ok := err.(*workerpool.RetryError); ok { //nolint:errorlint // see above
		err = failed.Err
	}
	if errors.Is(err, errFlop) {
		return true
	}
	switch err.(type) { //nolint:errorlint // see above
	case nil, *jobError, *workerpool.PanicError:
		return true
	}
	return err == workerpool.ErrGoexit || strings.HasPrefix(err.Error(), "workerpool: job timed out after") //nolint:errorlint // see above
}

// matches reports whether value and err are what the job has ended with.
func (j *job) matches(value int, err error) bool {
	var own *jobError
	var panicked *workerpool.PanicError
	isOwn, isPanic := errors.As(err, &own), errors.As(err, &panicked)
	if j.outcome == endReturn {
		return err == nil && value == j.id
	}
	if value != 0 {
		return false
	}
	switch j.outcome {
	case endFail:
		return isOwn && own.id == j.id && !isPanic
	case endContext:
		// A nested job may find the time of the one around it up.
		return isOwn && own.id == j.id && !isPanic && (j.parent != nil || errors.Is(err, workerpool.ErrJobTimeout) == j.timedOut)
	case endPanic:
		return isPanic && panicked.Value == any(j.id) && len(panicked.Stack) > 0
	case endPanicError, endGoexitPanic:
		return isPanic && isOwn && own.id == j.id
	case endPanicNil:
		return isPanic && errors.As(err, new(*runtime.PanicNilError))
	}
	return errors.Is(err, workerpool.ErrGoexit)
}

func (j *job) running() bool { return j.began > j.ended }

// borrows reports whether the job, which runs, does so in the place of another that runs:
// its parent, or where that has ended and left it behind, whoever that had its place from.
func (j *job) borrows() bool {
	return j.parent != nil && !j.call.returned && (j.parent.running() || j.parent.borrows())
}

// settled reports whether the job has all that it is owed: one outcome, if it was
// accepted, or none where its caller didn't wait for it.
func (j *job) settled() bool {
	switch {
	case !j.accepted:
		return j.attempts() == 0 && j.received == 0
	case j.gaveUp:
		return j.flopped > 0 && j.began == 0 && j.received == 1
	case j.left && j.flopped > 0 && j.began == 0:
		return j.received == 0
	case j.left:
		return j.began == 1 && j.ended == 1 && j.received == 0
	case j.notRun:
		return j.began == 0 && j.received == 1
	}
	return j.began == 1 && j.ended == 1 && j.received == 1
}

func (j *job) fateString() string {
	return fmt.Sprintf("job%d: accepted %v, refused %v, flopped %d, gave up %v, began %d, ended %d, outcomes %d, not run %v, caller left %v",
		j.id, j.accepted, j.refused, j.flopped, j.gaveUp, j.began, j.ended, j.received, j.notRun, j.left)
}
