package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

const memoryName = "BenchmarkMemory/lib=natspool-embedded"

// runWeight measures what a job in the queue, and a result that is kept, take in the memory and
// on the disk of a process that has the server in it. Each is in a process of its own, in which
// nothing else was, and all rounds at once: it is no time that is measured.
func (s *session) runWeight(ctx context.Context, w io.Writer) error {
	if !s.chosen.MatchString(memoryName) {
		return nil
	}
	// The server keeps blocks that it has read for 10 s, and ids that it has seen for 20 s.
	n, settle := 50_000, 25*time.Second
	if s.quick {
		n, settle = 100, 10*time.Millisecond
	}
	all := make([]measurement, s.rounds)
	var g errgroup.Group
	for round := range all {
		g.Go(func() (err error) {
			dir := filepath.Join(s.dir, fmt.Sprintf("memory%d", round))
			all[round], err = startWeigh(n, settle, dir)
			return errors.Join(err, os.RemoveAll(dir))
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	for _, m := range all {
		if _, err := io.WriteString(w, line(memoryName, m)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func startWeigh(n int, settle time.Duration, dir string) (m measurement, err error) {
	p, err := contenders.Start("weigh", strconv.Itoa(n), settle.String(), dir)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, p.End()) }()
	text, err := p.Line()
	if err != nil {
		return m, err
	}
	m.jobs = n
	fields := strings.Fields(text)
	for i := 0; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return m, err
		}
		m.metrics = append(m.metrics, metric{value, fields[i+1]})
	}
	return m, nil
}

// weigh is what the process for that does.
func weigh(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("weigh: %d arguments", len(args))
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	settle, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	server, err := natsembed.Start(natsembed.Options{Dir: args[2]})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	client, err := natspool.NewClient[int, int](ctx, "bench", natspool.WithServer(server))
	if err != nil {
		return err
	}
	defer client.Stop()
	scale := scale{n: float64(n), settle: settle, dir: args[2]}
	if err := scale.begin(ctx); err != nil {
		return err
	}
	if _, err := client.SubmitAll(ctx, upTo(n)); err != nil {
		return err
	}
	queued, err := scale.weigh(ctx)
	if err != nil {
		return err
	}
	if err := finish(ctx, server, client, n); err != nil {
		return err
	}
	kept, err := scale.weigh(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%g queued-B/job %g queued-disk-B/job %g kept-B/result %g kept-disk-B/result\n",
		queued.heap, queued.disk, kept.heap, kept.disk)
	return err
}

// finish has all jobs done and their results read, which are kept.
func finish(ctx context.Context, server *natsembed.Server, client *natspool.Pool[int, int], n int) error {
	p, err := natspool.New(ctx, "bench", func(_ context.Context, job int) (int, error) { return 2 * job, nil },
		natspool.WithServer(server), natspool.WithWorkers(8), natspool.WithPrefetch(256))
	if err != nil {
		return err
	}
	for i := range n {
		select {
		case r := <-client.Results():
			if r.Err != nil {
				return fmt.Errorf("result %d: %w", i, r.Err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return p.Leave(ctx)
}

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// scale weighs what there is more than there was at its begin.
type scale struct {
	n      float64
	settle time.Duration
	dir    string
	heap   float64
	disk   float64
}

func (s *scale) begin(ctx context.Context) error {
	settle := s.settle
	s.settle = 0 // there is nothing yet
	now, err := s.weigh(ctx)
	s.settle, s.heap, s.disk = settle, now.heap*s.n, now.disk*s.n
	return err
}

// weigh returns what it is for each job, after it has waited for what goes by itself.
func (s *scale) weigh(ctx context.Context) (w struct{ heap, disk float64 }, err error) {
	if err := sleep(ctx, s.settle); err != nil {
		return w, err
	}
	runtime.GC()
	runtime.GC() // what finalizers have freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	size, err := sizeOf(s.dir)
	w.heap, w.disk = (float64(m.HeapAlloc)-s.heap)/s.n, (size-s.disk)/s.n
	return w, err
}

// sizeOf is how much is in a directory. Files may go meanwhile.
func sizeOf(dir string) (size float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += float64(info.Size())
		}
		return err
	})
	return size, err
}
