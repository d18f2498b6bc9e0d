package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

// latency is the time of one job at a pool that has nothing else to do, until its result is
// there.
func (s *session) latency(c contenders.Contender) entry {
	const warm = 20
	n := 300
	if s.quick {
		n = 5
	}
	return entry{
		group: "latency",
		name:  fmt.Sprintf("BenchmarkLatency/group=%s/lib=%s", c.Group, c.Name),
		measure: func(ctx context.Context, _ int) (m measurement, err error) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			x, err := c.Open(ctx, contenders.Setting{Servers: s.servers, Workers: 8, Dir: s.dir, Calls: true})
			if err != nil {
				return m, err
			}
			defer func() {
				if e := x.Close(); err == nil {
					err = e
				}
			}()
			var took []time.Duration
			for i := range warm + n {
				begin := time.Now()
				value, err := x.Call(ctx, i)
				if err != nil {
					return m, err
				}
				if value != 2*i {
					return m, fmt.Errorf("the result of %d is %d", i, value)
				}
				if i >= warm {
					took = append(took, time.Since(begin))
				}
			}
			slices.Sort(took)
			at := func(percent int) float64 { return float64(took[min(n*percent/100, n-1)]) }
			return measurement{n, []metric{{at(50), "p50-ns"}, {at(99), "p99-ns"}}}, nil
		},
	}
}
