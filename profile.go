package workerpool

import (
	"bytes"
	"context"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
)

// What the tools of package runtime see of a pool: labels in profiles, tasks in traces, and
// which goroutine runs a job.

// settleIn is what w does first on a goroutine.
func (w *worker[T, R]) settleIn() {
	if w.pool.name != "" {
		pprof.SetGoroutineLabels(w.pool.ctx)
	}
	if w.view != nil && w.pool.observer.timing {
		w.view.goroutine = goroutine()
	}
}

// labelled returns ctx with the label for profiles which the goroutines of the pool get,
// and so do those that return to the labels of a job's context.
func labelled(ctx context.Context, name string) context.Context {
	if name == "" {
		return ctx
	}
	return pprof.WithLabels(ctx, pprof.Labels("workerpool", name))
}

// taskType is what tasks of runtime/trace are called.
func (p *Pool[T, R]) taskType() string {
	if p.name == "" {
		return "workerpool"
	}
	return p.name
}

// attemptTraced is attempt for a job of Submit or of a bulk call while a trace is being
// taken.
func (p *Pool[T, R]) attemptTraced(ctx context.Context, job T) (R, error) {
	ctx, task := trace.NewTask(ctx, p.taskType())
	defer task.End()
	return p.attempt(ctx, job)
}

// goroutine returns the number of the current goroutine. The runtime says it nowhere but
// in stack dumps, and there is no other use for it than to find a goroutine in one.
func goroutine() uint64 {
	var buf [32]byte
	number, _, _ := bytes.Cut(bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine ")), []byte(" "))
	n, _ := strconv.ParseUint(string(number), 10, 64)
	return n
}
