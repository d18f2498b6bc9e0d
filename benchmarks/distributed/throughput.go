package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

// way is how jobs are submitted.
type way struct {
	name       string
	goroutines int // 0: many jobs at once, in the contender's own way
	workers    []int
}

func ways() []way {
	return []way{{"batch", 0, []int{1, 8, 64, 1000}}, {"submit64", 64, []int{1, 8, 64}}, {"submit1", 1, []int{64}}}
}

const (
	fewJobs  = 64     // to begin with, and in a quick run
	mostJobs = 60_000 // fewer than natspool has places for
)

// throughput is jobs a second, from the first that is submitted to the last that is done.
type throughput struct {
	s       *session
	c       contenders.Contender
	way     way
	workers int
	jobs    int
}

func (s *session) throughputs(c contenders.Contender) (list []entry) {
	for _, w := range ways() {
		if w.goroutines == 0 && c.Batch == "" {
			continue
		}
		for _, workers := range w.workers {
			t := &throughput{s, c, w, workers, fewJobs}
			list = append(list, entry{
				group:   fmt.Sprintf("throughput %s %s %d", c.Group, w.name, workers),
				name:    fmt.Sprintf("BenchmarkThroughput/group=%s/lib=%s/way=%s/workers=%d", c.Group, c.Name, w.name, workers),
				measure: t.measure, prepare: t.prepare,
			})
		}
	}
	return list
}

// prepare finds out how many jobs take about the time that is wanted.
func (t *throughput) prepare(ctx context.Context) error {
	if t.s.quick {
		return nil
	}
	lasting := t.s.lasting * time.Duration(max(1, t.c.Long))
	for {
		took, err := t.best(ctx)
		if err != nil {
			return err
		}
		if t.jobs == mostJobs || took >= lasting/4 {
			t.jobs = min(mostJobs, int(float64(t.jobs)*lasting.Seconds()/took.Seconds()))
			return nil
		}
		t.jobs = min(mostJobs, 6*t.jobs)
	}
}

// best is the shorter of two measurements: what disturbs one must not make all later ones short.
func (t *throughput) best(ctx context.Context) (time.Duration, error) {
	first, err := t.once(ctx)
	if err != nil {
		return 0, err
	}
	second, err := t.once(ctx)
	return min(first, second), err
}

func (t *throughput) measure(ctx context.Context, _ int) (measurement, error) {
	took, err := t.once(ctx)
	return measurement{t.jobs, []metric{{float64(t.jobs) / took.Seconds(), "jobs/s"}}}, err
}

// once does all jobs, after one of which nobody takes the time: with it everything is set up.
func (t *throughput) once(ctx context.Context) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	x, err := t.c.Open(ctx, contenders.Setting{Servers: t.s.servers, Workers: t.workers, Dir: t.s.dir})
	if err != nil {
		return 0, err
	}
	defer func() {
		if e := x.Close(); err == nil {
			err = e
		}
	}()
	if err := x.Submit(ctx, 0); err != nil {
		return 0, err
	}
	if err := x.Await(ctx, 1); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := submit(ctx, x, t.way, t.jobs); err != nil {
		return 0, err
	}
	err = x.Await(ctx, 1+t.jobs)
	return time.Since(begin), err
}

// submit stores n jobs.
func submit(ctx context.Context, x contenders.Session, w way, n int) error {
	if w.goroutines == 0 {
		return x.SubmitAll(ctx, n)
	}
	var g errgroup.Group
	for i := range w.goroutines {
		g.Go(func() error {
			for job := i; job < n; job += w.goroutines {
				if err := x.Submit(ctx, job); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
