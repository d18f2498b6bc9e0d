package conformance

import (
	"context"
	"fmt"
	"runtime"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

// handle is the handler of the suite's pools.
func (tr *trial) handle(ctx context.Context, job Job) (Value, error) {
	tr.mu.Lock()
	tr.starts[job.N]++
	tr.order = append(tr.order, job.N)
	tr.running++
	tr.peak = max(tr.peak, tr.running)
	tr.tell()
	tr.mu.Unlock()
	defer func() {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.running--
		tr.tell()
	}()
	action, ok := tr.actions[job.Do]
	if !assert.True(tr.t, ok, "no action %q", job.Do) {
		return Value{}, nil
	}
	return action(ctx, job)
}

// valueOf is what a job returns that has no reason to return anything else.
func valueOf(job Job) Value { return Value{N: job.N, Text: "done"} }

// attempt is how often the job has started.
func (tr *trial) attempt(job Job) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.starts[job.N]
}

// pause waits until the job is released, or its context ends, whose cause it notes and
// returns.
func (tr *trial) pause(ctx context.Context, job Job) error {
	tr.mu.Lock()
	gate := tr.gate(job.N)
	tr.mu.Unlock()
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.causes[job.N] = context.Cause(ctx)
	tr.tell()
	return context.Cause(ctx)
}

// standardActions are what jobs of more than one check do.
func (tr *trial) standardActions() actions {
	fail := func(job Job) error { return tr.settings.Errors[job.Error] }
	return actions{
		"": func(_ context.Context, job Job) (Value, error) { return valueOf(job), nil },
		"fail": func(_ context.Context, job Job) (Value, error) {
			return Value{job.N, "beside"}, fail(job)
		},
		"fail a few times": func(_ context.Context, job Job) (Value, error) {
			if tr.attempt(job) <= job.Times {
				return Value{}, fail(job)
			}
			return valueOf(job), nil
		},
		"fail for good": func(_ context.Context, job Job) (Value, error) {
			return Value{}, workerpool.Permanent(fmt.Errorf("no use: %w", fail(job)))
		},
		"panic with an error":  func(_ context.Context, job Job) (Value, error) { panic(fail(job)) },
		"panic with a string":  func(context.Context, Job) (Value, error) { panic("boom") },
		"panic with nil":       func(context.Context, Job) (Value, error) { panic(nil) },
		"panic in the runtime": func(_ context.Context, job Job) (Value, error) { return []Value{}[job.N], nil },
		"call Goexit":          func(context.Context, Job) (Value, error) { runtime.Goexit(); return Value{}, nil },
		"call Goexit in a panic": func(context.Context, Job) (Value, error) {
			defer runtime.Goexit()
			panic("lost")
		},
		"panic in a Goexit": func(context.Context, Job) (Value, error) {
			defer func() { panic("boom") }()
			runtime.Goexit()
			return Value{}, nil
		},
		"recover": func(_ context.Context, job Job) (_ Value, err error) {
			defer func() { err = fmt.Errorf("recovered %v: %w", recover(), fail(job)) }()
			panic("boom")
		},
		// Waits until it is released, or its context ends.
		"wait": func(ctx context.Context, job Job) (Value, error) {
			if err := tr.pause(ctx, job); err != nil {
				return Value{}, err
			}
			return valueOf(job), nil
		},
		// Waits until it is released, and notes that its context has ended.
		"wait, deaf": func(ctx context.Context, job Job) (Value, error) {
			if tr.pause(ctx, job) != nil {
				tr.mu.Lock()
				gate := tr.gate(job.N)
				tr.mu.Unlock()
				<-gate
			}
			return valueOf(job), nil
		},
		// Ends with its context, as what looks at its error does.
		"time out": func(ctx context.Context, _ Job) (Value, error) { <-ctx.Done(); return Value{}, ctx.Err() },
	}
}
