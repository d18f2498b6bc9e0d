package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

// Two processes of so many workers have so many jobs, of which each takes so long.
const (
	recoveryWorkers = 4
	recoveryWork    = 50 * time.Millisecond
	recoveryJobs    = 320
)

// lookEvery is the longest time between two looks for jobs of the dead: that of asynq.
const lookEvery = time.Minute

// recoveries measures how long the jobs take when nobody dies, and for those who need seconds
// also when somebody does.
func (s *session) recoveries(c contenders.Contender) (list []entry) {
	if c.Recovery == "" {
		return nil
	}
	for _, kill := range []bool{false, true} {
		if kill && c.Name != contenders.Server {
			continue // these take minutes: see runKilled
		}
		list = append(list, entry{
			group: "recovery", name: recoveryName(c, kill),
			measure: func(ctx context.Context, _ int) (measurement, error) { return s.recovery(ctx, c, kill, 0, 0) },
		})
	}
	return list
}

func recoveryName(c contenders.Contender, kill bool) string {
	return fmt.Sprintf("BenchmarkRecovery/group=%s/lib=%s/kill=%v", c.Group, c.Name, kill)
}

// runKilled measures those who need minutes, all rounds at once: nearly all of it they wait.
// How long they do depends on when the worker dies between two looks for dead ones, so that the
// rounds are spread over the time between two looks.
func (s *session) runKilled(ctx context.Context, w io.Writer) error {
	if s.quick {
		return nil
	}
	type one struct {
		name string
		m    measurement
	}
	var all []*one
	g, ctx := errgroup.WithContext(ctx)
	for round := range s.rounds {
		for i, c := range s.contenders() {
			o := &one{name: recoveryName(c, true)}
			if c.Recovery == "" || c.Name == contenders.Server || !s.chosen.MatchString(o.name) {
				continue
			}
			all = append(all, o)
			g.Go(func() (err error) {
				// Not all at the same moment either.
				wait := lookEvery*time.Duration(round)/time.Duration(s.rounds) + time.Duration(i)*2*time.Second
				o.m, err = s.recovery(ctx, c, true, 1+round, wait)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	for _, o := range all {
		if _, err := io.WriteString(w, line(o.name, o.m)); err != nil {
			return err
		}
	}
	return nil
}

// recovery has two processes work, of which one may be killed when half of the jobs are done.
// They have waited for some time when the first job comes.
func (s *session) recovery(ctx context.Context, c contenders.Contender, kill bool, instance int, wait time.Duration) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	jobs := recoveryJobs
	if s.quick {
		jobs = 24
	}
	dir := filepath.Join(s.dir, fmt.Sprintf("recovery%d", instance))
	x, err := c.Open(ctx, contenders.Setting{Servers: s.servers, Dir: dir, Instance: instance, Recover: true})
	if err != nil {
		return m, err
	}
	var workers []*contenders.Process
	defer func() {
		for _, p := range workers {
			err = errors.Join(err, p.End())
		}
		err = errors.Join(err, x.Close())
	}()
	for range 2 {
		p, err := contenders.Start("work", c.Name, c.Group, x.Address(), strconv.Itoa(instance))
		if err != nil {
			return m, err
		}
		workers = append(workers, p)
		if _, err := p.Line(); err != nil {
			return m, err
		}
	}
	if err := sleep(ctx, wait); err != nil {
		return m, err
	}
	begin := time.Now()
	if err := submit(ctx, x, way{goroutines: 8}, jobs); err != nil {
		return m, err
	}
	if kill {
		if err := x.Await(ctx, jobs/2); err != nil {
			return m, err
		}
		// The one that came first: where one of several has duties for all, it is that one.
		if err := workers[0].Kill(); err != nil {
			return m, err
		}
		workers = workers[1:]
	}
	err = x.Await(ctx, jobs)
	return measurement{jobs, []metric{{time.Since(begin).Seconds(), "s"}}}, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// work is what a worker process does, until it is told to end.
func work(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("work: %d arguments", len(args))
	}
	c, ok := contenders.Find(args[0], args[1])
	if !ok {
		return fmt.Errorf("work: no contender %s of group %s", args[0], args[1])
	}
	instance, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	x, err := c.Open(ctx, contenders.Setting{
		Workers: recoveryWorkers, Work: recoveryWork, Address: args[2], Instance: instance, Recover: true,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Println("works"); err != nil {
		return errors.Join(err, x.Close())
	}
	<-ctx.Done()
	return x.Close()
}
