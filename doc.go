// Package workerpool runs many jobs, a fixed number at once, and hands back the
// outcome of every job exactly once.
//
// A [Pool] owns a bounded channel of jobs, a fixed set of workers and a channel of
// results. Jobs are values of a type T, and one function, given when the pool is
// made, turns each into a value of a type R or an error:
//
//	pool, err := workerpool.New(fetch, workerpool.WithWorkers(8), workerpool.WithContext(ctx))
//	if err != nil {
//		return err
//	}
//	defer pool.Stop() // cleans up after a return in the loop
//	go func() {
//		defer pool.Close() // ends the range below, when all jobs are done
//		for _, url := range urls {
//			if pool.Submit(ctx, url) != nil {
//				return // ctx has ended: the range below ends too
//			}
//		}
//	}()
//	for r := range pool.Results() {
//		fmt.Println(r.Job, r.Value, r.Err)
//	}
//	return context.Cause(ctx) // nil, unless the batch was cut short
//
// ctx is there twice: [WithContext] is for the jobs, and Submit's is for the
// submitter, who may have to wait for a place.
//
// There are three ways to a result. [Pool.Submit] queues a job, and its [Result] comes
// on [Pool.Results], for whoever reads that. [Pool.Do] runs a job and returns its
// outcome to the one who called it; that is for handlers which share a pool. And where
// the jobs are a slice or a sequence, one call runs them all:
//
//	pages, err := workerpool.Map(ctx, urls, fetch, workerpool.WithWorkers(8))
//
// # Many jobs at once
//
// [Map] returns the values in the order of the jobs, and ends with the first error;
// [ForEach] is Map without values. [Collect] goes on after errors, and returns a Result
// for each job. [Stream] is for jobs that come one by one from a sequence, which may be
// endless: its results come in the order of the jobs, and [StreamUnordered] has them as
// they are ready. Each is there as a function, with a pool of its own for as long as it
// lasts, and but for ForEach as a method of a [Pool] that is shared with others.
//
// On a shared pool all callers together stay within its workers, and take turns: after
// some 20 µs, or one job where that takes longer, a worker goes on with whatever has
// waited longest in the queue. So a small call is not starved by a huge one.
//
// Jobs that turn out to be short are run several in a row, by one worker, in chunks that take
// some 20 µs: so a job that does next to nothing costs a few ns. The first jobs are run one by
// one, and so are those that take longer. Where a long job is in a chunk of short ones, what is
// behind it in the chunk waits for that one job, and then goes to other workers, in chunks
// where there may be another long one in front; and a stream has the results of those before it
// when it ends. This asks one thing of the jobs: those of one call must not wait for each
// other, nor for what becomes of the results of others, since they may be in one chunk.
//
// A call takes some 15 µs by itself, with a pool of its own, and some 2 µs on a pool that is
// there.
//
// # Choosing the numbers
//
// [WithWorkers] is how many jobs run at once. Jobs that compute want as many as there
// are processors, which is the default. Jobs that wait for a network, a disk or a
// database want as many as the other side can handle at once, often far more or far
// fewer: set it. A job that sleeps keeps its worker; one that waits for its next attempt
// ([WithRetry]) does not.
//
// [WithBuffer] is how many more may wait. A small buffer evens out bursts. A large one
// only makes jobs wait where their submitters would have, and there is more to be
// finished or given up when the pool ends.
//
// # What is downstream
//
// A bound on concurrency alone does not protect an API that others use too. Three options and
// one error do. A pool without them pays nothing for them but a look into the error of a job
// that has one.
//
//   - [WithLimiter] has each attempt wait for a limiter: a rate that you were told.
//   - [WithRetry] calls Func again after an error, as its [RetryPolicy] says, and
//     [WithRetryBudget] keeps an outage from being multiplied by that. A job that waits for its
//     next attempt holds no worker, as long as there are no more of them than places in the
//     queue. [Permanent] marks an error that no attempt will cure.
//   - [RetryAfter], returned by a job, pauses the whole pool until the time that the other side
//     has named, and then lets one job try first. It takes no option. Without WithRetry the
//     job's error is its result. It obeys the other side, but does not find its limit: with too
//     many workers each success of the first lets all start again. So combine it with a limiter,
//     or have the number of workers found.
//
// In package retry, Backoff is a policy with full jitter, and AfterResponse makes a RetryAfter
// of an HTTP response with 429 or 503. (An open circuit breaker is RetryAfter where the work has
// to be done in the end, and Permanent where somebody waits: see examples/policies.) Package
// autotune finds the rate, and the number of workers, for those who were told neither.
//
// One pool belongs to one downstream: a 429 of one host pauses all jobs of the pool, and a
// limiter counts all of them. For several hosts make several pools; they may share a limiter.
//
// # When something simpler is better
//
// A loop, where the jobs are few or fast: a job costs 0.1 to 0.3 µs through Submit and 1 to
// 2 µs through Do. A goroutine for each and a [sync.WaitGroup], where all may run at
// once. Package errgroup of golang.org/x/sync for the first error of some different
// functions. One goroutine and a channel for work in the background that need not be
// parallel. A queue in a database or a broker for jobs that have to outlive the process.
//
// # Guarantees
//
// Each has tests whose names bear its number.
//
//   - G1 One result. Every accepted job has exactly one Result, whatever happens to it: it
//     returns, fails, panics, calls [runtime.Goexit], times out, or is cancelled before it ran,
//     or between two attempts. Delivered results plus those that Stop returns are the accepted
//     jobs. A job is accepted when Submit or TrySubmit returned nil for it, or when Do or TryDo
//     returned anything but a refusal. (The outcome of a Do whose caller has left counts as
//     delivered, and so do those of a Map that has failed, and of a stream whose range was
//     left. A bulk call accepts a job when it takes it from its input. Whether a Do that says
//     ErrNotRun was refused because its context ended, or accepted and taken back, makes no
//     difference but in Stats.)
//   - G2 Bound. No more than Workers calls of Func run at once, over all callers
//     together. A Func that waits inside a call to its own pool lends its place to the
//     job it waits for, and does not count meanwhile. (If Func goes on working while
//     goroutines of its own wait inside such calls, it works beside the job in its
//     place: let it wait for them. Jobs of a bulk call that run one after the other in a
//     chunk are as one Func in this: a goroutine that one of them leaves behind may have
//     the place while the next one works.) Of fewer workers by Resize, those without a
//     job leave at once, the others as their jobs end.
//   - G3 Backpressure. No more than Buffer jobs wait in the queue, and no more than
//     Buffer results, with one more in the hand of each worker, for a reader; then
//     submitters wait. A stream has no more than a window of 16 x (Workers + Buffer)
//     jobs between its input and its range. No more than Buffer jobs wait without a
//     worker for their next attempt. No other buffer grows without bound. (Jobs
//     that nest cost a waiting goroutine for each level. When the queue is full that may
//     be as many levels as there are: where a job submits one which submits one, and so
//     on, bound how many are inside Submit, as examples/crawl does.)
//   - G4 Any order of calls. All methods may be called from any goroutine, in any
//     order, any number of times, at once, and from inside a job. Nothing panics.
//     After Close everything that submits returns ErrClosed, or the error of its own
//     context if that has ended. A job that waits for its own pool waits for itself
//     only if it hides who it is: by Stop, which takes no context, or by Wait,
//     Shutdown, Submit, Do or a bulk call with a context that is not its own.
//   - G5 No leak. When Stop has returned, or Results was read to its end, no goroutine,
//     timer or context of the pool is left. When a bulk call has returned, or the range
//     over a stream has ended, however it has, nothing of that is. After a cancellation
//     workers leave without waiting for a reader (save one that was about to send just
//     then). Results read to its end is complete, always; it ends when the last Func
//     that runs has returned. What nobody reads comes from Stop.
//   - G6 Cancellation. When the pool is cancelled, running jobs see their context
//     end with that cause; jobs in the queue do not run, their error wraps ErrNotRun
//     and the cause, and their Attempts are 0. Those that wait for their next attempt have
//     no more, and the error of the last beside the cause. A job's own error that is a context's
//     error is just that job's error. A Do or a bulk call whose context ends takes back
//     only its own jobs.
//   - G7 Isolation. A panic or Goexit in a job, in a hook, a limiter, a retry policy or the
//     input of a stream harms nothing else: the worker lives, or is replaced, and the size of
//     the pool stays.
//   - G8 Order. Jobs leave the queue in the order in which they entered it, and in a pool of
//     one worker they run in it; for its next attempt a job that has left its worker enters it
//     again. A job that runs in the place of its submitter (G10) overtakes, and jobs that are
//     taken while Resize makes a pool one of one worker may change places. Bulk calls take
//     turns with all else. Their own jobs begin in the order of their input where there is one
//     worker; Map, Collect and Stream give results in that order always.
//   - G9 Memory model. Submit happens before the call of Func for that job, and the
//     return of Func before its Result is received.
//   - G10 Jobs may submit jobs. A job that calls its own pool, with the context it was
//     given, never waits for a place: where it would have to (Submit when the queue is
//     full; Do and bulk calls always) its place is lent to the new job, which runs on a
//     goroutine of its own. A job has one place; several of its goroutines that need it
//     take turns. This works through other pools too: a job of A may call B, whose job
//     calls A. (Two such chains that enter from opposite ends can wait for each other,
//     as two locks taken in opposite orders do: let pools call in one direction, or
//     bound the calls by a deadline.) After Func has returned, calls with its context
//     wait for a place like any other; one that was waiting its turn then waits for it
//     first. (Whether that context is cancelled is not promised.)
//   - G11 Nothing kept. Once a Result is delivered the pool holds no reference to the
//     job or its value; of a stream's, once the range has had all that was in its chunk.
//   - G12 Testable. A pool works inside a bubble of testing/synctest, in one bubble
//     after another. The package has no goroutine, channel or timer of its own, and
//     holds no mutex while it waits or calls Func.
//
// # Blocking
//
// Submit and Do wait while the queue is full. That ends when a worker takes a job, so
// it takes a reader of Results as soon as those are full too (Do's own outcome does
// not go there). Two programs that hang, and their cures:
//
// A program that submits everything and then reads stops at the first job that
// does not fit. Submit from a goroutine of its own, as above.
//
// A crawler whose only reader of Results submits the links that it finds stops when
// the queue and the results are full: the reader waits for a place, and the workers
// for a reader. Submit from inside the jobs instead, with their contexts (G10), and
// let the reader only read. Such a Submit into a full queue, once it has its turn,
// returns when the new job is finished and its result is on Results; its context does
// not cut that short. The job's time goes on meanwhile: under [WithJobTimeout] submit
// with [context.WithoutCancel] of its context, or what it finds late is refused.
//
// When the context of a Submit ends while it waits, its error says what it waited
// for: queue full (128 waiting, 4 running, 128 results unread). So give a Submit that
// might hang a context with a deadline.
//
// # Errors and panics
//
//	switch {
//	case err == nil: // ran, and returned no error
//	case errors.Is(err, workerpool.ErrFull): // TrySubmit, TryDo: not accepted
//	case errors.Is(err, workerpool.ErrClosed): // not accepted
//	case errors.Is(err, workerpool.ErrNotRun): // never ran
//	case errors.Is(err, workerpool.ErrGoexit): // called runtime.Goexit
//	case errors.Is(err, workerpool.ErrJobTimeout): // see WithJobTimeout
//	case errors.As(err, &panicked): // a *PanicError: its value and its stack
//	default: // what Func returned; or the caller's own context has ended
//	}
//
// Where the difference matters, ask first whether the caller's own context has ended:
// ErrClosed and ErrNotRun may wrap a context's error too.
//
// What Func returns is passed on unchanged (but see [WithJobTimeout]); the last error of a job
// that had several attempts comes in a [*RetryError]. A Func that
// returns the error of another pool, or of its own, thus has an outcome that looks like
// one of this pool; where that matters, Attempts in its Result tells whether it ran.
//
// A panic of a job is captured, with its stack, as the error of that one job, at once.
// Where nobody is there to receive it, since the caller of a Do has left before, another job
// of the same Map has failed, the range over a stream was left, or the pool is one
// WithoutResults, it is logged by [slog.Error], unless a hook Done has seen it. The job is not
// over until the log's handler has returned, which therefore must not wait for the pool. Errors of
// the pool that come from a context wrap both its Err and its [context.Cause]. No
// error text of the pool contains a job.
//
// # Ending a pool
//
// Whatever ends it, nothing more is accepted. What becomes of the jobs it has:
//
//	                    in the queue   running      unread results    returns
//	Close               run            finish       stay on Results   at once
//	Shutdown            run            finish       stay on Results   when all are finished
//	Shutdown, too late  ErrNotRun      cancelled    stay on Results   at once, a *ShutdownError
//	Stop                ErrNotRun      cancelled    returned by it    when the running have returned
//	context cancelled   ErrNotRun      cancelled    stay on Results
//
// Shutdown is too late when its context ends before all jobs are finished; the context
// in the last row is that of [WithContext]. [Pool.Wait] ends nothing: it waits until
// every accepted job is finished. It and Shutdown take a reader when there are more
// results than Results has room for.
//
// Batch code says defer pool.Stop(), which also cleans up after an early return. A
// service calls Shutdown with a deadline, and does not defer Stop, which waits for
// every Func that runs, however long. The same holds for reading Results to the end
// after a Shutdown whose deadline has passed: a Func that does not watch its context
// keeps it open.
//
// After Close, jobs that submit jobs are refused too: Wait first, then Shutdown. A
// server shuts down its listeners first, which waits for the handlers and so for
// their Do, and then the pool, each with a deadline of its own, and then once more the
// handlers whose jobs the pool has cancelled. A job that Submit refuses is its caller's
// again: a program that accounts for each, as a consumer of messages, has to keep it,
// since no Result will come. The examples have a whole service and a whole consumer.
//
// A pool that is dropped keeps its goroutines; a cancelled one just the one that
// offers its results.
//
// # Looking at a pool
//
// [Pool.Stats] says what a pool is doing and has done. [WithTiming] adds what takes readings of
// the clock: how long jobs wait and run, the age of the oldest one in the queue, and, by
// [Pool.Running], what runs now. [WithHooks] calls functions as things happen. Every pool is an
// [Inspector], so that whatever looks at pools needs no type parameters:
//
//   - package livepage has a page for a browser, and for curl;
//   - package poollog writes to a log: jobs, progress, and jobs that are stuck;
//   - the modules prompool and otelpool have metrics for Prometheus and OpenTelemetry, and spans;
//   - expvar.Publish("name", expvar.Func(func() any { return pool.Stats() })) is all that
//     /debug/vars takes.
//
// With [WithName] the workers of a pool have the label workerpool in profiles, which then
// tell one pool's time from another's. (A job of Do or of a bulk call that sets labels, as
// pprof.Do does, leaves its worker with those of its caller's context.) While a trace of
// runtime/trace is being taken, each job is a task in it, with a region while Func has it. The
// task of a Do begins with the call. A worker that is busy notices a trace late, but within
// 216 jobs.
//
// A pool that nobody looks at pays next to nothing for all that.
//
// # Testing
//
// In a synctest bubble everything a pool does is exact: after synctest.Wait the
// workers have taken what there is to take, [Pool.Stats] is exact, and time-outs
// take no time. Make the pool inside the bubble, and end it there (a channel of another
// bubble, or of none, ends the test binary):
//
//	synctest.Test(t, func(t *testing.T) {
//		pool, err := workerpool.New(work, workerpool.WithWorkers(2))
//		if err != nil {
//			t.Fatal(err)
//		}
//		defer pool.Stop()
//		for _, job := range jobs {
//			if err := pool.TrySubmit(job); err != nil {
//				t.Fatal(err)
//			}
//		}
//		synctest.Wait()
//		if s := pool.Stats(); s.Busy != 2 || s.Queued != len(jobs)-2 {
//			t.Errorf("%+v", s)
//		}
//	})
package workerpool
