package workerpool

import "context"

// Func does one job. It is called once for each job (WithRetry has it called again after an
// error), on a goroutine of the pool, by as many goroutines at once as the pool has workers.
//
// Its context is the one the job runs under, see [Pool.Submit] and [Pool.Do].
// When it is cancelled Func should return soon: nothing else ends it. Passing the
// context on to a call of the same pool lets that call run in this job's place,
// so that jobs may submit jobs without waiting for each other (guarantee G10). It is
// for as long as Func runs; whether it is cancelled afterwards is not promised.
//
// Func may return, panic or call [runtime.Goexit]; each is an outcome of that one
// job, and harms no other.
type Func[T, R any] func(ctx context.Context, job T) (R, error)

// Result is the outcome of one job.
type Result[T, R any] struct {
	// Job is the job as it was submitted.
	Job T
	// Value is what Func returned. It means something when Err is nil; beside an
	// error it is whatever Func returned beside it.
	Value R
	// Err is the error that Func returned, or a *PanicError when it panicked,
	// ErrGoexit when it called runtime.Goexit, and an error that wraps ErrNotRun
	// when the pool was stopped before the job's turn came, or its limiter failed. After
	// several attempts it is a *RetryError with that of the last.
	Err error
	// Attempts is how often Func was called for the job: 0 when it never ran,
	// and above 1 after retries (see WithRetry).
	Attempts int
}
