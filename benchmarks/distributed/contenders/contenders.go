// Package contenders has the libraries that are measured side by side: a queue of jobs that is
// kept outside of the process, or at least on its disk. There is an adapter for each, in a file
// of its own, behind one interface.
package contenders

import (
	"context"
	"time"
)

// Groups of durability: contenders are compared with those of the same group only.
const (
	// Second may lose up to a second of what was acknowledged when the machine loses power.
	Second = "A"
	// Nothing loses nothing of what was acknowledged.
	Nothing = "B"
)

// Names of the contenders.
const (
	Embedded = "natspool-embedded"
	Server   = "natspool-server"
	ByHand   = "jetstream"
	Asynq    = "asynq"
	River    = "river"
)

// ahead is how many jobs a process holds beyond those that run, where a contender can say.
const ahead = 1024

// Servers says where the servers are that somebody else has started. Without its server, a
// contender does not take part.
type Servers struct {
	RedisEverysec, RedisAlways string // host:port, by its appendfsync
	Postgres                   string // a connection string
}

// Contender is a library at one setting of durability.
type Contender struct {
	Name, Group string
	Title       string // on the page
	Durability  string // by which setting it is in its group
	Done        string // when a job counts as done
	Batch       string // how many jobs are submitted at once; empty: it cannot
	Call        string // how one job is submitted and waited for
	Recovery    string // what decides when the jobs of a dead process are run; empty: not measured
	Module      string
	Long        int // how many times as long as others it has to be measured; 0 is 1

	needs func(Servers) string // the address of its server
	open  func(context.Context, Setting) (Session, error)
}

// Setting is that of one measurement.
type Setting struct {
	Servers  Servers
	Workers  int           // in this process; 0 has it submit, and look at what others have done
	Work     time.Duration // how long a job sleeps
	Dir      string        // an empty directory
	Instance int           // from 0: which of several that are used at once, in separate places
	Address  string        // where a session of another process is; then nothing is made anew
	Calls    bool          // Call is used, and nothing else
	Recover  bool          // as little time as possible until the jobs of a dead process are run
}

// Session is a contender at work. Its jobs double a number.
type Session interface {
	// Submit stores one job, and returns when that is acknowledged. It may be called by many
	// goroutines at once.
	Submit(ctx context.Context, job int) error
	// SubmitAll stores the jobs from 0 to n-1 in the fastest way that there is.
	SubmitAll(ctx context.Context, n int) error
	// Await blocks until n jobs of this session are done, in all processes.
	Await(ctx context.Context, n int) error
	// Call submits one job and returns its result. It is called by one goroutine, while there
	// is no other job.
	Call(ctx context.Context, job int) (int, error)
	// Address is for a session of another process, that is to work on the same jobs.
	Address() string
	// Close ends what was begun, and removes what was stored.
	Close() error
}

// Open starts a contender.
func (c Contender) Open(ctx context.Context, s Setting) (Session, error) { return c.open(ctx, s) }

// Available reports whether there is what the contender needs.
func (c Contender) Available(s Servers) bool { return c.needs == nil || c.needs(s) != "" }

// All returns all contenders, those of this library first.
func All() []Contender {
	list := append(natspools(), byHand())
	list = append(list, asynqs()...)
	return append(list, rivers()...)
}

// Find returns the contender of that name and group.
func Find(name, group string) (Contender, bool) {
	for _, c := range All() {
		if c.Name == name && c.Group == group {
			return c, true
		}
	}
	return Contender{}, false
}

// double is the job.
func double(ctx context.Context, n int, work time.Duration) (int, error) {
	if work > 0 {
		select {
		case <-time.After(work):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	return 2 * n, nil
}

// poll calls done, again and again, until that is true.
func poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
