// Package poollog writes what worker pools do to a log of package log/slog: each job, or how
// far it all is, or the jobs that do not end.
//
//	pool, err := workerpool.New(fetch,
//		workerpool.WithName("pages"),
//		workerpool.WithTiming(),
//		workerpool.WithHooks(poollog.Jobs(logger)))
//
// No function of this package writes a job itself, which may be in use, or secret.
package poollog

import (
	"context"
	"log/slog"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/inspect"
	"github.com/boundedgo/workerpool/internal/stacks"
)

// Jobs returns hooks that log each job when it is done, each attempt that another one will
// follow, each call that is refused, and each time that a [workerpool.RetryAfter] pauses the
// pool: the error of a job at level Error; a refused call, a job that was accepted and never
// ran, an attempt that failed, and a pause at level Warn; all else at level Debug. With
// [workerpool.WithTiming] there is how long the job waited before its first attempt, and how
// long this one ran. The lines of pauses and new sizes do not say of which pool: where that
// matters give the hooks of each pool a logger of its own, made by With. A nil logger is
// [slog.Default].
//
//	level=DEBUG msg="job done" pool=pages id=17 attempt=1 wait=1.2ms run=80ms
//	level=WARN msg="job tried again" pool=pages id=18 attempt=1 wait=1ms run=2s err=EOF again=250ms
func Jobs(logger *slog.Logger) workerpool.Hooks {
	logger = orDefault(logger)
	return workerpool.Hooks{
		Done: func(ctx context.Context, j workerpool.JobInfo) {
			level, msg := slog.LevelDebug, "job done"
			switch {
			case j.Refused: // Rejected says so
				return
			case j.Attempt == 0:
				level, msg = slog.LevelWarn, "job not run"
			case j.Err != nil:
				level, msg = slog.LevelError, "job failed"
			}
			if logger.Enabled(ctx, level) {
				logger.LogAttrs(ctx, level, msg, attrs(j)...)
			}
		},
		Retrying: func(ctx context.Context, j workerpool.JobInfo, wait time.Duration) {
			if logger.Enabled(ctx, slog.LevelWarn) {
				logger.LogAttrs(ctx, slog.LevelWarn, "job tried again", append(attrs(j), slog.Duration("again", wait))...)
			}
		},
		Throttled: func(until time.Time) {
			logger.Warn("pool paused", "until", until)
		},
		Rejected: func(ctx context.Context, err error) {
			logger.LogAttrs(ctx, slog.LevelWarn, "job refused", slog.Any("err", err))
		},
		Resized: func(from, to int) {
			logger.Debug("pool resized", "from", from, "to", to)
		},
	}
}

func attrs(j workerpool.JobInfo) []slog.Attr {
	a := make([]slog.Attr, 0, 7)
	if j.Pool != "" {
		a = append(a, slog.String("pool", j.Pool))
	}
	a = append(a, slog.Uint64("id", j.ID), slog.Int("attempt", j.Attempt))
	if j.Attempt == 1 && !j.Queued.IsZero() && !j.Started.IsZero() { // later ones waited for other things too
		a = append(a, slog.Duration("wait", j.Started.Sub(j.Queued)))
	}
	if !j.Finished.IsZero() {
		a = append(a, slog.Duration("run", j.Finished.Sub(j.Started)))
	}
	if j.Err != nil {
		a = append(a, slog.Any("err", j.Err))
	}
	return a
}

// Stuck logs the jobs of a pool that have run for longer than longest, each attempt once, at level
// Warn, with the stack of its goroutine, until ctx ends, also after the pool has. It blocks
// until then, so give it a goroutine of its own. It looks four times in longest, which must be
// positive; to get the stacks, when there is something to log, it stops the program for as
// long as a dump of all goroutines takes. The pool needs [workerpool.WithTiming]. Where something is
// missing, Stuck says so in the log, at level Error, and returns. A nil logger is [slog.Default].
func Stuck(ctx context.Context, logger *slog.Logger, pool workerpool.Inspector, longest time.Duration) {
	logger = orDefault(logger)
	if ctx == nil || inspect.IsNil(pool) || longest <= 0 {
		logger.Error("cannot look for stuck jobs: a context, a pool and a positive time are needed",
			"context", ctx != nil, "pool", !inspect.IsNil(pool), "longest", longest)
		return
	}
	logger = logger.With("pool", pool.Name())
	if pool.Stats().Timing == nil {
		logger.LogAttrs(ctx, slog.LevelError, "cannot look for stuck jobs: the pool was made without WithTiming")
		return
	}
	ticker := time.NewTicker(max(time.Millisecond, longest/4))
	defer ticker.Stop()
	told := map[uint64]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			told = logStuck(ctx, logger, overdue(pool.Running(), now, longest), told)
		}
	}
}

// overdue returns those jobs that have run for longer than longest.
func overdue(jobs []workerpool.JobInfo, now time.Time, longest time.Duration) (late []workerpool.JobInfo) {
	for _, j := range jobs {
		if now.Sub(j.Started) > longest {
			late = append(late, j)
		}
	}
	return late
}

// logStuck logs those of jobs that were not yet told of, and returns which are now.
func logStuck(ctx context.Context, logger *slog.Logger, jobs []workerpool.JobInfo, told map[uint64]bool) map[uint64]bool {
	var numbers []uint64
	for _, j := range jobs {
		if !told[j.ID] {
			numbers = append(numbers, j.Goroutine)
		}
	}
	found := stacks.Of(numbers...)
	now := make(map[uint64]bool, len(jobs)) // without those that have ended since
	for _, j := range jobs {
		if now[j.ID] = true; told[j.ID] {
			continue
		}
		logger.LogAttrs(ctx, slog.LevelWarn, "job is stuck", slog.Uint64("id", j.ID), slog.Int("attempt", j.Attempt),
			slog.Duration("running", time.Since(j.Started)), slog.String("stack", found[j.Goroutine]))
	}
	return now
}

func orDefault(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.Default()
	}
	return logger
}
