// Package conformance says once, as tests, what the verbs of a pool mean: Submit, TrySubmit,
// Do, Results, Close, Wait, Shutdown and Stop. The pool of package workerpool runs them, and
// so does one whose jobs cross a network.
//
// [Run] runs all of it for what a [Maker] makes. It wants nothing but these verbs, no bubble of
// testing/synctest and no clock of its own: it waits for events, and gives each a generous
// limit. Only where a wait is what is promised (the pause of a RetryAfter) it looks at the
// time, and then for no less than that.
//
// The jobs of the suite do not leave the process that runs it, though they may pass through a
// server outside: its handler knows what they are to do, and notes what it sees.
//
// # What is covered
//
// The guarantees are those of package workerpool; [Traits] says which of these
// statements holds for a pool.
//
//   - G1 One result: covered. In one process, delivered results plus those of Stop are the
//     accepted jobs. Between processes (Traits.Stores) Stop returns nil, and delivered plus
//     still stored are the accepted jobs: the next pool on the same storage delivers the rest,
//     once each. Attempts are counted as in one process as long as no process dies. Errors may
//     come as text (Traits.ErrorsAsText).
//   - G2 Bound: covered. Between processes it is the bound of each pool.
//   - G3 Backpressure: covered, but for the memory used. Between processes the queue is the
//     stored one, and a running job has its place there until it is finished;
//     see [Settings] and Traits.Holds.
//   - G4 Any order of calls: covered, with every row of the table in three states: open,
//     closed, and stopped. Between processes TrySubmit takes as long as Traits.TryWithin says.
//   - G5 No leak: covered, for the end by Stop, and where nothing is stored also for the end
//     of Results. What a connection shared by several pools needs is
//     exempted by Traits.Goroutines.
//   - G6 Cancellation: covered, for Stop, for a Shutdown whose context ends, for the context
//     of a Do, and for the job timeout. Between processes jobs in the queue of a
//     pool that was stopped stay stored instead of ErrNotRun, and one that was running runs
//     again. A caller's context crosses no network (Traits.DetachedDo): Do returns at
//     once all the same, and its job may still run.
//   - G7 Isolation: covered, for jobs, limiters and retry policies. Between processes it is the
//     same. A job that ends its process is beyond this suite.
//   - G8 Order: covered. Between processes it holds for the jobs of one key
//     (Traits.KeyedOrder), and for others, with one worker, unless Traits.Unordered.
//   - G9 Memory model: covered, with the race detector as the judge.
//   - G10 Jobs may submit jobs: covered. Between processes no place is lent: a call from inside
//     a job may be refused (Traits.NestedMayRefuse), but does not wait for a place.
//   - G11 Nothing kept: not covered; it is about the memory of one process.
//   - G12 Testable: not covered; a bubble ends at the first connection.
//
// Retries, [workerpool.Permanent] and [workerpool.RetryAfter] are under G1, what a limiter says
// is under G6 and G7. Bulk calls, TryDo, Resize, Stats and hooks are
// not verbs of every pool, and are tested where they are.
package conformance
