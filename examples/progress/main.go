// Command progress shows how far a batch of jobs is: by a bar on a terminal, and in a log
// where there is none.
//
//	go run -C examples ./progress
//	go run -C examples ./progress 2>&1 | cat
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/examples/internal/cli"
	"github.com/boundedgo/workerpool/poollog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	work := withBar
	if !cli.IsTerminal(os.Stderr) {
		work = withLog
	}
	done, err := work(ctx, os.Stderr, make([]time.Duration, 400))
	fmt.Println(done, "done")
	if err != nil {
		cli.Complain(os.Stderr, "progress", err)
		os.Exit(1)
	}
}

// nap is the work: it takes some 50 ms more than its job says.
func nap(ctx context.Context, d time.Duration) (time.Duration, error) {
	select {
	case <-time.After(d + rand.N(100*time.Millisecond)):
		return d, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// withBar draws a bar: a line to make it, one for each result, and one at the end.
func withBar(ctx context.Context, w io.Writer, jobs []time.Duration) (done int, err error) {
	bars := mpb.New(mpb.WithOutput(w))
	bar := bars.AddBar(int64(len(jobs)), mpb.PrependDecorators(decor.CountersNoUnit("%d of %d ")), mpb.AppendDecorators(decor.Percentage()))

	results, errf := workerpool.Stream(ctx, slices.Values(jobs), nap, workerpool.WithWorkers(8))
	for r := range results {
		if r.Err == nil {
			done++
		}
		bar.Increment()
	}
	bar.Abort(false) // if ctx has ended before the last one
	bars.Wait()
	return done, errf()
}

// withLog logs a line each second.
func withLog(ctx context.Context, w io.Writer, jobs []time.Duration) (done int, err error) {
	logger := slog.New(slog.NewTextHandler(w, nil))
	results, errf := workerpool.Stream(ctx, slices.Values(jobs), nap, workerpool.WithWorkers(8),
		workerpool.WithHooks(poollog.Progress(logger, time.Second, len(jobs))))
	for r := range results {
		if r.Err == nil {
			done++
		}
	}
	return done, errf()
}
