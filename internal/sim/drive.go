package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// Pool is the kind of pool that calls services.
type Pool = workerpool.Pool[int, struct{}]

// NewPool returns a pool whose jobs call the service, and whose results nobody reads. It is
// as large as opts say.
func (sc *Scenario) NewPool(service *Service, opts ...workerpool.Option) (*Pool, error) {
	call := func(ctx context.Context, _ int) (struct{}, error) {
		err := service.Call(ctx)
		if errors.Is(err, ErrOverloaded) {
			err = workerpool.RetryAfter(err, sc.RetryAfter)
		}
		return struct{}{}, err
	}
	own := []workerpool.Option{workerpool.WithoutResults(), workerpool.WithTiming(), workerpool.WithBuffer(4)}
	if sc.Timeout > 0 {
		own = append(own, workerpool.WithJobTimeout(sc.Timeout))
	}
	return workerpool.New(call, append(own, opts...)...)
}

// Run has the pools of a scenario work as much as they can for d, and returns what was seen
// in each second. The size is that of all pools together. started is called with each pool
// before its first job, and what it returns when time is up.
func (sc *Scenario) Run(seed uint64, d time.Duration, workers int, started func(*Pool) (stop func(), err error)) (samples []Sample, err error) {
	service := sc.Service()
	service.Seed = seed
	service.Start()
	pools := make([]*Pool, max(1, sc.Pools))
	var submitters sync.WaitGroup
	defer submitters.Wait()
	for i := range pools {
		if pools[i], err = sc.NewPool(service, workerpool.WithWorkers(workers)); err != nil {
			return nil, err
		}
		defer pools[i].Stop()
		stop, err := started(pools[i])
		if err != nil {
			return nil, err
		}
		defer stop()
		submitters.Go(func() { submit(pools[i]) })
	}
	size := func() (n int) {
		for _, p := range pools {
			n += p.Stats().Workers
		}
		return n
	}
	return service.Watch(context.Background(), d, size), nil
}

// submit gives a pool jobs until it is stopped.
func submit(p *Pool) {
	for n := 0; p.Submit(context.Background(), n) == nil; n++ {
	}
}
