package natspool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/boundedgo/workerpool"
)

// Bounds of the options, named in their errors.
const (
	maxWorkers    = 1 << 16
	maxPrefetch   = 1 << 16
	maxCapacity   = 1 << 30
	maxPartitions = 1 << 10
	minLease      = time.Second
	maxLease      = 24 * time.Hour
	minKeep       = memory
	maxJobBytes   = 48 << 20
	minResults    = 100
)

// An Option configures a pool when it is made. A nil Option is ignored, and of two options of
// the same kind the later one wins.
//
// Settings of the queue are stored with it on the server: WithCapacity, WithMaxInFlight,
// WithLease, WithPartitions, WithReplicas, WithResultCapacity, WithDeadLetters and the type of
// the codec. The first process sets them, and New of every other wraps [ErrMismatch] where its
// own differ. The other options are of the process.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// Connector is a server in the process: *natsembed.Server is one.
type Connector interface {
	Connect(...nats.Option) (*nats.Conn, error)
}

type config struct {
	name       string
	process    string // where results say that they come from
	connectors int    // how many options say where the server is
	connect    func(...nats.Option) (*nats.Conn, error)
	conn       *nats.Conn
	memory     bool // the server stores nothing on disk

	// of the process
	workers     int
	prefetch    int // below 0: the default, which depends on workers
	limiter     workerpool.Limiter
	hasLimiter  bool
	retry       workerpool.RetryPolicy
	hasRetry    bool
	timing      bool
	jobTimeout  time.Duration
	hasTimeout  bool
	maxCrashes  int
	mailbox     string
	keep        time.Duration
	tryTimeout  time.Duration
	maxJobBytes int
	codec       Codec
	logger      *slog.Logger
	errs        map[string]error
	badErrs     []error

	// of the queue
	capacity       int
	maxInFlight    int
	lease          time.Duration
	partitions     int
	replicas       int
	resultCapacity int
	deadLetters    int
}

func newConfig(name string, opts []Option) config {
	c := config{
		name:           name,
		process:        processName(),
		workers:        runtime.GOMAXPROCS(0),
		prefetch:       -1,
		maxCrashes:     3,
		mailbox:        "main",
		keep:           10 * time.Minute,
		tryTimeout:     2 * time.Second,
		maxJobBytes:    256 << 10,
		codec:          JSON{},
		capacity:       100_000,
		maxInFlight:    20_000,
		lease:          30 * time.Second,
		replicas:       1,
		resultCapacity: 250_000,
		deadLetters:    100_000,
		errs:           map[string]error{},
	}
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	if c.prefetch < 0 {
		c.prefetch = min(4*c.workers, 256)
	}
	return c
}

// processName is for people: which of the processes ran a job.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// validate returns one error for each setting that is out of bounds, all joined.
func (c config) validate() error {
	within := func(option string, n, least, most int) error {
		return c.check(n >= least && n <= most, "%s(%d): must be from %d to %d", option, n, least, most)
	}
	lasting := func(option string, d, least, most time.Duration) error {
		return c.check(d >= least && d <= most, "%s(%v): must be from %v to %v", option, d, least, most)
	}
	token := func(what, s string) error {
		if err := checkToken(s, maxName); err != nil {
			return c.check(false, "%s %v", what, err)
		}
		return nil
	}
	return errors.Join(append([]error{
		token("name", c.name),
		c.check(c.connectors == 1, "one of WithServer, WithURL and WithConn says where the server is: %d are given", c.connectors),
		c.check(c.connectors != 1 || c.connect != nil || c.conn != nil, "WithServer or WithConn: must not be nil"),
		within("WithWorkers", c.workers, 1, maxWorkers),
		within("WithPrefetch", c.prefetch, 0, maxPrefetch),
		within("WithMaxCrashes", c.maxCrashes, 1, 1000),
		within("WithMaxJobBytes", c.maxJobBytes, 1, maxJobBytes),
		within("WithCapacity", c.capacity, 1, maxCapacity),
		within("WithMaxInFlight", c.maxInFlight, 1, maxCapacity),
		within("WithPartitions", c.partitions, 0, maxPartitions),
		c.check(c.replicas == 1 || c.replicas == 3 || c.replicas == 5, "WithReplicas(%d): must be 1, 3 or 5", c.replicas),
		within("WithResultCapacity", c.resultCapacity, minResults, maxCapacity),
		within("WithDeadLetters", c.deadLetters, 0, maxCapacity),
		lasting("WithLease", c.lease, minLease, maxLease),
		lasting("WithKeepResults", c.keep, minKeep, 30*24*time.Hour),
		lasting("WithTryTimeout", c.tryTimeout, time.Millisecond, time.Minute),
		token("WithMailbox", c.mailbox),
		c.check(!c.hasTimeout || c.jobTimeout > 0, "WithJobTimeout(%v): must be positive", c.jobTimeout),
		c.check(!c.hasLimiter || c.limiter != nil, "WithLimiter(nil): must not be nil"),
		c.check(!c.hasRetry || c.retry != nil, "WithRetry(nil): must not be nil (retry.Backoff returns nil for arguments out of bounds)"),
		c.check(c.codec != nil, "WithCodec(nil): must not be nil"),
	}, c.badErrs...)...)
}

func (c config) check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return c.error([]error{workerpool.ErrInvalidOption}, format, args...)
}

func (c config) error(wraps []error, format string, args ...any) error {
	return &poolError{c.name, fmt.Sprintf(format, args...), wraps}
}

// WithServer has the pool on a server in this process: natsembed.Start makes one.
func WithServer(s Connector) Option {
	return optionFunc(func(c *config) {
		c.connectors++
		if s != nil {
			c.connect = s.Connect
		}
		if m, ok := s.(interface{ Memory() bool }); ok {
			c.memory = m.Memory()
		}
	})
}

// WithURL has the pool on the server, or the cluster, at url: "nats://10.0.0.5:4222", or
// several with commas between. The options are those of the client library, for TLS, for
// credentials, for what else a connection has. The pool adds that it never gives up
// reconnecting, and closes the connection when it ends. An empty url is [nats.DefaultURL].
//
// A server of your own takes a quarter more tiny jobs a second with disable_sublist_cache: true in
// its configuration, which is how package natsembed has it: each job has a subject of its own.
func WithURL(url string, opts ...nats.Option) Option {
	return optionFunc(func(c *config) {
		c.connectors++
		c.connect = func(more ...nats.Option) (*nats.Conn, error) {
			return nats.Connect(url, append(more, opts...)...)
		}
	})
}

// WithConn has the pool on a connection of yours, which it leaves open. It should be one that
// never gives up reconnecting (nats.MaxReconnects(-1)).
func WithConn(nc *nats.Conn) Option {
	return optionFunc(func(c *config) { c.connectors, c.conn = c.connectors+1, nc })
}

// WithWorkers sets how many jobs run at once in this process. The default is
// [runtime.GOMAXPROCS](0). [WithMaxInFlight] bounds all processes together.
func WithWorkers(n int) Option {
	return optionFunc(func(c *config) { c.workers = n })
}

// WithPrefetch sets how many jobs this process holds beyond those that run, so that a worker
// does not wait for the network. The default is four for each worker, at most 256, which is
// for jobs of milliseconds: of jobs that take seconds none should wait here while another
// process is idle, so give 0. Of jobs that take microseconds, 8 workers on two cores did
// a seventh more with 1,024 than with 256. What a process had fetched that is killed comes to the
// others as [WithLease] says.
func WithPrefetch(n int) Option {
	return optionFunc(func(c *config) { c.prefetch = n })
}

// WithLimiter has each attempt wait for l before it starts, as [workerpool.WithLimiter] says.
// It limits this process, unless l is one that processes share. If l returns an error while the
// pool goes on, that is the outcome of the job: it ends without another attempt, and the policy of
// WithRetry is not asked. So one that is shared over a network should wait through outages inside Wait.
func WithLimiter(l workerpool.Limiter) Option {
	return optionFunc(func(c *config) { c.limiter, c.hasLimiter = l, true })
}

// WithRetry has a job that failed tried again, for as long as policy says so. attempt counts
// the failed ones from 1, in all processes together, over restarts: a failure is noted on the
// server before the job goes back there to wait. While it waits it holds no worker, and counts
// for [WithMaxInFlight]: when as many jobs wait, no other is given out. Not asked is policy
// after [workerpool.Permanent], a panic or a Goexit. After [workerpool.RetryAfter] this process
// starts no job until then, and the wait is at least as long.
func WithRetry(policy workerpool.RetryPolicy) Option {
	return optionFunc(func(c *config) { c.retry, c.hasRetry = policy, true })
}

// WithJobTimeout bounds each attempt, as [workerpool.WithJobTimeout] says.
func WithJobTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.jobTimeout, c.hasTimeout = d, true })
}

// WithTiming has the pool inside this process note what runs since when: see
// [workerpool.WithTiming] and [Pool.Local].
func WithTiming() Option {
	return optionFunc(func(c *config) { c.timing = true })
}

// WithMaxCrashes sets how often a job may end its process before it is a dead letter, with
// [ErrCrashed]: from 1 to 1000; the default is 3.
//
// All that is known of a crash is that jobs come back whose worker never answered, and most of
// them only waited there. So each of them is run by itself, in a lane that takes one at a time,
// and that it has begun is noted before: what counts is a note that was never answered. The
// crash that brought it there is not counted. A process that is killed from outside, or cut
// off, while such a job runs counts too.
//
// A server inside the same process ends with it, and forgets to whom it gave jobs in its last
// moment: there a job that ends the process at once is not counted, and comes again and again.
func WithMaxCrashes(n int) Option {
	return optionFunc(func(c *config) { c.maxCrashes = n })
}

// WithMailbox names where the results of what this pool submits go, and which it reads. The
// default is "main". Processes with the same mailbox share its results: each goes to one of
// them. Keep the name over restarts: results in a mailbox that nobody reads any more stay until
// there is no room, and then no job runs.
func WithMailbox(name string) Option {
	return optionFunc(func(c *config) { c.mailbox = name })
}

// WithKeepResults sets how long a result is kept after it was read: for [Pool.Lookup], and so
// that a job id is known, and a late second run of the job has no second result. From 20 s; the
// default is 10 minutes. It is less when results come so fast that those that were read take
// half of [WithResultCapacity], but no less than 2 s. It is longer when nobody reads this
// mailbox meanwhile, since readers remove what they have read.
func WithKeepResults(d time.Duration) Option {
	return optionFunc(func(c *config) { c.keep = d })
}

// WithTryTimeout bounds how long TrySubmit waits for the answer of the server: it is a network
// away. The default is 2 s.
func WithTryTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.tryTimeout = d })
}

// WithMaxJobBytes bounds what the codec may make of a job. The default is 256 KiB. The server
// bounds it too: what a job and its value take together must be below its maximum payload,
// which is 1 MiB unless told. Of a job so close to that that there is no room for an error
// beside it, the result and the dead letter are without the job, and Requeue refuses the latter.
func WithMaxJobBytes(n int) Option {
	return optionFunc(func(c *config) { c.maxJobBytes = n })
}

// WithCodec has jobs and values turned into bytes by codec. The default is [JSON].
func WithCodec(codec Codec) Option {
	return optionFunc(func(c *config) { c.codec = codec })
}

// WithError gives an error a name, so that [errors.Is] finds it in a result that comes from
// another process. Both have to give it the same name, of up to 64 letters, digits, - and _.
func WithError(name string, err error) Option {
	return optionFunc(func(c *config) {
		switch bad := checkToken(name, maxName); {
		case bad != nil:
			c.badErrs = append(c.badErrs, c.check(false, "WithError: name %v", bad))
		case err == nil:
			c.badErrs = append(c.badErrs, c.check(false, "WithError(%q, nil): must not be nil", name))
		default:
			c.errs[name] = err
		}
	})
}

// WithLogger sets where the pool says what nobody else is told: a job that could not be handed
// back, a server that does not answer. The default is [slog.Default].
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(c *config) { c.logger = l })
}

// WithCapacity sets how many jobs the queue holds at most, those that run included; the
// default is 100,000. Beyond it Submit waits and TrySubmit returns [workerpool.ErrFull].
// Delayed jobs are not counted until they are due, nor then.
//
// What the server may store must have room for results besides: one is stored, with a copy of its
// job, before the job is removed. When jobs have filled the store nothing goes on until it
// gets more room, so n times the size of a job should be below half of it.
func WithCapacity(n int) Option {
	return optionFunc(func(c *config) { c.capacity = n })
}

// WithMaxInFlight sets how many jobs without a key all processes together hold at most: those
// that run, were fetched ahead, or wait for their next attempt; and as many again of those
// that were delayed. The default is 20,000.
func WithMaxInFlight(n int) Option {
	return optionFunc(func(c *config) { c.maxInFlight = n })
}

// WithLease sets how long the server waits for a sign of life of a job's worker before it gives
// the job to another: from 1 s; the default is 30 s. Signs are sent three times as often, for
// jobs that wait here too, so a job may take longer than a lease. It is the time for which the jobs
// of a process that is killed stand still, those that it had only fetched too: then they are given
// to others, where they wait behind what those have fetched themselves.
func WithLease(d time.Duration) Option {
	return optionFunc(func(c *config) { c.lease = d })
}

// WithMemory has the server keep all of it in memory: it is gone when the server ends, and pools
// that are connected to that by a URL have to be made anew when it is there again. The first process
// decides: others join whatever is there, with this option or without. A server that natsembed keeps
// in memory takes nothing else, and is known by WithServer.
func WithMemory() Option {
	return optionFunc(func(c *config) { c.memory = true })
}

// WithPartitions makes n lanes for jobs with a [Key]: jobs of one key share a lane, where one
// job runs at a time, over all processes, in the order in which they were submitted. The
// default is 0, which is none.
func WithPartitions(n int) Option {
	return optionFunc(func(c *config) { c.partitions = n })
}

// WithReplicas sets on how many servers of a cluster all is stored: 1, 3 or 5; the default
// is 1.
func WithReplicas(n int) Option {
	return optionFunc(func(c *config) { c.replicas = n })
}

// WithResultCapacity sets how many results are stored at most, read ones that are kept
// included; the default is 250,000. When there is no room, workers wait with theirs.
func WithResultCapacity(n int) Option {
	return optionFunc(func(c *config) { c.resultCapacity = n })
}

// WithDeadLetters sets how many dead letters are stored at most; the default is 100,000. When
// there is no room, a job that has failed for good waits until there is, in its worker's hands,
// so that in the end none works: see to them with [Pool.DeadLetters]. 0 is for none: then a
// failed job is only a result.
func WithDeadLetters(n int) Option {
	return optionFunc(func(c *config) { c.deadLetters = n })
}

// A SubmitOption says more of one job.
type SubmitOption interface{ applyTo(*submission) }

type submitOption func(*submission)

func (f submitOption) applyTo(s *submission) { f(s) }

// submission is a job that is about to be stored.
type submission struct {
	id    string
	given bool   // the id is the caller's
	msgID string // by which the server knows it again for a moment; the address unless told
	key   string
	keyed bool
	at    time.Time
	late  bool
}

// ID names the job: up to 128 letters and digits of ASCII, - and _. While a job with this id is
// in the queue, or its result is kept, another is not stored: Submit returns [ErrDuplicate].
// So it may be submitted again whenever the outcome of a Submit is not known. An id stands for
// one job in one mailbox, with one key or none: of two that are submitted at the same moment with
// different keys, both may be stored. Without it, each job has a new one.
func ID(id string) SubmitOption {
	return submitOption(func(s *submission) { s.id, s.given = id, true })
}

// Key has the job run after all jobs that were submitted with this key before it, and beside
// none of them. It needs WithPartitions. Retries are part of it: jobs of the same key, and of
// others that share its lane, wait meanwhile. A worker that is cut off for longer than a lease
// may still run one while the next has begun.
func Key(key string) SubmitOption {
	return submitOption(func(s *submission) { s.key, s.keyed = key, true })
}

// Delay has the job run after d, or up to some seconds later: the server's schedule has a grain
// of 1 s. d is rounded up, so it is never early. Delayed jobs have no key.
func Delay(d time.Duration) SubmitOption {
	return submitOption(func(s *submission) { s.at, s.late = time.Now().Add(d), d > 0 })
}

// At is Delay until a time.
func At(t time.Time) SubmitOption {
	return submitOption(func(s *submission) { s.at, s.late = t, time.Now().Before(t) })
}
