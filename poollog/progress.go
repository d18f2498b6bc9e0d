package poollog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
)

// Progress returns hooks that log how far a batch of jobs is: where there is no terminal for
// a progress bar, in a log file or a CI. It logs at level Info, when a job is done and
// every has passed since it last did, and when total jobs are done; so it logs
// nothing while no job ends. A total of 0 means that it is not known. A nil logger is
// [slog.Default].
//
//	level=INFO msg=progress pool=thumbs done=1200 failed=3 rate=412 total=2000 left=2s
//
// rate is of jobs in a second, since the last line, and left is what the jobs to come take at the mean
// rate since the first job came. Jobs that were accepted and never ran are done, and failed.
// The hooks are for one batch, on any number of pools. They only count: use [Jobs] too where
// the errors matter, and the panics of a pool WithoutResults.
func Progress(logger *slog.Logger, every time.Duration, total int) workerpool.Hooks {
	p := &progress{logger: orDefault(logger), every: every, total: total}
	return workerpool.Hooks{
		Queued: func(context.Context, workerpool.JobInfo) { p.begin() },
		Started: func(ctx context.Context, _ workerpool.JobInfo) context.Context {
			p.begin() // a job of a bulk call, which is not queued
			return ctx
		},
		Done: p.done,
	}
}

type progress struct {
	logger *slog.Logger
	every  time.Duration
	total  int

	mu          sync.Mutex
	begun, last time.Time
	lastCount   int
	count       int
	failed      int
}

func (p *progress) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		p.begun = time.Now()
		p.last = p.begun
	}
}

func (p *progress) done(ctx context.Context, j workerpool.JobInfo) {
	if attrs := p.add(j); attrs != nil {
		p.logger.LogAttrs(ctx, slog.LevelInfo, "progress", attrs...)
	}
}

// add counts a job, and returns what there is to be logged, if it is time.
func (p *progress) add(j workerpool.JobInfo) []slog.Attr {
	if j.Refused { // it will come again, or not
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	if j.Err != nil {
		p.failed++
	}
	now := time.Now()
	if now.Sub(p.last) < p.every && p.count != p.total {
		return nil
	}
	a := make([]slog.Attr, 0, 6)
	if j.Pool != "" {
		a = append(a, slog.String("pool", j.Pool))
	}
	a = append(a, slog.Int("done", p.count), slog.Int("failed", p.failed))
	if d := now.Sub(p.last); d > 0 {
		a = append(a, slog.Float64("rate", round(float64(p.count-p.lastCount)/d.Seconds())))
	}
	if p.total > 0 {
		a = append(a, slog.Int("total", p.total), slog.Duration("left", p.left(now)))
	}
	p.last, p.lastCount = now, p.count
	return a
}

func (p *progress) left(now time.Time) time.Duration {
	each := float64(now.Sub(p.begun)) / float64(p.count)
	return time.Duration(each * float64(max(0, p.total-p.count))).Round(time.Second / 10)
}

// round rounds to what a reader wants to know of a rate.
func round(rate float64) float64 {
	if rate >= 10 {
		return float64(int(rate + 0.5))
	}
	return float64(int(rate*10+0.5)) / 10
}
