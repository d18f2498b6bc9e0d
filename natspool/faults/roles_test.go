//go:build linux

package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
)

// job is what all tests submit.
type job struct {
	N     int
	How   string        `json:",omitempty"` // what is to happen to it
	Work  time.Duration `json:",omitempty"`
	Key   string        `json:",omitempty"`
	Fails int           `json:",omitempty"` // so many attempts fail
	Due   time.Time     `json:",omitzero"`
}

// value is what a job returns.
type value struct {
	V   uint64
	At  time.Time
	Pad string `json:",omitempty"`
}

// f is what a job computes.
func f(n int) uint64 {
	x := uint64(n) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

var errPlain = errors.New("plain failure")

// setting is what all processes of a pool have in common.
type setting struct {
	URL            string
	Pool           string
	Lease          time.Duration
	Capacity       int
	MaxInFlight    int
	ResultCapacity int
	Partitions     int
	Replicas       int
	Keep           time.Duration
}

func (s setting) options() []natspool.Option {
	opts := []natspool.Option{natspool.WithURL(s.URL), natspool.WithError("plain", errPlain), natspool.WithLease(s.Lease)}
	for n, with := range map[*int]func(int) natspool.Option{
		&s.Capacity: natspool.WithCapacity, &s.MaxInFlight: natspool.WithMaxInFlight,
		&s.ResultCapacity: natspool.WithResultCapacity, &s.Partitions: natspool.WithPartitions, &s.Replicas: natspool.WithReplicas,
	} {
		if *n != 0 {
			opts = append(opts, with(*n))
		}
	}
	if s.Keep > 0 {
		opts = append(opts, natspool.WithKeepResults(s.Keep))
	}
	return opts
}

// workerSpec is what a worker process is told.
type workerSpec struct {
	setting
	Workers    int
	Prefetch   int
	MaxCrashes int
	Timeout    time.Duration
	Retries    int
	Trace      bool // tell of each attempt
}

// play is what a process does that this test binary has started.
func play(role, spec string) int {
	switch role {
	case "server":
		return serve(decode[serverSpec](spec))
	case "worker":
		return work(decode[workerSpec](spec))
	case "producer":
		return produce(decode[producerSpec](spec))
	case "reader":
		return readDeliveries(decode[setting](spec))
	}
	fmt.Fprintln(os.Stderr, "no such role:", role)
	return 2
}

func decode[S any](data string) (s S) {
	if err := json.Unmarshal([]byte(data), &s); err != nil {
		panic(err)
	}
	return s
}

// join makes a pool, and tries again while the server is not there.
func join[P any](make func(context.Context) (P, error)) P {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		p, err := make(ctx)
		if err == nil {
			return p
		}
		if !errors.Is(err, natspool.ErrUnavailable) || ctx.Err() != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func work(spec workerSpec) int {
	opts := append(
		spec.options(), natspool.WithWorkers(spec.Workers), natspool.WithPrefetch(spec.Prefetch),
		natspool.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if spec.MaxCrashes > 0 {
		opts = append(opts, natspool.WithMaxCrashes(spec.MaxCrashes))
	}
	if spec.Timeout > 0 {
		opts = append(opts, natspool.WithJobTimeout(spec.Timeout))
	}
	if spec.Retries > 0 {
		opts = append(opts, natspool.WithRetry(func(attempt int, _ error) (time.Duration, bool) {
			return 20 * time.Millisecond, attempt <= spec.Retries
		}))
	}
	p := join(func(ctx context.Context) (*natspool.Pool[job, value], error) {
		return natspool.New(ctx, spec.Pool, spec.handle, opts...)
	})
	say("ready", "", os.Getpid(), nil)
	var once sync.Once
	commands(func(command string) {
		switch command {
		case "stats":
			say("stats", "", 0, p.Stats())
		case "leave":
			go once.Do(func() {
				if err := p.Leave(context.Background()); err != nil {
					fmt.Fprintln(os.Stderr, "leave:", err)
					os.Exit(2)
				}
				say("left", "", 0, p.Stats())
				os.Exit(0)
			})
		case "stop":
			go once.Do(func() {
				p.Stop()
				say("left", "", 0, p.Stats())
				os.Exit(0)
			})
		}
	})
	return 0
}

// attempt is what a worker tells of one.
type attempt struct {
	N       int
	Key     string
	Attempt int
	End     bool
	At      time.Time
}

func (s workerSpec) handle(ctx context.Context, j job) (value, error) {
	if s.Trace {
		try := attempt{N: j.N, Key: j.Key, Attempt: natspool.Attempt(ctx), At: time.Now()}
		say("attempt", "", 0, try)
		defer func() {
			try.End, try.At = true, time.Now()
			say("attempt", "", 0, try)
		}()
	}
	begun := time.Now()
	if j.Work > 0 {
		select {
		case <-time.After(j.Work):
		case <-ctx.Done():
			return value{}, context.Cause(ctx)
		}
	}
	switch j.How {
	case "":
	case "flaky":
		if natspool.Attempt(ctx) <= j.Fails {
			return value{}, errPlain
		}
	case "fail":
		return value{}, errPlain
	case "exit":
		say("exit", "", j.N, nil)
		os.Exit(3)
	case "panic":
		panic("poison")
	case "goexit":
		runtime.Goexit()
	case "hang":
		<-ctx.Done()
		return value{}, context.Cause(ctx)
	case "huge":
		return value{V: f(j.N), Pad: strings.Repeat("x", 2<<20)}, nil
	default:
		return value{}, workerpool.Permanent(fmt.Errorf("what is %q?", j.How))
	}
	return value{V: f(j.N), At: begun}, nil
}

// producerSpec is what a producer process is told.
type producerSpec struct {
	setting
	From, To int
	Work     time.Duration
}

func jobID(n int) string { return "job-" + strconv.Itoa(n) }

// produce submits its jobs one after the other, and tells of each.
func produce(spec producerSpec) int {
	p := join(func(ctx context.Context) (*natspool.Pool[job, value], error) {
		return natspool.NewClient[job, value](ctx, spec.Pool, spec.options()...)
	})
	say("ready", "", 0, nil)
	go commands(func(string) {})
	duplicates := 0
	for n := spec.From; n < spec.To; n++ {
		err := p.Submit(context.Background(), job{N: n, Work: spec.Work}, natspool.ID(jobID(n)))
		switch {
		case errors.Is(err, natspool.ErrDuplicate):
			duplicates++
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		say("stored", "", n, nil)
	}
	say("done", "", duplicates, nil)
	p.Stop()
	return 0
}

// readDeliveries tells of each result before it acknowledges it, and after.
func readDeliveries(spec setting) int {
	p := join(func(ctx context.Context) (*natspool.Pool[job, value], error) {
		return natspool.NewClient[job, value](ctx, spec.Pool, spec.options()...)
	})
	say("ready", "", 0, nil)
	go commands(func(string) {})
	for d := range p.Deliveries() {
		if d.Err != nil || d.Value.V != f(d.Job.N) || d.ID != jobID(d.Job.N) {
			say("wrong", fmt.Sprint(d.ID, d.Err), d.Job.N, nil)
		}
		say("got", "", d.Job.N, nil)
		if d.Ack() == nil {
			say("acknowledged", "", d.Job.N, nil)
		}
	}
	return 0
}
