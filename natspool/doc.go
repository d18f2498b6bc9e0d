// Package natspool is the pool of package workerpool beyond one process: the same function, the
// same verbs, with the queue and the results kept on a NATS server with JetStream. The server
// may run inside the process (package natsembed), be one program beside it, or a cluster.
//
// What changes is the constructor:
//
//	p, err := workerpool.New(resize, workerpool.WithWorkers(8))
//	p, err := natspool.New(ctx, "resize", resize, natspool.WithWorkers(8), natspool.WithServer(server))
//
// # What it is for
//
// For work that must outlive the process which asked for it, or that takes more than one machine.
// A job costs some 50 µs here and half a millisecond until its result is back, where a pool in
// the process takes a quarter of a microsecond: what needs neither stays there. Where jobs must
// be stored in the same transaction as rows of your own Postgres, use River
// (github.com/riverqueue/river): no queue beside the database can do that.
//
// # Words
//
// A pool has a name; all who use the name on one server share its queue. [New] makes a pool
// that submits, works and reads results, [NewClient] one that does not work. A mailbox is where
// the results of those who submit with it go ("main" unless [WithMailbox] says otherwise); what
// Close, Wait and Results say of "all jobs" is of those of the mailbox. A job has an id, which
// the caller may give ([ID]). A lease is how long the server waits for a sign of life of whoever
// has a job. A dead letter is a job that failed for good.
//
// # What else changes when you move
//
//   - Jobs and values cross a network as JSON, or as [WithCodec] has it: unexported fields,
//     functions and what an interface held are lost, and a T of an older process may read a newer
//     one's job as something else. [New] says more.
//   - There is no Map, Collect, Stream, Resize, hook or retry budget. Submit takes options, so an
//     interface with Submit(context.Context, T) error needs a method around it.
//   - Errors are text with a few known ones: see [RemoteError]. There is no workerpool.RetryError;
//     Attempts is in the result.
//   - A job that submits jobs gets [workerpool.ErrFull] where there is no place, and their results
//     go to the mailbox of the pool it calls, not to that of who submitted the job.
//   - Settings of the queue are stored with it, so all processes need the same ones. To change
//     one, wait until Queue shows nothing Stored or Delayed, and nothing Unread in any mailbox;
//     then have all processes Leave, and delete the streams with the nats tool: they are called
//     WP_<pool>_JOBS, _DELAYED, _RESULTS, _DEAD and _NOTES. See to dead letters before. Rather
//     that than to edit streams: WithLease and WithMaxInFlight are settings of their consumers too.
//
// A service stops taking requests first, then calls Leave: a Do whose job was given back does
// not learn its outcome.
//
// # Promises
//
// Each has a test whose name bears its number.
//
//   - P1 Stored. When Submit, TrySubmit and SubmitAll return nil, the server has the job: it
//     survives the end of any process, that of the server included. What a loss of power can cost
//     is said below.
//   - P2 Run at least once. A stored job is run until an attempt of it has ended and the server
//     has the outcome. It may be run again after that of its process, of the server or of the
//     connection has failed in between; never because it takes long. If a limiter returns an
//     error, the job ends with that instead: see [WithLimiter].
//   - P3 One result. Each job id has exactly one visible Result in its mailbox, for as long as
//     the result is kept ([WithKeepResults]), though the job may have been run twice: the first
//     that is stored counts. One process that reads sees it once. When a reader ends, another
//     one may see again those that it had not acknowledged.
//   - P4 Bounds. The queue holds no more than [WithCapacity]; a full one makes Submit wait and
//     TrySubmit fail. All processes hold no more than [WithMaxInFlight] jobs, each no more than
//     its workers, its prefetch, and once more its workers for delayed jobs and one for each
//     partition. When nobody reads results, no more than [WithResultCapacity] are stored, and
//     work stops until somebody does.
//   - P5 Nothing is dropped. Every stored job ends as a result, with a value or with an error;
//     one that failed for good, or that nobody could decode, or whose result was too large, is
//     a dead letter too. No limit of age or of number makes the server throw any of it away.
//   - P6 Same id, same job. While a job with the [ID] is in the queue, or its result is kept,
//     Submit stores no other, and says [ErrDuplicate].
//   - P7 Attempts. Failed attempts are counted over all processes and restarts; being handed
//     back, by Leave, Stop or the end of a process, is none. A job that ends its process
//     again and again becomes a dead letter after [WithMaxCrashes] such ends and one; jobs that
//     were beside it don't. A crash of the server may forget failures of its last moment.
//   - P8 Order. Jobs with one [Key] run one at a time, over all processes, in the order in which
//     they were submitted, retries included. When a worker is cut off for longer than a
//     lease, or the server is killed, a run may be repeated beside another or the next.
//   - P9 Not early. A delayed job does not run before its time.
//   - P10 Ends. Leave, Stop, Shutdown and the end of a process lose nothing that was stored.
//
// # Loss of power
//
// The server acknowledges what the operating system has. Of an embedded server that is forced
// to disk each second, or as its option SyncEvery says: when the machine loses power,
// up to that much of what was acknowledged may be gone, jobs and results. With its option
// SyncAlways nothing is, at a tenth of the throughput. A NATS server that runs by itself has
// two minutes unless its sync_interval says otherwise. [WithReplicas] of 3 keeps what was
// acknowledged when one of three machines loses power, but not when all do at once.
//
// # What it does not promise
//
// That a job is run only once. That jobs without a key are run in order. That a value of the
// caller's context is seen by the job: it runs under that of the pool. That the error of a job
// keeps its type: see [RemoteError]. That a job that a worker was cut off from has stopped
// there: its context ends, with [ErrLeaseLost], as soon as the process notices.
//
// # What the guarantees of package workerpool become
//
// G1 is P3. G2 holds in each process; over all, [WithMaxInFlight] bounds what is held. G3 is
// P4. G4 holds; TrySubmit takes as long as the server does to answer, [WithTryTimeout] at most.
// G5 holds. G6: a job that Stop interrupts is not failed but given back. G7 holds. G8 is P8. G9
// is that of the network. G10: a job may submit jobs, and gets [workerpool.ErrFull] instead of
// waiting; a Do inside a job of the same pool returns [ErrInsideJob]. G11 holds in the process.
// G12 does not: sockets don't work in a bubble. Have the function tested with a pool in the
// process, and this package by an embedded server in memory.
package natspool
