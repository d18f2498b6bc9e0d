package main

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func TestDrain_RequestsInFlightFinish(t *testing.T) {
	r := runServer(t, func(c *config) { c.workers = 2 })
	ann := r.want("ann", "badge.gif", held, held, held, "chart.png")
	assert.Equal(t, 0, ann.next().Index)
	eventually(t, "both workers are busy", func() bool { return r.samples.asked("ann").open() == 2 })
	r.signals <- syscall.SIGTERM
	eventually(t, "the server drains", r.entrance.isClosed)
	bob := r.want("bob", "badge.gif")
	assert.Equal(t, http.StatusServiceUnavailable, bob.status)
	assert.Equal(t, "1", bob.header.Get("Retry-After"))
	assert.Equal(t, problem{Kind: "closing", Error: "the server is shutting down"}, bob.problem())
	assert.Zero(t, r.samples.asked("bob").begun)

	select {
	case <-r.ended:
		require.Fail(t, "it has ended before its requests")
	default:
	}
	r.samples.release("ann")
	assert.Equal(t, map[int]kind{1: "", 2: "", 3: "", 4: ""}, kindsOf(ann.rest()))
	require.NoError(t, r.end())
	p := r.pool.Stats()
	assert.EqualValues(t, 5, p.Completed)
	assert.Zero(t, p.Failed+p.NotRun)
	conn, err := net.Dial("tcp", r.listen.Addr().String())
	if !assert.Error(t, err, "nobody listens") {
		_ = conn.Close()
	}
}

// The signal comes while the first picture of a request runs, and the others have yet to
// be submitted.
func TestDrain_RequestsThatHaveJustBegunFinish(t *testing.T) {
	r := runServer(t, nil)
	ann := r.later("ann", held, "badge.gif", "chart.png")
	eventually(t, "the first is being fetched", func() bool { return r.samples.asked("ann").open() == 1 })
	r.signals <- syscall.SIGTERM
	eventually(t, "the server drains", r.entrance.isClosed)
	r.samples.release("ann")
	a := ann()
	assert.Len(t, a.lines, 3)
	for _, l := range a.lines {
		assert.Empty(t, l.Kind)
	}
	assert.NoError(t, r.end())
}

// Whatever is cut off, each picture has a line that says so.
func TestDrain_CutsOff(t *testing.T) {
	const bySignal, byDeadline = "stopped by a second signal: terminated", "not finished within -drain 1ms"
	tests := map[string]struct {
		drain time.Duration
		cause string
	}{
		"at a second signal": {time.Hour, bySignal},
		"at the deadline":    {time.Millisecond, byDeadline},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := runServer(t, func(c *config) { c.workers, c.drain = 2, tt.drain })
			ann := r.want("ann", "badge.gif", held, held, held, held, held)
			assert.Equal(t, 0, ann.next().Index)
			eventually(t, "both workers are busy", func() bool { return r.samples.asked("ann").open() == 2 })
			r.signals <- syscall.SIGTERM
			if tt.drain == time.Hour {
				r.signals <- syscall.SIGTERM
			}
			lines := ann.rest()
			assert.Equal(t, map[int]kind{1: kindInterrupted, 2: kindInterrupted, 3: kindNotRun, 4: kindNotRun, 5: kindNotRun}, kindsOf(lines))
			assert.Equal(t, tt.cause, lines[1].Error)

			var cut *workerpool.ShutdownError
			require.ErrorAs(t, r.end(), &cut)
			assert.Equal(t, 2, cut.Running)
			assert.EqualError(t, cut, `workerpool "thumbnails": Shutdown: `+tt.cause+` (2 running, 0 not run, 0 results unread, 1 bulk call)`)
			eventually(t, "nothing is fetched any more", func() bool { return r.samples.asked("ann").cancelled == 2 })
		})
	}
}

func TestDrain_CutsOffBeforeTheFirstLine(t *testing.T) {
	r := runServer(t, func(c *config) { c.workers, c.drain = 1, time.Millisecond })
	ann := r.later("ann", held, "badge.gif", "chart.png")
	eventually(t, "the first is being fetched", func() bool { return r.samples.asked("ann").open() == 1 })
	bob := r.later("bob", "badge.gif")
	eventually(t, "bob waits", func() bool { return r.pool.Stats().Queued == 1 })
	r.signals <- syscall.SIGTERM
	a := ann()
	require.Len(t, a.lines, 3)
	assert.Equal(t, kindInterrupted, a.lines[0].Kind)
	assert.Equal(t, kindNotRun, a.lines[1].Kind)
	assert.Equal(t, kindNotRun, a.lines[2].Kind)
	b := bob()
	assert.Equal(t, http.StatusServiceUnavailable, b.status, "nothing of it has run: it may come again")
	assert.Equal(t, "1", b.retry)
	assert.EqualError(t, r.end(), `workerpool "thumbnails": Shutdown: not finished within -drain 1ms (1 running, 1 not run, 0 results unread)`)
}

// count returns how many are inside.
func (e *entrance) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.inside
}

// Of such a request the pool knows nothing.
func TestDrain_CutsOffRequestsThatDoNotCome(t *testing.T) {
	r := runServer(t, func(c *config) { c.drain = time.Millisecond }, func(r *running) { r.lastTime = time.Millisecond })
	conn, err := net.Dial("tcp", r.listen.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /thumbnails HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n[")
	require.NoError(t, err)
	eventually(t, "it has begun", func() bool { return r.entrance.count() == 1 })
	r.signals <- syscall.SIGTERM
	assert.EqualError(t, r.end(), "requests in flight were cut off: not finished within -drain 1ms")
	_, err = io.ReadAll(conn)
	assert.NoError(t, err, "the connection is closed")
}

func TestRun_ListenerThatFails(t *testing.T) {
	r := runServer(t, nil)
	require.NoError(t, r.listen.Close())
	assert.ErrorIs(t, r.end(), net.ErrClosed)
	assert.ErrorIs(t, r.pool.TrySubmit(picture{}), workerpool.ErrClosed)
}
