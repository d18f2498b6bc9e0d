package conformance

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

// Job is a job of the suite. It is a plain struct, so that an implementation may encode it as
// JSON. What Do means is for the suite to know.
type Job struct {
	N     int           // tells it from the other jobs of its pool
	Do    string        `json:",omitempty"` // what the handler is to do; empty: return
	Error string        `json:",omitempty"` // the name, in Settings.Errors, of what it returns or panics with
	Times int           `json:",omitempty"` // how often it does so, or how many jobs it submits
	For   time.Duration `json:",omitempty"` // how long
	Key   string        `json:",omitempty"` // jobs of one key are run in order: see Settings.Keyed
}

// Value is what the handler of the suite returns for a job.
type Value struct {
	N    int    // that of the job
	Text string // that it ran
}

// Result is the outcome of a job of the suite.
type Result = workerpool.Result[Job, Value]

// Pool is what the suite wants of an implementation. Its methods mean what those of
// [workerpool.Pool] mean, but for what [Traits] says.
type Pool interface {
	Submit(ctx context.Context, job Job) error
	TrySubmit(job Job) error
	Do(ctx context.Context, job Job) (Value, error)
	Results() <-chan Result
	Close()
	Wait(ctx context.Context) error
	Shutdown(ctx context.Context) error
	Stop() []Result
}

// Settings says what pool the suite wants. What is not set is the default.
type Settings struct {
	// Workers is how many jobs run at once.
	Workers int
	// Buffer is how many more jobs wait, before Submit does. An implementation whose queue
	// keeps the place of a job until it is finished has Workers + Buffer
	// places: with Workers jobs that run and Buffer that wait TrySubmit returns ErrFull.
	Buffer int
	// Retry is the retry policy, or nil for no retries.
	Retry workerpool.RetryPolicy
	// JobTimeout is the time-out of an attempt, or 0 for none.
	JobTimeout time.Duration
	// Limiter is asked before each attempt, or nil.
	Limiter workerpool.Limiter
	// Errors are the errors of the suite, by name. An implementation whose errors travel as
	// text registers them, so that errors.Is finds them at the other end.
	Errors map[string]error
	// Keyed says that jobs have a Key, and that those of one key are to be run
	// one after the other, in the order of their Submit. It is set only for an implementation
	// with Traits.KeyedOrder.
	Keyed bool
}

// Maker makes the pools of the suite.
type Maker struct {
	// New makes a pool with a storage of its own, if it stores anything. It fails t if it
	// cannot. The suite ends the pool; whatever else has to be ended, as a connection, New
	// leaves to t.Cleanup, which is then called after Stop.
	New func(t testing.TB, handler workerpool.Func[Job, Value], s Settings) Pool
	// Reopen makes a second pool on the storage of previous, which has ended. s is what
	// previous was made with. It is nil for an implementation without Traits.Stores.
	Reopen func(t testing.TB, previous Pool, handler workerpool.Func[Job, Value], s Settings) Pool
	// Traits says how the implementation differs from a pool in one process.
	Traits Traits
}

// Traits says how an implementation differs from a pool in one process. The zero Traits is that
// of [workerpool.Pool]. Each trait replaces a statement by the one that takes its place
// between processes; the suite checks that instead.
type Traits struct {
	// Stores says that jobs and results are stored outside of the pool, and outlive it. Then
	// Stop returns nil, and so delivered + still stored = accepted: what nobody has read, what
	// was in the queue and what was running when the pool ended comes from the next pool on the same
	// storage, once each (G1). What was in the queue runs there instead of ending
	// with ErrNotRun; what Stop has interrupted runs again instead of ending with
	// an error (G6). After a Shutdown whose context has ended either may be: an interrupted
	// job has the outcome that it returned, or runs again. The counts in a ShutdownError are the
	// implementation's own. Wait on a pool that was stopped while jobs were left may say so.
	Stores bool

	// ErrorsAsText says that errors travel as text. Then errors.Is finds, beside
	// those in Settings.Errors, the errors of package context, ErrGoexit and ErrJobTimeout, and
	// errors.As a *PanicError, whose Value is any with the same text, and whose Stack is
	// there. Other types and values are lost: a RetryError, and what is returned beside an error.
	ErrorsAsText bool

	// TryWithin is how long TrySubmit may take at most, where there is a network between. 0
	// says that it waits for nothing (G4). A Wait that has to ask over the network may give
	// up with its context though nothing is unfinished.
	TryWithin time.Duration

	// DetachedDo says that the job of a Do runs under the context of the pool, since no
	// caller's context crosses a network. Do returns as soon as its own context ends. But its
	// job may still run, or run later, and sees neither that end nor the
	// context's values (G6).
	DetachedDo bool

	// NestedMayRefuse says that a job lends its place to no other. Then Submit from inside a
	// job, with the job's context, returns ErrFull when there is no place, and Do may return an
	// error instead of running its job. Neither waits for a place (G10).
	NestedMayRefuse bool

	// Unordered says that jobs without a key may leave the queue in another order than they
	// entered it, as after a redelivery. Each of them runs all the same (G8).
	Unordered bool

	// KeyedOrder says that the implementation has an order per key: jobs of one key run one
	// after the other in the order of their Submit, whatever the number of workers (G8).
	KeyedOrder bool

	// Holds says how many jobs a pool takes that are over at once, while nobody
	// reads their results (G3). nil says that it is Workers + 2 x Buffer, neither more nor
	// less; else it is an upper bound.
	Holds func(s Settings) int

	// Goroutines exempts goroutines from the search for those that a pool has left behind
	// (G5), as those of a server, or of a connection that pools share.
	Goroutines []goleak.Option
}

// guarantee is a part of the suite: its name begins with the number of a guarantee.
type guarantee struct {
	name   string
	checks []check
}

// check is one test of the suite.
type check struct {
	name string
	run  func(t *testing.T, m Maker)
}

// Run runs the whole suite for the pools that m makes, each check as a subtest which is named
// after its guarantee. The subtests run one after the other, since they look for goroutines
// that were left behind.
func Run(t *testing.T, m Maker) {
	if m.Traits.Stores != (m.Reopen != nil) {
		t.Fatal("conformance: a Maker has Reopen if, and only if, its pools have the trait Stores")
	}
	for _, g := range []guarantee{
		{"G01 one result whatever happens", outcomeChecks()},
		{"G01 one result after several attempts", retryChecks()},
		{"G01 delivered and returned are accepted", accountChecks()},
		{"G02 no more than Workers at once", boundChecks()},
		{"G03 backpressure", pressureChecks()},
		{"G04 what each call does", tableChecks()},
		{"G04 any call at any time", callChecks()},
		{"G04 Wait and Shutdown", waitChecks()},
		{"G05 nothing is left", leakChecks()},
		{"G06 cancellation", cancelChecks()},
		{"G06 Do ends with its own context", doChecks()},
		{"G07 a bad end harms nothing else", isolationChecks()},
		{"G08 order", orderChecks()},
		{"G09 memory model", memoryChecks()},
		{"G10 jobs may submit jobs", nestedChecks()},
	} {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.checks {
				t.Run(c.name, func(t *testing.T) { c.run(t, m) })
			}
		})
	}
}
