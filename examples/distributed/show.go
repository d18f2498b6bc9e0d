package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// show starts all of it, and says at the end whether anything was lost.
func show(ctx context.Context, cfg config, out io.Writer) (err error) {
	if cfg.dir == "" {
		if cfg.dir, err = os.MkdirTemp("", "distributed"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(cfg.dir) }()
	}
	server, err := natsembed.Start(natsembed.Options{Dir: cfg.dir, Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	cli.Printf(out, "server   in this process, on %s\n", server.URL())

	first, err := startWorker(cfg, server.URL(), out)
	if err != nil {
		return err
	}
	defer first.end()
	second, err := startWorker(cfg, server.URL(), out)
	if err != nil {
		return err
	}
	defer second.end()

	pool, err := natspool.NewClient[int, int](ctx, poolName, natspool.WithServer(server), natspool.WithLease(cfg.lease))
	if err != nil {
		return err
	}
	defer pool.Stop()
	t := &tally{jobs: cfg.jobs, seen: map[int]int{}, by: map[string]int{}, last: time.Now()}
	defer cli.Every(500*time.Millisecond, func() { cli.Printf(out, "%s\n", t.progress()) })()

	stored, err := pool.SubmitAll(ctx, upTo(cfg.jobs))
	if err != nil {
		return err
	}
	pool.Close()
	cli.Printf(out, "producer has stored %d jobs\n", stored)
	for r := range pool.Deliveries() {
		if t.take(r) == cfg.jobs/2 {
			cli.Printf(out, "kill -9  worker %d, half-way\n", first.pid())
			first.kill()
		}
		if err := r.Ack(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	cli.Printf(out, "%s", t.report())
	return t.verdict()
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

// process is a worker process.
type process struct {
	cmd  *exec.Cmd
	once sync.Once
}

func startWorker(cfg config, url string, out io.Writer) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-worker", url, "-work", cfg.work.String(), "-lease", cfg.lease.String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	cli.Printf(out, "worker   %d, %d jobs at once\n", cmd.Process.Pid, workers)
	return &process{cmd: cmd}, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill leaves it no time for anything.
func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill() // it may have ended by itself, which the count will show
		_ = p.cmd.Wait()
	})
}

// end has it finish what it has begun, and waits for it.
func (p *process) end() {
	p.once.Do(func() {
		if p.cmd.Process.Signal(os.Interrupt) != nil { // there is no such signal on Windows
			_ = p.cmd.Process.Kill()
		}
		_ = p.cmd.Wait()
	})
}
