package scenarios

import (
	"context"
	"sync"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

// Work is what the jobs of a scenario do.
type Work int

// The kinds of work. All of them return the job.
const (
	Noop          Work = iota // nothing
	CPU1us                    // compute for 1 µs
	CPU100us                  // compute for 100 µs
	Sleep10ms                 // wait for 10 ms
	Sleep100us                // wait for 100 µs
	Mixed                     // every hundredth waits for 1 ms, the others do nothing
	Occasional5ms             // every fiftieth waits for 5 ms, the others for 100 µs
)

// Func returns the function that does it.
func (w Work) Func() contenders.Func {
	switch w {
	case CPU1us:
		return computes(time.Microsecond)
	case CPU100us:
		return computes(100 * time.Microsecond)
	case Sleep10ms:
		return sleeps(10*time.Millisecond, 1, 10*time.Millisecond)
	case Sleep100us:
		return sleeps(100*time.Microsecond, 1, 100*time.Microsecond)
	case Mixed:
		return sleeps(0, 100, time.Millisecond)
	case Occasional5ms:
		return sleeps(100*time.Microsecond, 50, 5*time.Millisecond)
	default:
		return func(_ context.Context, job int) (int, error) { return job, nil }
	}
}

// sleeps is for jobs that wait, one in n for another time than the others.
func sleeps(most time.Duration, n int, one time.Duration) contenders.Func {
	return func(_ context.Context, job int) (int, error) {
		d := most
		if job%n == n/2 {
			d = one
		}
		if d > 0 {
			time.Sleep(d)
		}
		return job, nil
	}
}

// computes is for jobs that keep a processor busy. They do not look at the clock, which
// would take a good part of the time, and might be cheaper for one contender than for
// another; how often they go round is found out once for the process.
func computes(d time.Duration) contenders.Func {
	turns := int(float64(d.Nanoseconds()) * turnsPerNs())
	return func(_ context.Context, job int) (int, error) {
		if spin(turns) == 0 { // which it never is
			return -1, nil
		}
		return job, nil
	}
}

// spin does so many steps of a generator of random numbers. Each needs the one before, so
// that the time they take adds up.
func spin(turns int) uint64 {
	x := uint64(88172645463325252)
	for range turns {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

var turnsPerNs = sync.OnceValue(func() float64 {
	const turns = 200_000
	best := time.Duration(1<<63 - 1)
	for range 20 {
		start := time.Now()
		if spin(turns) == 0 {
			panic("the generator of random numbers has stopped")
		}
		best = min(best, time.Since(start))
	}
	return turns / float64(best.Nanoseconds())
})
