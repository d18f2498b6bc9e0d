package contenders

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

func natspools() []Contender {
	const module = "github.com/boundedgo/workerpool/natspool"
	base := Contender{
		Done: "its result was received from Results", Batch: "SubmitAll", Call: "Do", Module: module,
	}
	embedded, server, always := base, base, base
	embedded.Name, embedded.Group, embedded.Title = Embedded, Second, "natspool, embedded"
	embedded.Durability, embedded.open = "SyncEvery 1 s, the default", openEmbedded(false)
	server.Name, server.Group, server.Title = Server, Second, "natspool, server process"
	server.Durability, server.open = "SyncEvery 1 s, the default", openServer
	server.Recovery = "WithLease of 1 s, which is the least; the default is 30 s"
	always.Name, always.Group, always.Title = Embedded, Nothing, "natspool, embedded"
	always.Durability, always.open = "SyncAlways", openEmbedded(true)
	return []Contender{embedded, server, always}
}

type natsSession struct {
	pool   *natspool.Pool[int, int]
	done   counter
	url    string
	cancel []func() error // what ends the server
}

func openEmbedded(always bool) func(context.Context, Setting) (Session, error) {
	return func(ctx context.Context, s Setting) (Session, error) {
		server, err := natsembed.Start(natsembed.Options{Dir: filepath.Join(s.Dir, "nats"), SyncAlways: always})
		if err != nil {
			return nil, err
		}
		end := func() error {
			server.Shutdown()
			return os.RemoveAll(filepath.Join(s.Dir, "nats"))
		}
		return openPool(ctx, s, "", natspool.WithServer(server), end)
	}
}

// openServer has the server in a process of its own, which another session may have started.
func openServer(ctx context.Context, s Setting) (Session, error) {
	if s.Address != "" {
		return openPool(ctx, s, s.Address, natspool.WithURL(s.Address), func() error { return nil })
	}
	dir := filepath.Join(s.Dir, "nats")
	p, err := Start("serve", dir)
	if err != nil {
		return nil, err
	}
	end := func() error { return errors.Join(p.End(), os.RemoveAll(dir)) }
	url, err := p.Line()
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return openPool(ctx, s, url, natspool.WithURL(url), end)
}

// Serve is a server in a process of its own: it says where it listens, and ends with ctx.
func Serve(ctx context.Context, dir string) error {
	server, err := natsembed.Start(natsembed.Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	if _, err := fmt.Println(server.URL()); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func openPool(ctx context.Context, s Setting, url string, where natspool.Option, end func() error) (Session, error) {
	opts := []natspool.Option{where}
	if s.Recover {
		// What a process holds beyond what it runs has to wait for its lease too.
		opts = append(opts, natspool.WithLease(time.Second), natspool.WithPrefetch(0))
	} else {
		opts = append(opts, natspool.WithPrefetch(ahead))
	}
	n := &natsSession{url: url, cancel: []func() error{end}}
	var err error
	if s.Workers == 0 {
		n.pool, err = natspool.NewClient[int, int](ctx, "bench", opts...)
	} else {
		n.pool, err = natspool.New(ctx, "bench", func(ctx context.Context, job int) (int, error) {
			return double(ctx, job, s.Work)
		}, append(opts, natspool.WithWorkers(s.Workers))...)
	}
	if err != nil {
		return nil, errors.Join(err, end())
	}
	if s.Address == "" { // a process that only works does not read
		go n.read()
	}
	return n, nil
}

func (n *natsSession) read() {
	for r := range n.pool.Results() {
		err := r.Err
		if err == nil && r.Value != 2*r.Job {
			err = fmt.Errorf("natspool: the result of %d is %d", r.Job, r.Value)
		}
		n.done.add(err)
	}
}

func (n *natsSession) Submit(ctx context.Context, job int) error { return n.pool.Submit(ctx, job) }

func (n *natsSession) SubmitAll(ctx context.Context, jobs int) error {
	_, err := n.pool.SubmitAll(ctx, upTo(jobs))
	return err
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

func (n *natsSession) Await(ctx context.Context, jobs int) error { return n.done.await(ctx, jobs) }

func (n *natsSession) Call(ctx context.Context, job int) (int, error) { return n.pool.Do(ctx, job) }

func (n *natsSession) Address() string { return n.url }

func (n *natsSession) Close() error {
	n.pool.Stop()
	var errs []error
	for _, f := range n.cancel {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}
