package natspool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

func startMem(t testing.TB) *natsembed.Server {
	t.Helper()
	s, err := natsembed.Start(natsembed.Options{Memory: true})
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	return s
}

// within fails unless f returns in d.
func within(t testing.TB, d time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		buf := make([]byte, 1<<20)
		t.Logf("%s", buf[:runtime.Stack(buf, true)])
		t.Fatalf("%s: not within %v", what, d)
	}
}

func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 20*time.Second, time.Millisecond)
}

func TestEdge_TryDoWithoutServer(t *testing.T) {
	s, url := startURL(t)
	newClient[int, int](t, s).Stop() // what the pool has is made
	f := newFreezer(t, strings.TrimPrefix(url, "nats://"))
	c, err := natspool.NewClient[int, int](t.Context(), "test", natspool.WithURL("nats://"+f.l.Addr().String()), natspool.WithTryTimeout(200*time.Millisecond))
	require.NoError(t, err)
	defer c.Stop()
	f.frozen.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	begin := time.Now()
	_, err = c.TryDo(ctx, 1)
	require.ErrorIs(t, err, natspool.ErrUnavailable)
	assert.Less(t, time.Since(begin), 2*time.Second, "%v", err)
}

func TestEdge_TryDoWithoutServerSecond(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, double, natspool.WithTryTimeout(200*time.Millisecond))
	_, err := p.TryDo(soon(t), 1)
	require.NoError(t, err)
	s.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	begin := time.Now()
	_, err = p.TryDo(ctx, 1)
	require.Error(t, err)
	assert.Less(t, time.Since(begin), 2*time.Second, "%v", err)
}

func TestEdge_StopWhileDoHasNoServer(t *testing.T) {
	s, url := startURL(t)
	newClient[int, int](t, s).Stop() // what the pool has is made
	f := newFreezer(t, strings.TrimPrefix(url, "nats://"))
	c, err := natspool.NewClient[int, int](t.Context(), "test", natspool.WithURL("nats://"+f.l.Addr().String()))
	require.NoError(t, err)
	f.frozen.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	did := make(chan error, 1)
	go func() { _, err := c.Do(ctx, 1); did <- err }()
	eventually(t, f.held.Load) // it has asked, or is about to: the connection has nothing else to say
	within(t, 12*time.Second, "Stop", func() { c.Stop() })
	within(t, time.Second, "Do", func() { assert.Error(t, <-did) })
}

func TestEdge_SubmitAllInsideJob(t *testing.T) {
	s := startMem(t)
	var p *natspool.Pool[int, int]
	ready := make(chan struct{})
	p = newPool(t, s, func(ctx context.Context, n int) (int, error) {
		<-ready
		if n != 0 {
			return n, nil
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := p.SubmitAll(ctx, func(yield func(int) bool) {
			for i := range 20 {
				if !yield(i + 1) {
					return
				}
			}
		})
		return 0, err
	}, natspool.WithWorkers(1), natspool.WithPrefetch(0), natspool.WithCapacity(5), natspool.WithError("full", workerpool.ErrFull))
	close(ready)
	require.NoError(t, p.Submit(soon(t), 0, natspool.ID("outer")))
	for r := range p.Results() {
		if r.Job == 0 {
			require.ErrorIs(t, r.Err, workerpool.ErrFull)
			require.NotErrorIs(t, r.Err, context.DeadlineExceeded)
			return
		}
	}
}

func TestEdge_DelayedDuplicateOfQueued(t *testing.T) {
	s := startMem(t)
	c := newClient[int, int](t, s, natspool.WithPartitions(2))
	require.NoError(t, c.Submit(soon(t), 1, natspool.ID("x")))
	require.ErrorIs(t, c.Submit(soon(t), 1, natspool.ID("x"), natspool.Delay(time.Hour)), natspool.ErrDuplicate)
	require.NoError(t, c.Submit(soon(t), 1, natspool.ID("y"), natspool.Key("k")))
	require.ErrorIs(t, c.Submit(soon(t), 1, natspool.ID("y"), natspool.Delay(time.Hour)), natspool.ErrDuplicate)
}

func TestEdge_DeadLettersOfDo(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd }, natspool.WithDeadLetters(3))
	for i := range 6 {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		_, err := p.Do(ctx, i)
		cancel()
		require.EqualError(t, err, "odd", "call %d", i)
	}
}

func TestEdge_RequeueOfClosed(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd })
	require.NoError(t, p.Submit(soon(t), 1, natspool.ID("x")))
	require.NoError(t, p.Wait(soon(t)))
	c := newClient[int, int](t, s)
	c.Close()
	require.ErrorIs(t, c.Requeue(soon(t), "x"), workerpool.ErrClosed)
	_, err := p.Lookup(soon(t), "x")
	require.NoError(t, err, "the result is still there")
	p.Close()
	require.Len(t, collect(p), 1)
}

func TestEdge_RequeueThatFindsNoPlace(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd }, natspool.WithCapacity(2))
	require.NoError(t, p.Submit(soon(t), 1, natspool.ID("x")))
	require.NoError(t, p.Wait(soon(t)))
	require.NoError(t, p.Leave(soon(t)))
	c := newClient[int, int](t, s, natspool.WithCapacity(2))
	require.NoError(t, c.Submit(soon(t), 2))
	require.NoError(t, c.Submit(soon(t), 2))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, c.Requeue(ctx, "x"))
	_, err := c.Lookup(soon(t), "x")
	require.NoError(t, err, "the result is still there")
}

func TestEdge_ShutdownAfterLeave(t *testing.T) {
	s := startMem(t)
	c := newClient[int, int](t, s)
	require.NoError(t, c.Submit(soon(t), 1))
	require.NoError(t, c.Leave(soon(t)))
	require.Error(t, c.Wait(soon(t)))
	err := c.Shutdown(soon(t))
	require.Error(t, err, "one job is left")
}

// freezer is a proxy that can stop to forward, and says nothing of it.
type freezer struct {
	l      net.Listener
	frozen atomic.Bool
	held   atomic.Bool // something has come meanwhile
	quit   chan struct{}
}

func newFreezer(t testing.TB, to string) *freezer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &freezer{l: l, quit: make(chan struct{})}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			go f.pipe(c, up)
			go f.pipe(up, c)
			go func() { <-f.quit; _ = c.Close(); _ = up.Close() }()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); close(f.quit) })
	return f
}

func (f *freezer) pipe(dst io.WriteCloser, src io.ReadCloser) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		for f.frozen.Load() {
			f.held.Store(true)
			select {
			case <-f.quit:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		if err != nil {
			_ = dst.Close()
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

func startURL(t testing.TB) (*natsembed.Server, string) {
	s, err := natsembed.Start(natsembed.Options{Memory: true, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	nc, err := s.Connect()
	require.NoError(t, err)
	defer nc.Close()
	return s, s.URL()
}

// suspects makes n jobs that somebody had and gave back without a word.
func suspects(t testing.TB, s *natsembed.Server, c *natspool.Pool[int, int], n int) {
	nc, err := s.Connect()
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, c.Submit(soon(t), i, natspool.ID(fmt.Sprint("s", i))))
	}
	cons, err := js.Consumer(soon(t), "WP_test_JOBS", "workers")
	require.NoError(t, err)
	batch, err := cons.Fetch(n, jetstream.FetchMaxWait(3*time.Second))
	require.NoError(t, err)
	got := 0
	for m := range batch.Messages() {
		require.NoError(t, m.Nak())
		got++
	}
	require.Equal(t, n, got)
	require.NoError(t, nc.Flush())
}

func TestEdge_StopWhileTheServerIsFrozen(t *testing.T) {
	s, url := startURL(t)
	first := newPool(t, s, double)
	require.NoError(t, first.Leave(soon(t)))
	suspects(t, s, newClient[int, int](t, s), 1)
	f := newFreezer(t, strings.TrimPrefix(url, "nats://"))
	b := newBlocker()
	p, err := natspool.New(t.Context(), "test", b.run, natspool.WithURL("nats://"+f.l.Addr().String()))
	require.NoError(t, err)
	<-b.began
	f.frozen.Store(true)
	close(b.free)
	eventually(t, f.held.Load)
	within(t, 25*time.Second, "Stop", func() { p.Stop() })
}

func TestEdge_FailureThatHasNoRoom(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, func(context.Context, string) (int, error) { return 0, errors.New(strings.Repeat("odd", 1000)) }, natspool.WithMaxJobBytes(1<<20))
	err := p.Submit(soon(t), strings.Repeat("x", 1<<20-110))
	if err != nil {
		require.ErrorIs(t, err, natspool.ErrTooLarge)
		return
	}
	select {
	case r := <-p.Results():
		require.Error(t, r.Err)
	case <-time.After(5 * time.Second):
		t.Fatal("no result")
	}
}

func TestEdge_PrivateConsumerGone(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, double)
	_, err := p.Do(soon(t), 1)
	require.NoError(t, err)
	nc, err := s.Connect()
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	str, err := js.Stream(soon(t), "WP_test_RESULTS")
	require.NoError(t, err)
	for name := range str.ConsumerNames(soon(t)).Name() {
		require.NoError(t, str.DeleteConsumer(soon(t), name))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	v, err := p.Do(ctx, 2)
	require.NoError(t, err)
	assert.Equal(t, 4, v)
}

func TestEdge_UsersConnectionCloses(t *testing.T) {
	s := startLocal(t)
	nc, err := s.Connect(nats.MaxReconnects(1), nats.ReconnectWait(10*time.Millisecond))
	require.NoError(t, err)
	p, err := natspool.New(t.Context(), "test", double, natspool.WithConn(nc))
	require.NoError(t, err)
	res := p.Results()
	require.NoError(t, p.Submit(soon(t), 1))
	<-res
	nc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	begin := time.Now()
	err = p.Submit(ctx, 1)
	t.Logf("Submit after %v: %v", time.Since(begin), err)
	assert.Less(t, time.Since(begin), 3*time.Second, "Submit on a closed connection")
	begin = time.Now()
	ctx, cancel = context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	n, err := p.SubmitAll(ctx, func(yield func(int) bool) { yield(1) })
	t.Logf("SubmitAll after %v: %d %v", time.Since(begin), n, err)
	within(t, 12*time.Second, "Stop", func() { p.Stop() })
	within(t, time.Second, "Results", func() {
		for range res {
		}
	})
}

func TestEdge_LeaveGivesBackSuspects(t *testing.T) {
	s := startMem(t)
	first := newPool(t, s, double)
	require.NoError(t, first.Leave(soon(t)))
	suspects(t, s, newClient[int, int](t, s), 3)
	b := newBlocker()
	p := newPool(t, s, b.run)
	<-b.began
	eventually(t, func() bool { return p.Stats().Redelivered == 3 }) // the others are on their way to the lane
	go func() { _ = p.Leave(soon(t)) }()
	q := newPool(t, s, double)
	res := q.Results()
	for range 2 {
		select {
		case <-res:
		case <-time.After(5 * time.Second):
			t.Fatal("not given back while another job runs")
		}
	}
	close(b.free)
	<-res
}

func TestEdge_ErrorNamedPanic(t *testing.T) {
	s := startMem(t)
	p := newPool(t, s, func(context.Context, int) (int, error) { return 0, errOdd }, natspool.WithError("panic", errOdd))
	_, err := p.Do(soon(t), 1)
	require.ErrorIs(t, err, errOdd)
	var pe *workerpool.PanicError
	assert.False(t, errors.As(err, &pe), "nobody panicked")
}
