// Package prompool gives Prometheus the metrics of worker pools.
//
//	registry.MustRegister(prompool.NewCollector(pool))
//
// They are read when Prometheus asks, all those of a pool at one moment, and cost nothing
// in between. Each pool is told from others by the label pool, which is what was given to
// [workerpool.WithName]: give each its own. Of several with the same name, or none, the second
// one is "name#2", and so on, in the order of Add; if another pool is called that itself, it keeps
// its name, and the next number is taken. The names stay the same from scrape to scrape until a
// pool is added or removed. What of a name is not UTF-8 becomes U+FFFD. A registry takes one
// collector: Add further pools to that.
//
//	workerpool_workers{pool,state}                 gauge: state is busy, held or idle
//	workerpool_workers_limit{pool}                 gauge: of WithWorkers or Resize
//	workerpool_queue_tasks{pool}                   gauge: jobs that wait for a worker
//	workerpool_queue_capacity{pool}                gauge: how many may
//	workerpool_waiting_calls{pool}                 gauge: calls of Submit and Do that wait for a place
//	workerpool_bulk_calls{pool}                    gauge: bulk calls and streams that are not finished
//	workerpool_short_calls{pool}                   gauge: those of them that have jobs for more workers than there are
//	workerpool_results_unread{pool}                gauge: results that nobody has read
//	workerpool_retrying_tasks{pool}                gauge: jobs that wait for their next attempt
//	workerpool_paused{pool}                        gauge: 1 from a RetryAfter until jobs may start as ever, else 0
//	workerpool_pause_remaining_seconds{pool}       gauge: for how long no job starts; 0 while a pause ends with probes
//	workerpool_tasks_submitted_total{pool}         counter: jobs that were accepted
//	workerpool_tasks_completed_total{pool,outcome} counter: outcome is ok, error, panic or canceled (never ran)
//	workerpool_tasks_rejected_total{pool}          counter: calls that were refused
//	workerpool_task_attempts_total{pool}           counter: calls of the function that have ended
//	workerpool_task_retries_total{pool}            counter: calls of the function that were not the first for their task
//	workerpool_task_throttled_total{pool}          counter: those of them that brought a RetryAfter
//	workerpool_task_timeouts_total{pool}           counter: those of them that WithJobTimeout has ended
//
// A worker is held that has a job which may not start yet, because of a limiter, a pause or a
// wait for the next attempt.
//
// And of pools that were made with [workerpool.WithTiming]:
//
//	workerpool_queue_oldest_task_seconds{pool}     gauge: how long the oldest job has waited
//	workerpool_task_longest_running_seconds{pool}  gauge: how long the oldest of those that run has run
//	workerpool_task_wait_seconds{pool}             histogram: from being brought to the start
//	workerpool_task_run_seconds{pool,outcome}      histogram: of calls of the function, outcome is ok or error
package prompool

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/inspect"
	"github.com/boundedgo/workerpool/internal/outcomes"
)

// Collector is a [prometheus.Collector] of pools. All its methods may be called at any time.
type Collector struct {
	mu    sync.Mutex
	pools []*source
}

// source is a pool, and what was counted of it.
type source struct {
	workerpool.Inspector
	counter outcomes.Counter
}

// NewCollector returns a collector of pools, to be registered.
func NewCollector(pools ...workerpool.Inspector) *Collector {
	c := &Collector{}
	c.Add(pools...)
	return c
}

// Add has the collector collect from pools too. A nil pool is ignored.
func (c *Collector) Add(pools ...workerpool.Inspector) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range pools {
		if !inspect.IsNil(p) {
			c.pools = append(c.pools, &source{Inspector: p})
		}
	}
}

// Remove has the collector collect from a pool no longer. Its metrics vanish.
func (c *Collector) Remove(pool workerpool.Inspector) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pools = slices.DeleteFunc(slices.Clone(c.pools), func(s *source) bool { return s.Inspector == pool })
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("workerpool_"+name, help, append([]string{"pool"}, labels...), nil)
}

var (
	workers   = desc("workers", "Workers, by what they do.", "state")
	limit     = desc("workers_limit", "How many jobs may run at once.")
	queued    = desc("queue_tasks", "Jobs that wait for a worker.")
	capacity  = desc("queue_capacity", "How many jobs may wait for a worker.")
	waiting   = desc("waiting_calls", "Calls of Submit and Do that wait for a place.")
	bulk      = desc("bulk_calls", "Bulk calls and streams that are not finished.")
	short     = desc("short_calls", "Bulk calls that have jobs for more workers than there are.")
	unread    = desc("results_unread", "Results that nobody has read.")
	submitted = desc("tasks_submitted_total", "Jobs that were accepted.")
	completed = desc("tasks_completed_total", "Jobs that have an outcome.", "outcome")
	rejected  = desc("tasks_rejected_total", "Calls that were refused.")
	attempts  = desc("task_attempts_total", "Calls of the function that have ended.")
	retries   = desc("task_retries_total", "Calls of the function that were not the first for their task.")
	throttled = desc("task_throttled_total", "Calls of the function that brought a RetryAfter.")
	timeouts  = desc("task_timeouts_total", "Calls of the function that the job timeout has ended.")
	retrying  = desc("retrying_tasks", "Jobs that wait for their next attempt.")
	paused    = desc("paused", "1 from a RetryAfter until jobs may start as ever, else 0.")
	remaining = desc("pause_remaining_seconds", "For how long no job starts because of a RetryAfter.")
	oldest    = desc("queue_oldest_task_seconds", "How long the job has waited that has waited longest.")
	longest   = desc("task_longest_running_seconds", "How long the job has run that has run longest.")
	wait      = desc("task_wait_seconds", "How long jobs waited before they ran.")
	run       = desc("task_run_seconds", "How long jobs ran.", "outcome")
)

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		workers, limit, queued, capacity, waiting, bulk, short, unread, submitted, completed, rejected,
		attempts, retries, throttled, timeouts, retrying, paused, remaining, oldest, longest, wait, run,
	} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	pools := c.pools // Add appends behind what is seen here, and Remove makes another
	c.mu.Unlock()
	stats := make([]workerpool.Stats, len(pools))
	for i, p := range pools {
		stats[i] = p.Stats()
	}
	tellApart(stats)
	for i, p := range pools {
		collect(to, stats[i], p.counter.Of(stats[i]))
	}
}

// tellApart has no two names be the same: one series that there is twice fails the whole scrape.
// The first with a name keeps it, and the others get numbers.
func tellApart(stats []workerpool.Stats) {
	taken := map[string]bool{}
	for i := range stats {
		stats[i].Name = strings.ToValidUTF8(stats[i].Name, "�")
		taken[stats[i].Name] = true
	}
	last := map[string]int{} // the number that each name got last
	for i := range stats {
		name := stats[i].Name
		if last[name]++; last[name] > 1 {
			stats[i].Name = numbered(name, last, taken)
		}
	}
}

// numbered returns a name with the next number that makes one which nobody has.
func numbered(name string, last map[string]int, taken map[string]bool) string {
	for ; ; last[name]++ {
		if with := fmt.Sprintf("%s#%d", name, last[name]); !taken[with] {
			taken[with] = true
			return with
		}
	}
}

func collect(to chan<- prometheus.Metric, s workerpool.Stats, n outcomes.Counts) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{s.Name}, labels...)...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{s.Name}, labels...)...)
	}
	gauge(workers, float64(s.Busy), "busy")
	gauge(workers, float64(s.Held), "held")
	gauge(workers, float64(max(0, s.Workers-s.Busy-s.Held)), "idle")
	gauge(limit, float64(s.Workers))
	gauge(queued, float64(s.Queued))
	gauge(capacity, float64(s.Capacity))
	gauge(waiting, float64(s.Waiting))
	gauge(bulk, float64(s.Bulk))
	gauge(short, float64(s.Short))
	gauge(unread, float64(s.Unread))
	counter(submitted, n.Submitted)
	counter(completed, n.OK, "ok")
	counter(completed, n.Failed, "error")
	counter(completed, n.Panicked, "panic")
	counter(completed, n.NotRun, "canceled")
	counter(rejected, n.Rejected)
	counter(attempts, n.Attempts)
	counter(retries, n.Retries)
	counter(throttled, n.Throttled)
	counter(timeouts, n.TimedOut)
	gauge(retrying, float64(s.Retrying))
	gauge(paused, pausedNow(s))
	gauge(remaining, max(0, time.Until(s.PausedUntil).Seconds()))
	if t := s.Timing; t != nil {
		gauge(oldest, t.OldestQueued.Seconds())
		gauge(longest, t.LongestRunning.Seconds())
		to <- histogram(wait, t.Wait, s.Name)
		to <- histogram(run, t.Run, s.Name, "ok")
		to <- histogram(run, t.Failed, s.Name, "error")
	}
}

// pausedNow is 1 if the pool is paused, or probes whether it still has to be.
func pausedNow(s workerpool.Stats) float64 {
	if s.PausedUntil.IsZero() {
		return 0
	}
	return 1
}

// The bounds of buckets: powers of two, from 8 µs to 137 s. The pool's own buckets begin and
// end there, so nothing is guessed.
const (
	firstBound = 13
	lastBound  = 37
)

func histogram(d *prometheus.Desc, h workerpool.Histogram, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, lastBound-firstBound+1)
	for shift := firstBound; shift <= lastBound; shift++ {
		bound := time.Duration(1) << shift
		var n uint64
		for b := range h.Buckets() {
			if b.To > bound {
				break
			}
			n += b.Count
		}
		buckets[bound.Seconds()] = n
	}
	return prometheus.MustNewConstHistogram(d, h.Count(), h.Sum().Seconds(), buckets, labels...)
}
