package natspool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/boundedgo/workerpool"
)

// Errors to test for with [errors.Is], beside those of package workerpool, which mean here
// what they mean there: [workerpool.ErrClosed], [workerpool.ErrFull],
// [workerpool.ErrInvalidOption], [workerpool.ErrGoexit], [workerpool.ErrJobTimeout].
var (
	// ErrDuplicate is returned for a job whose id is known: it is in the queue, or has a
	// result that is still kept. Nothing was stored, and nothing needs to be: who submits
	// again after a failure takes it for success.
	ErrDuplicate = errors.New("natspool: job id is known")

	// ErrTooLarge is returned for a job whose bytes exceed the bound of WithMaxJobBytes. A
	// job whose value is so large that its result exceeds what the server takes fails
	// with it. And it is returned by Requeue for a dead letter that had no room for the bytes
	// of its job.
	ErrTooLarge = errors.New("natspool: too large")

	// ErrUnavailable is returned when the server did not answer, or said that it cannot
	// store at the moment: no connection, no leader, no quorum, no room on disk. What was
	// asked for may have happened or not; submitting again with the same id is safe.
	ErrUnavailable = errors.New("natspool: server unavailable")

	// ErrMismatch is returned by New and NewClient when the pool exists on the server with
	// other settings. They are never changed silently.
	ErrMismatch = errors.New("natspool: pool exists with other settings")

	// ErrCrashed is the outcome of a job that ended the process of its worker again and
	// again, as far as anybody can tell: see WithMaxCrashes.
	ErrCrashed = errors.New("natspool: the process ended while the job ran")

	// ErrUndecodable is the outcome of a job, and the error of a dead letter or a result,
	// whose bytes the codec could not read.
	ErrUndecodable = errors.New("natspool: cannot decode")

	// ErrNotFound is returned by Lookup, Requeue and Discard when nothing with this id is kept.
	ErrNotFound = errors.New("natspool: not found")

	// ErrInsideJob is returned by Do when it is called by a job of the same pool: it would
	// hold a worker until another one is free, and all of them may do so.
	ErrInsideJob = errors.New("natspool: called from inside a job of this pool")

	// ErrLeaseLost is the cause of the end of a job's context when the server may have given
	// the job to somebody else, because it did not hear of this process for the length
	// of a lease. What the job returns then is not stored: who has it now will say.
	ErrLeaseLost = errors.New("natspool: lease lost")
)

// RemoteError is an error that came from another process, as text, of which 16 KiB are kept. What it wrapped there is
// lost but for what [errors.Is] and [errors.As] still find here: context.Canceled,
// context.DeadlineExceeded, [workerpool.ErrGoexit], [workerpool.ErrJobTimeout],
// *[workerpool.PanicError], whose value is text too, the errors of this package, and those
// that both sides have given a name by WithError.
type RemoteError struct {
	Message string // what Error said where it happened
	wraps   []error
}

// Error returns Message.
func (e *RemoteError) Error() string { return e.Message }

// Unwrap returns what is known again here.
func (e *RemoteError) Unwrap() []error { return e.wraps }

// wireError is an error on its way.
type wireError struct {
	Message string   `json:"message"`
	Names   []string `json:"names,omitempty"`
	Panic   string   `json:"panic,omitempty"` // what Error said of the panic
	Stack   string   `json:"stack,omitempty"`
	Jobless bool     `json:"jobless,omitempty"` // the bytes of the job had no room beside it
}

// wellKnown are the errors that need no WithError.
var wellKnown = map[string]error{
	"context.Canceled":         context.Canceled,
	"context.DeadlineExceeded": context.DeadlineExceeded,
	"workerpool.ErrGoexit":     workerpool.ErrGoexit,
	"workerpool.ErrJobTimeout": workerpool.ErrJobTimeout,
	"workerpool.ErrNotRun":     workerpool.ErrNotRun,
	"workerpool.ErrStopped":    workerpool.ErrStopped,
	"workerpool.ErrFull":       workerpool.ErrFull,
	"workerpool.ErrClosed":     workerpool.ErrClosed,
	"natspool.ErrCrashed":      ErrCrashed,
	"natspool.ErrUndecodable":  ErrUndecodable,
	"natspool.ErrTooLarge":     ErrTooLarge,
	"natspool.ErrLeaseLost":    ErrLeaseLost,
	"natspool.ErrInsideJob":    ErrInsideJob,
	"natspool.ErrDuplicate":    ErrDuplicate,
	"natspool.ErrUnavailable":  ErrUnavailable,
	"natspool.ErrNotFound":     ErrNotFound,
}

// panicName says that Panic and Stack are set. No name of WithError has a dot.
const panicName = "workerpool.PanicError"

// maxText bounds what an error may add to a result: it has to fit beside the job.
const maxText = 16 << 10

func encodeError(err error, known map[string]error) []byte {
	w := wireError{Message: shorten(errorText(err))}
	for _, names := range []map[string]error{wellKnown, known} {
		for name, target := range names {
			if is(err, target) {
				w.Names = append(w.Names, name)
			}
		}
	}
	if p, ok := as[*workerpool.PanicError](err); ok {
		w.Panic, w.Stack = shorten(fmt.Sprint(p.Value)), shorten(string(p.Stack))
		w.Names = append(w.Names, panicName)
	}
	b, err := json.Marshal(w)
	if err != nil { // strings only: json has no reason to fail
		return []byte(`{"message":"natspool: error could not be encoded"}`)
	}
	return b
}

// markJobless has failure say that its job was left out: that may have had no bytes of its own.
func markJobless(failure []byte) []byte {
	var w wireError
	if err := json.Unmarshal(failure, &w); err != nil { // it is of encodeError
		return failure
	}
	w.Jobless = true
	if b, err := json.Marshal(w); err == nil {
		return b
	}
	return failure
}

func isJobless(failure []byte) bool {
	var w wireError
	return json.Unmarshal(failure, &w) == nil && w.Jobless
}

func decodeError(b []byte, known map[string]error) error {
	var w wireError
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("%w the error of a result: %w", ErrUndecodable, err)
	}
	e := &RemoteError{Message: w.Message}
	for _, name := range w.Names {
		if name == panicName {
			e.wraps = append(e.wraps, &workerpool.PanicError{Value: w.Panic, Stack: []byte(w.Stack)})
		} else if err := known[name]; err != nil {
			e.wraps = append(e.wraps, err)
		} else if err := wellKnown[name]; err != nil {
			e.wraps = append(e.wraps, err)
		}
	}
	return e
}

func shorten(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

// errorText, is and as are for errors of a job, whose methods are anybody's: one that panics
// is to cost no more than its text.
func errorText(err error) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("%T, whose method Error panicked: %v", err, v)
		}
	}()
	return err.Error()
}

func is(err, target error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return errors.Is(err, target)
}

func as[E error](err error) (found E, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	ok = errors.As(err, &found)
	return found, ok
}

// answer is what became of a message that was to be stored.
type answer int

const (
	taken   answer = iota
	later          // no answer, or one that says that it may be different in a moment
	full           // the stream has all that it may have
	known          // there is a message on this subject, or with this id
	never          // trying again is of no use
	givenUp        // nobody asks any more
)

// answerTo reads the server's answer. A full stream has one code for several things; the
// text tells them apart, and a test fails when it changes.
func answerTo(err error) answer {
	switch {
	case err == nil:
		return taken
	case errors.Is(err, errKnown):
		return known
	case errors.Is(err, errGivenUp):
		return givenUp
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	switch {
	case !ok && (errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrPermissionViolation)):
		return never
	case !ok:
		return later
	case api.ErrorCode == codeTooLarge:
		return never
	case api.ErrorCode != codeStoreFailed:
		return later
	case strings.Contains(api.Description, "per subject"):
		return known
	case strings.Contains(api.Description, "maximum messages"), strings.Contains(api.Description, "maximum bytes"):
		return full
	}
	return later
}

// Codes of the server that the client library has no names for.
const (
	codeStoreFailed jetstream.ErrorCode = 10077
	codeTooLarge    jetstream.ErrorCode = 10054
	codeNoCluster   jetstream.ErrorCode = 10074
	codeNoStorage   jetstream.ErrorCode = 10047
)

// poolError is an error of a pool's own: it names the pool and wraps what a caller may test for.
type poolError struct {
	pool, text string
	wraps      []error
}

func (e *poolError) Error() string   { return fmt.Sprintf("natspool %q: %s", e.pool, e.text) }
func (e *poolError) Unwrap() []error { return e.wraps }

// contextErrors returns the error of a context that has ended, and its cause.
func contextErrors(ctx context.Context) []error { return []error{ctx.Err(), context.Cause(ctx)} }

var (
	// errGivenUp is told to whom a message belongs that is not sent again.
	errGivenUp = errors.New("given up: the pool ends")
	// errKnown is the answer to a message whose id the server remembers.
	errKnown = errors.New("stored before")
	// errOver is the cause of the end of a pool that has finished all it had.
	errOver = errors.New("over")
)
