package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// Storm is more jobs than a quota allows, all at once, each of them tried until it succeeds.
type Storm struct {
	Jobs       int
	Workers    int
	Quota      Steps // calls a second
	Burst      float64
	Seed       uint64
	RetryAfter time.Duration // what the service says; 0 or less: the pool is not told
	Jitter     time.Duration // each call takes from 0 to so long to get to the service
	// Started, if it is not nil, is called with the pool before the first job, and what it
	// returns after the last.
	Started func(*Pool) (stop func(), err error)
}

// Weathered is what became of a storm.
type Weathered struct {
	Took    time.Duration
	Samples []Sample
	Tally
}

// Used returns the share of what the quota allowed that was used.
func (s *Storm) Used(w *Weathered) float64 {
	return float64(w.Done) / (s.Burst + s.Quota.Mean(0, w.Took)*w.Took.Seconds())
}

// Rejected returns the share of the calls that were turned away.
func (w *Weathered) Rejected() float64 { return float64(w.Turned) / float64(max(1, w.Came)) }

// service is an API with the quota.
func (s *Storm) service() *Service {
	service := &Service{
		Work: Around(100*time.Millisecond, 0.3), Quota: s.Quota, Burst: s.Burst,
		Refusal: 5 * time.Millisecond, Seed: s.Seed,
	}
	if s.Jitter > 0 {
		service.Jitter = func(r *rand.Rand) time.Duration { return time.Duration(r.Float64() * float64(s.Jitter)) }
	}
	return service
}

// Run has a pool do all jobs. It fails unless there is one result of each, a success.
func (s *Storm) Run(ctx context.Context, opts ...workerpool.Option) (*Weathered, error) {
	service := s.service()
	service.Start()
	call := func(ctx context.Context, _ int) (struct{}, error) {
		err := service.Call(ctx)
		if errors.Is(err, ErrOverloaded) && s.RetryAfter > 0 {
			err = workerpool.RetryAfter(err, s.RetryAfter)
		}
		return struct{}{}, err
	}
	opts = append([]workerpool.Option{workerpool.WithWorkers(s.Workers), workerpool.WithRetry(s.policy())}, opts...)
	pool, err := workerpool.New(call, opts...)
	if err != nil {
		return nil, err
	}
	defer pool.Stop()
	if s.Started != nil {
		stop, err := s.Started(pool)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	w := &Weathered{}
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { w.Samples = service.Watch(watching, time.Hour, func() int { return s.Workers }) })
	results, err := pool.Collect(ctx, upTo(s.Jobs))
	w.Took, w.Tally = time.Since(service.began), service.Tally()
	stop()
	watch.Wait()
	return w, errors.Join(err, oneEach(results, s.Jobs))
}

// policy tries again for as long as it takes, after a wait that doubles up to 2 s, with full
// jitter, as clients do that are told nothing. With a hint there is no need for one.
func (s *Storm) policy() workerpool.RetryPolicy {
	if s.RetryAfter > 0 {
		return func(int, error) (time.Duration, bool) { return 0, true }
	}
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(s.Seed, 0xbac0ff)) //nolint:gosec // of a model
	return func(attempt int, _ error) (time.Duration, bool) {
		mu.Lock()
		defer mu.Unlock()
		most := min(2*time.Second, 100*time.Millisecond<<min(attempt, 10))
		return time.Duration(r.Float64() * float64(most)), true
	}
}

func upTo(n int) []int {
	jobs := make([]int, n)
	for i := range jobs {
		jobs[i] = i
	}
	return jobs
}

// oneEach returns an error unless there is one success for each job.
func oneEach(results []workerpool.Result[int, struct{}], jobs int) error {
	if len(results) != jobs {
		return fmt.Errorf("sim: %d results of %d jobs", len(results), jobs)
	}
	for i, r := range results {
		if r.Job != i || r.Err != nil {
			return fmt.Errorf("sim: result %d is of job %d: %w", i, r.Job, r.Err)
		}
	}
	return nil
}

// Told is a limiter that knows the quota: a token bucket, as that of golang.org/x/time/rate.
type Told struct {
	rate, burst float64

	mu    sync.Mutex
	began time.Time
	owed  float64 // tokens that were taken, with those that are yet to come
}

// NewTold returns one that lets so many calls a second start, and so many at once.
func NewTold(rate, burst float64) *Told { return &Told{rate: rate, burst: burst, began: time.Now()} }

// Wait blocks until a call may start, or ctx ends.
func (l *Told) Wait(ctx context.Context) error { return sleep(ctx, l.reserve()) }

func (l *Told) reserve() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	made := time.Since(l.began).Seconds() * l.rate
	l.owed = max(l.owed, made-l.burst) + 1
	return time.Duration(math.Ceil((l.owed - made) / l.rate * float64(time.Second)))
}
