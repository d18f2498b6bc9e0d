package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/livepage"
	"github.com/boundedgo/workerpool/retry"
)

// load is how many jobs come in a second: least in the troughs and most at the peaks of a
// wave, of which there is one a minute.
type load struct{ least, most float64 }

func (l load) at(t time.Duration, speed float64) float64 {
	wave := (1 - math.Cos(2*math.Pi*t.Minutes()*speed)) / 2
	return l.least + (l.most-l.least)*wave
}

// job is what all the pools have for jobs: what it is about, and how long it takes.
type job struct {
	about string
	takes time.Duration
	err   error
}

// String is what the page shows of a job.
func (j job) String() string { return j.about }

// service is one of the pools.
type service struct {
	name    string
	workers int
	buffer  int
	reads   bool // somebody reads its results
	load    load
	next    func(n int) job
	quota   int // of jobs in a second, or 0 if there is none
}

var services = []service{
	// 4 workers at 40 ms are 100 jobs/s. The peaks are more.
	{"thumbnails", 4, 200, true, load{40, 150}, func(n int) job {
		return job{about: fmt.Sprintf("photo-%04d.jpeg", n), takes: about(40 * time.Millisecond)}
	}, 0},
	{"mail", 16, 100, true, load{20, 80}, func(n int) job {
		return job{about: fmt.Sprintf("receipt of order %d", 1000+n), takes: about(60 * time.Millisecond)}
	}, 0},
	// The peaks are more than the quota, and the troughs less.
	{"partner", 6, 200, true, load{10, 40}, func(n int) job {
		return job{about: fmt.Sprintf("price of article %d", n%500), takes: about(50 * time.Millisecond)}
	}, 25},
	{"imports", 3, 50, true, load{5, 15}, func(n int) job {
		j := job{about: fmt.Sprintf("feed %d", n%40), takes: about(100 * time.Millisecond)}
		switch {
		case n%4 == 0:
			j.err = fmt.Errorf("feed %d: line %d: unexpected end of input", n%40, rand.IntN(900))
		case n%4 == 1:
			j.err = errors.New("dial tcp 192.0.2.7:443: connect: connection refused")
		case n%4 == 2 && n%3 == 0:
			j.err = errCorrupt
		}
		return j
	}, 0},
	{"reports", 2, 10, false, load{1, 2}, func(n int) job {
		return job{about: fmt.Sprintf("report of week %d", 1+n%52), takes: about(300 * time.Millisecond)}
	}, 0},
}

// quota counts the calls in a period. What is too much a partner answers with 429, and with how
// long it is until the next one.
type quota struct {
	most   int
	period time.Duration

	mu   sync.Mutex
	ends time.Time // of the period
	used int
}

func newQuota(each int, speed float64) *quota {
	period := 5 / speed // seconds
	return &quota{most: int(float64(each) * period), period: time.Duration(period * float64(time.Second))}
}

// take returns an error if there is nothing left.
func (q *quota) take() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if !now.Before(q.ends) {
		q.ends, q.used = now.Add(q.period), 0
	}
	if q.used++; q.used > q.most {
		return workerpool.RetryAfter(errTooMany, q.ends.Sub(now)) // as retry.AfterResponse does
	}
	return nil
}

var errTooMany = errors.New("the partner answers 429 Too Many Requests")

// errCorrupt makes a job panic.
var errCorrupt = errors.New("index out of range [7] with length 7")

// about is d, more or less.
func about(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.6 + 0.8*rand.Float64()))
}

func work(ctx context.Context, j job) (string, error) {
	select {
	case <-time.After(j.takes):
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if errors.Is(j.err, errCorrupt) {
		panic(j.err)
	}
	return j.about, j.err
}

// work is what the pool of s does: within the quota, if there is one.
func (s service) work(speed float64) workerpool.Func[job, string] {
	if s.quota == 0 {
		return work
	}
	q := newQuota(s.quota, speed)
	return func(ctx context.Context, j job) (string, error) {
		if err := q.take(); err != nil {
			return "", err
		}
		return work(ctx, j)
	}
}

// again is the retry policy of s. Only what a partner turns away is tried again.
func (s service) again() workerpool.RetryPolicy {
	backoff := retry.Backoff(10, 100*time.Millisecond, 2*time.Second)
	return func(attempt int, err error) (time.Duration, bool) {
		if !errors.Is(err, errTooMany) {
			return 0, false
		}
		return backoff(attempt, err)
	}
}

// startPools makes the pools and their load, and returns what ends both.
func startPools(ctx context.Context, page *livepage.Page, speed float64) (end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	end = func() {
		cancel()
		running.Wait()
	}
	for _, s := range services {
		pool, err := workerpool.New(s.work(speed), workerpool.WithRetry(s.again()),
			workerpool.WithName(s.name), workerpool.WithWorkers(s.workers), workerpool.WithBuffer(s.buffer),
			workerpool.WithTiming(), workerpool.WithHooks(page.Hooks()))
		if err != nil {
			end()
			return nil, err
		}
		page.Add(pool)
		running.Go(func() {
			defer pool.Stop()
			if s.reads {
				running.Go(func() {
					for range pool.Results() { // what comes of them is on the page
					}
				})
			}
			s.bring(ctx, pool, speed)
		})
	}
	return end, nil
}

// bring brings jobs until ctx ends. What finds no place is refused.
func (s service) bring(ctx context.Context, pool *workerpool.Pool[job, string], speed float64) {
	const every = 20 * time.Millisecond
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	begin := time.Now()
	due, n := 0.0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for due += s.load.at(time.Since(begin), speed) * every.Seconds(); due >= 1; due-- {
			_ = pool.TrySubmit(s.next(n)) // which the page counts
			n++
		}
	}
}
