package contenders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	asynqTask = "double"
	asynqKeep = 10 * time.Minute // of results: the default of natspool
	asynqPool = 80               // connections, so that none of 64 goroutines waits for one
)

func asynqs() []Contender {
	base := Contender{
		Name: Asynq, Title: "asynq",
		Done:   "it is completed and its result is stored (WithRetention of 10 minutes, ResultWriter)",
		Call:   "Enqueue, then Inspector.GetTaskInfo every 0.2 ms, since it tells nobody. Idle workers look for jobs each millisecond (TaskCheckInterval); by default they do each second",
		Module: "github.com/hibiken/asynq",
	}
	second, nothing := base, base
	second.Group, second.Durability = Second, "Redis with appendfsync everysec"
	second.needs = func(s Servers) string { return s.RedisEverysec }
	second.Recovery = "a lease of 30 s, then 30 s more, and a look each minute, none of which can be set"
	nothing.Group, nothing.Durability = Nothing, "Redis with appendfsync always"
	nothing.needs = func(s Servers) string { return s.RedisAlways }
	second.open, nothing.open = openAsynq(second.needs), openAsynq(nothing.needs)
	return []Contender{second, nothing}
}

type asynqSession struct {
	addr      string
	db        int
	redis     *redis.Client
	client    *asynq.Client
	inspector *asynq.Inspector
	server    *asynq.Server // nil: it works elsewhere
	work      time.Duration
	handled   counter
	own       bool
}

func openAsynq(where func(Servers) string) func(context.Context, Setting) (Session, error) {
	return func(ctx context.Context, s Setting) (Session, error) {
		a := &asynqSession{addr: where(s.Servers), db: s.Instance, work: s.Work, own: s.Address == ""}
		if !a.own {
			addr, db, _ := strings.Cut(s.Address, "/")
			a.addr = addr
			if _, err := fmt.Sscan(db, &a.db); err != nil {
				return nil, fmt.Errorf("asynq: address %q: %w", s.Address, err)
			}
		}
		a.redis = redis.NewClient(&redis.Options{Addr: a.addr, DB: a.db, PoolSize: asynqPool})
		a.client = asynq.NewClientFromRedisClient(a.redis)
		a.inspector = asynq.NewInspectorFromRedisClient(a.redis)
		if a.own {
			if err := a.redis.FlushDB(ctx).Err(); err != nil {
				return nil, errors.Join(err, a.redis.Close())
			}
		}
		if s.Workers > 0 {
			a.server = asynq.NewServerFromRedisClient(a.redis, asynqConfig(s))
			if err := a.server.Start(asynq.HandlerFunc(a.handle)); err != nil {
				return nil, errors.Join(err, a.redis.Close())
			}
		}
		return a, nil
	}
}

func asynqConfig(s Setting) asynq.Config {
	c := asynq.Config{
		Concurrency: s.Workers, LogLevel: asynq.FatalLevel,
		// Workers that find nothing look again after this time. It is a second by default,
		// which would be all that is measured where there is one job at a time.
		TaskCheckInterval: time.Millisecond,
	}
	if s.Recover {
		c.TaskCheckInterval = 20 * time.Millisecond // many at once do this meanwhile
		c.DelayedTaskCheckInterval = time.Second
		c.RetryDelayFunc = func(int, error, *asynq.Task) time.Duration { return 0 }
	}
	return c
}

func (a *asynqSession) handle(ctx context.Context, t *asynq.Task) error {
	err := a.run(ctx, t)
	a.handled.add(err)
	return err
}

func (a *asynqSession) run(ctx context.Context, t *asynq.Task) error {
	var n int
	if err := json.Unmarshal(t.Payload(), &n); err != nil {
		return err
	}
	value, err := double(ctx, n, a.work)
	if err != nil {
		return err
	}
	_, err = t.ResultWriter().Write(strconv.AppendInt(nil, int64(value), 10))
	return err
}

func (a *asynqSession) enqueue(ctx context.Context, job int) (*asynq.TaskInfo, error) {
	data, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	return a.client.EnqueueContext(ctx, asynq.NewTask(asynqTask, data), asynq.Retention(asynqKeep))
}

func (a *asynqSession) Submit(ctx context.Context, job int) error {
	_, err := a.enqueue(ctx, job)
	return err
}

func (a *asynqSession) SubmitAll(context.Context, int) error { return errors.ErrUnsupported }

// Await does not ask while there is nothing to ask for, which would cost Redis time.
func (a *asynqSession) Await(ctx context.Context, n int) error {
	every := 10 * time.Millisecond
	if a.server != nil {
		if err := a.handled.await(ctx, n); err != nil {
			return err
		}
		every = time.Millisecond
	}
	return poll(ctx, every, func() (bool, error) {
		info, err := a.inspector.GetQueueInfo("default")
		if errors.Is(err, asynq.ErrQueueNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if info.Archived > 0 {
			return false, fmt.Errorf("asynq: %d tasks are archived", info.Archived)
		}
		return info.Completed >= n, nil
	})
}

func (a *asynqSession) Call(ctx context.Context, job int) (value int, err error) {
	info, err := a.enqueue(ctx, job)
	if err != nil {
		return 0, err
	}
	err = poll(ctx, 200*time.Microsecond, func() (bool, error) {
		now, err := a.inspector.GetTaskInfo("default", info.ID)
		if err != nil || now.State != asynq.TaskStateCompleted {
			return false, err
		}
		value, err = strconv.Atoi(string(now.Result))
		return true, err
	})
	return value, err
}

func (a *asynqSession) Address() string { return fmt.Sprintf("%s/%d", a.addr, a.db) }

func (a *asynqSession) Close() error {
	if a.server != nil {
		a.server.Shutdown()
	}
	var err error
	if a.own {
		err = a.redis.FlushDB(context.Background()).Err()
	}
	return errors.Join(err, a.redis.Close())
}
