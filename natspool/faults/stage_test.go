//go:build linux

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

type pool = natspool.Pool[job, value]

// stage is a pool, who uses it, and who looks at it.
type stage struct {
	t       testing.TB
	setting setting
	client  *pool // submits, and reads
	oracle  *oracle
	feeding sync.WaitGroup // who submits
	reading sync.WaitGroup
	looking sync.WaitGroup
	enough  chan struct{} // closed when nobody is to look any more
	dead    int           // how many dead letters there are to be
	extra   int           // results that the oracle has not seen
	forgets bool          // results may be removed while the test runs
}

// setStage makes a client in this process. What setting does not say is chosen.
func setStage(t testing.TB, s setting) *stage {
	t.Helper()
	if s.Pool == "" {
		s.Pool = "faults-" + nuid.Next()
	}
	if s.Lease == 0 {
		s.Lease = time.Second
	}
	g := &stage{t: t, setting: s, oracle: newOracle(t), enough: make(chan struct{})}
	g.client = g.join()
	g.looking.Go(g.sample)
	t.Cleanup(func() { // when the test has failed; else it is all over
		g.stopLooking()
		g.client.Stop()
		g.feeding.Wait()
		g.reading.Wait()
	})
	return g
}

// join makes another client.
func (g *stage) join() *pool {
	g.t.Helper()
	var p *pool
	require.Eventually(g.t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		var err error
		p, err = natspool.NewClient[job, value](ctx, g.setting.Pool, append(g.setting.options(), natspool.WithLogger(slog.New(slog.DiscardHandler)))...)
		if err != nil && !errors.Is(err, natspool.ErrUnavailable) {
			require.NoError(g.t, err)
		}
		return err == nil
	}, patience, 50*time.Millisecond, "no connection to the server")
	g.t.Cleanup(func() { p.Stop() })
	return p
}

func (g *stage) stopLooking() {
	select {
	case <-g.enough:
	default:
		close(g.enough)
	}
	g.looking.Wait()
}

// sample looks again and again whether the bounds hold.
func (g *stage) sample() {
	capacity, inFlight, results := 100_000, 20_000, 250_000
	for bound, own := range map[*int]int{&capacity: g.setting.Capacity, &inFlight: g.setting.MaxInFlight, &results: g.setting.ResultCapacity} {
		if own > 0 {
			*bound = own
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-g.enough:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		q, err := g.client.Queue(ctx)
		cancel()
		if err != nil {
			continue // the server is gone, as it is to be now and then
		}
		assert.LessOrEqual(g.t, q.Stored, capacity, "WithCapacity")
		assert.LessOrEqual(g.t, q.InFlight, inFlight+g.setting.Partitions, "WithMaxInFlight")
		assert.LessOrEqual(g.t, q.Results, results, "WithResultCapacity")
	}
}

// worker starts a process that works.
func (g *stage) worker(spec workerSpec) *child {
	g.t.Helper()
	w := g.launchWorker(spec)
	w.await("ready")
	return w
}

func (g *stage) launchWorker(spec workerSpec) *child {
	if spec.URL == "" {
		spec.setting = g.setting
	}
	if spec.Workers == 0 {
		spec.Workers = 8
	}
	return spawn(g.t, "worker", "worker", spec)
}

// read has the oracle see all results, each after a pause.
func (g *stage) read(pause time.Duration) {
	g.reading.Go(func() {
		for r := range g.client.Results() {
			if pause > 0 {
				time.Sleep(pause)
			}
			g.oracle.result(r)
		}
	})
}

// submitters is how many goroutines submit one job at a time.
const submitters = 16

// submit stores jobs, half of them one at a time with an id, and half all together, and
// returns when all are stored.
func (g *stage) submit(jobs iter.Seq[job]) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	single, together := make(chan job), make(chan job)
	var all sync.WaitGroup
	all.Go(func() {
		defer close(single)
		defer close(together)
		for j := range jobs {
			g.oracle.offer(j)
			to := together
			if j.N%2 == 0 || j.Key != "" || !j.Due.IsZero() {
				to = single
			}
			select {
			case to <- j:
			case <-ctx.Done():
				return
			}
		}
	})
	for range submitters {
		all.Go(func() {
			for j := range single {
				if assert.NoError(g.t, g.client.Submit(ctx, j, options(j)...), j.N) {
					g.oracle.accept(j.N)
				}
			}
		})
	}
	all.Go(func() {
		var ids []int
		stored, err := g.client.SubmitAll(ctx, func(yield func(job) bool) {
			for j := range together {
				if ids = append(ids, j.N); !yield(j) {
					return
				}
			}
		})
		assert.NoError(g.t, err)
		assert.Equal(g.t, len(ids), stored)
		for _, n := range ids {
			g.oracle.accept(n)
		}
	})
	all.Wait()
}

// options are those with which a job is submitted.
func options(j job) []natspool.SubmitOption {
	opts := []natspool.SubmitOption{natspool.ID(jobID(j.N))}
	switch {
	case j.Key != "":
		opts = append(opts, natspool.Key(j.Key))
	case !j.Due.IsZero():
		opts = append(opts, natspool.At(j.Due))
	}
	return opts
}

// plain is n jobs that take some time.
func plain(from, n int, work time.Duration) iter.Seq[job] {
	return func(yield func(job) bool) {
		for i := range n {
			if !yield(job{N: from + i, Work: work}) {
				return
			}
		}
	}
}

// lasting is how long each of n jobs takes for all together to take at least so long, when
// slots of them run at once.
func lasting(d time.Duration, n, slots int) time.Duration {
	return max(time.Millisecond, d*time.Duration(slots)/time.Duration(n))
}

// finish waits until all is over, and compares what there is with what there is to be.
func (g *stage) finish() {
	g.t.Helper()
	g.complete()
	q := g.drained()
	g.client.Close()
	g.await("Results is to be closed", &g.reading)
	g.oracle.verdict()
	g.stopLooking()
	assert.Equal(g.t, g.dead, q.DeadLetters, "dead letters")
	// One that was offered, and whose producer does not know whether it was stored, counts.
	if want := g.oracle.distinct + g.extra; g.forgets {
		assert.LessOrEqual(g.t, q.Results, want, "stored results")
	} else {
		assert.Equal(g.t, want, q.Results, "stored results")
	}
}

// complete waits until all is submitted, and has its result.
func (g *stage) complete() {
	g.t.Helper()
	g.await("all is to be stored", &g.feeding)
	g.oracle.complete()
}

func (g *stage) await(what string, group *sync.WaitGroup) {
	g.t.Helper()
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(2 * patience):
		require.FailNow(g.t, "too late", what)
	}
}

// drained waits until the server has no job and no unread result, nor gets another one.
func (g *stage) drained() natspool.QueueStats {
	g.t.Helper()
	var q natspool.QueueStats
	var err error
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		q, err = g.client.Queue(ctx)
		cancel()
		if err == nil && q.Stored+q.InFlight+q.Delayed+q.Unread == 0 {
			return q
		}
		if time.Since(begin) > patience {
			require.FailNowf(g.t, "not empty", "%+v %v\n%s", q, err, g.left())
		}
	}
}

// left says what is still on the server, and where its consumers are.
func (g *stage) left() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var b strings.Builder
	nc, err := nats.Connect(g.setting.URL)
	if err != nil {
		return err.Error()
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err.Error()
	}
	for _, name := range []string{"JOBS", "DELAYED"} {
		s, err := js.Stream(ctx, "WP_"+g.setting.Pool+"_"+name)
		if err != nil {
			return err.Error()
		}
		state := s.CachedInfo().State
		fmt.Fprintf(&b, "%s: %+v\n", name, state)
		for seq, n := uint64(1), 0; n < 10; n++ {
			m, err := s.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(">"))
			if err != nil {
				break
			}
			fmt.Fprintln(&b, m.Sequence, m.Subject, m.Header, m.Time, string(m.Data[:min(100, len(m.Data))]))
			seq = m.Sequence + 1
		}
		for c := range s.ListConsumers(ctx).Info() {
			fmt.Fprintf(&b, "%s: delivered %+v, acknowledged %+v, %d pending, %d unacknowledged, %d redelivered, %d waiting\n",
				c.Name, c.Delivered, c.AckFloor, c.NumPending, c.NumAckPending, c.NumRedelivered, c.NumWaiting)
		}
	}
	return b.String()
}

// stats are those of a worker process.
func stats(w *child) natspool.Stats {
	w.t.Helper()
	return decode[natspool.Stats](string(w.ask("stats").Data))
}
