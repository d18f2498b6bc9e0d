package contenders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

const (
	riverConns = 72   // so that none of 64 goroutines waits for one
	riverChunk = 2000 // jobs that are inserted at once
)

func rivers() []Contender {
	base := Contender{
		Name: River, Title: "River",
		Done:   "it is completed and its output is stored (RecordOutput)",
		Batch:  fmt.Sprintf("InsertManyFast, %d at once", riverChunk),
		Call:   "Insert, until the worker has completed the job in a transaction of its own (JobCompleteTx) and says so in the process. Without that, completion is stored each 250 ms when there are few jobs",
		Module: "github.com/riverqueue/river",
		Long:   4, // completion is stored each 250 ms, which must not be much of what is measured
		needs:  func(s Servers) string { return s.Postgres },
	}
	second, nothing := base, base
	second.Group, second.Durability, second.open = Second, "Postgres with synchronous_commit off", openRiver("off")
	nothing.Group, nothing.Durability, nothing.open = Nothing, "Postgres with fsync and synchronous_commit on, the default", openRiver("on")
	nothing.Recovery = "RescueStuckJobsAfter of 1 s, with which no job may take longer than that; the default is 1 hour. It looks each 30 s, puts back what it has found within 5 s, and elects another leader first if the dead one was it"
	return []Contender{second, nothing}
}

type doubleArgs struct {
	N int `json:"n"`
}

// Kind is the name of the job.
func (doubleArgs) Kind() string { return "double" }

type doubleWorker struct {
	river.WorkerDefaults[doubleArgs]
	work time.Duration
	at   *riverSession // where to complete each job at once; nil: it is left to the client
}

// Work does one job.
func (w *doubleWorker) Work(ctx context.Context, job *river.Job[doubleArgs]) error {
	value, err := double(ctx, job.Args.N, w.work)
	if err != nil {
		return err
	}
	if err := river.RecordOutput(ctx, value); err != nil || w.at == nil {
		return err
	}
	var row *river.Job[doubleArgs]
	if err := pgx.BeginFunc(ctx, w.at.pool, func(tx pgx.Tx) (err error) {
		row, err = river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
		return err
	}); err != nil {
		return err
	}
	w.at.completed <- row.JobRow
	return nil
}

// atOnce is a policy of retries without delay.
type atOnce struct{}

// NextRetry returns when to try again.
func (atOnce) NextRetry(*rivertype.JobRow) time.Time { return time.Now() }

type riverSession struct {
	url, schema string
	pool        *pgxpool.Pool
	client      *river.Client[pgx.Tx]
	works, own  bool
	done        counter
	completed   chan *rivertype.JobRow // for Call; nil: it is not called
	stop        func()                 // ends the subscription
}

func openRiver(commit string) func(context.Context, Setting) (Session, error) {
	return func(ctx context.Context, s Setting) (_ Session, err error) {
		r := &riverSession{
			url: s.Servers.Postgres, schema: fmt.Sprintf("bench%d", s.Instance),
			works: s.Workers > 0, own: s.Address == "", stop: func() {},
		}
		if !r.own {
			r.url, r.schema, _ = strings.Cut(s.Address, "#")
		}
		config, err := pgxpool.ParseConfig(r.url)
		if err != nil {
			return nil, err
		}
		config.MaxConns = riverConns
		if s.Recover {
			config.MaxConns = 4 // each: many do this at once
		}
		config.ConnConfig.RuntimeParams["synchronous_commit"] = commit
		if r.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
			return nil, err
		}
		if err := r.begin(ctx, s); err != nil {
			r.pool.Close()
			return nil, err
		}
		return r, nil
	}
}

func (r *riverSession) begin(ctx context.Context, s Setting) error {
	driver := riverpgxv5.New(r.pool)
	if r.own {
		if err := r.migrate(ctx, driver); err != nil {
			return err
		}
	}
	client, err := river.NewClient(driver, r.config(s))
	if err != nil || !r.works {
		r.client = client
		return err
	}
	r.client = client
	events, stop := client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: 200_000, // more than there are jobs: it drops what has no room
		Kinds:    []river.EventKind{river.EventKindJobCompleted, river.EventKindJobFailed},
	})
	r.stop = stop
	go r.read(events)
	return client.Start(context.WithoutCancel(ctx))
}

func (r *riverSession) config(s Setting) *river.Config {
	c := &river.Config{Schema: r.schema, Logger: slog.New(slog.DiscardHandler), Workers: river.NewWorkers()}
	w := &doubleWorker{work: s.Work}
	if s.Calls {
		w.at, r.completed = r, make(chan *rivertype.JobRow, 1)
	}
	river.AddWorker(c.Workers, w)
	if s.Workers == 0 {
		return c
	}
	c.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.Workers}}
	// Between two fetches it waits for 100 ms by default. The benchmark that River has
	// takes these two.
	c.FetchCooldown, c.FetchPollInterval = 2*time.Millisecond, 20*time.Millisecond
	if s.Recover {
		c.FetchCooldown, c.FetchPollInterval = 20*time.Millisecond, 100*time.Millisecond // many at once do this meanwhile
		c.JobTimeout, c.RescueStuckJobsAfter, c.RetryPolicy = time.Second, time.Second, atOnce{}
	}
	return c
}

// migrate makes the tables, if there are none, and empties them.
func (r *riverSession) migrate(ctx context.Context, driver *riverpgxv5.Driver) error {
	if _, err := r.pool.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+r.schema); err != nil {
		return err
	}
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: r.schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	_, err = r.pool.Exec(ctx, "TRUNCATE "+r.schema+".river_job")
	return err
}

func (r *riverSession) read(events <-chan *river.Event) {
	for e := range events {
		if e.Kind != river.EventKindJobCompleted {
			r.done.add(fmt.Errorf("river: job %d has failed", e.Job.ID))
			continue
		}
		r.done.add(nil)
	}
}

func (r *riverSession) Submit(ctx context.Context, job int) error {
	_, err := r.client.Insert(ctx, doubleArgs{job}, nil)
	return err
}

func (r *riverSession) SubmitAll(ctx context.Context, n int) error {
	for from := 0; from < n; from += riverChunk {
		var chunk []river.InsertManyParams
		for i := from; i < min(n, from+riverChunk); i++ {
			chunk = append(chunk, river.InsertManyParams{Args: doubleArgs{i}})
		}
		if _, err := r.client.InsertManyFast(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (r *riverSession) Await(ctx context.Context, n int) error {
	if r.works {
		return r.done.await(ctx, n)
	}
	return poll(ctx, 20*time.Millisecond, func() (bool, error) {
		var completed, lost int
		err := r.pool.QueryRow(ctx, "SELECT count(*) FILTER (WHERE state = 'completed'), "+
			"count(*) FILTER (WHERE state IN ('discarded', 'cancelled')) FROM "+r.schema+".river_job").Scan(&completed, &lost)
		if lost > 0 {
			return false, fmt.Errorf("river: %d jobs are discarded", lost)
		}
		return completed >= n, err
	})
}

func (r *riverSession) Call(ctx context.Context, job int) (value int, err error) {
	if _, err := r.client.Insert(ctx, doubleArgs{job}, nil); err != nil {
		return 0, err
	}
	select {
	case row := <-r.completed:
		err = json.Unmarshal(row.Output(), &value)
		return value, err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (r *riverSession) Address() string { return r.url + "#" + r.schema }

func (r *riverSession) Close() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if r.works {
		errs = append(errs, r.client.Stop(ctx))
	}
	r.stop()
	if r.own {
		_, err := r.pool.Exec(ctx, "TRUNCATE "+r.schema+".river_job")
		errs = append(errs, err)
	}
	r.pool.Close()
	return errors.Join(errs...)
}
