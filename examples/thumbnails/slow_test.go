package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pipe is a listener on which one connection comes, which holds nothing that is not read.
type pipe struct {
	net.Listener
	come chan net.Conn
}

func (p *pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p.come; ok {
		return conn, nil
	}
	return p.Listener.Accept() // as if there were no other
}

func newPipe(t *testing.T) (client net.Conn, listenTo func(*running)) {
	client, server := net.Pipe()
	t.Cleanup(func() { _ = client.Close() })
	come := make(chan net.Conn, 1)
	come <- server
	close(come)
	return client, func(r *running) { r.listen = &pipe{r.listen, come} }
}

func TestClientThatDoesNotRead(t *testing.T) {
	client, listenTo := newPipe(t)
	r := runServer(t, nil, listenTo, func(r *running) { r.writeTime = 50 * time.Millisecond })
	body := arrayOf(r.samples.urls("ann", "badge.gif", held, held))
	_, err := fmt.Fprintf(client, "POST /thumbnails HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(t, err)
	eventually(t, "it is given up", func() bool {
		requests, _ := r.tally.counts()
		return requests[left] == 1
	})
	assert.Equal(t, 1, r.samples.asked("ann").begun, "of its other pictures none has begun")
}

func TestClientThatDoesNotSend(t *testing.T) {
	for path, status := range map[string]int{"/thumbnails": http.StatusRequestTimeout, "/nothing": http.StatusNotFound} {
		client, listenTo := newPipe(t)
		r := runServer(t, nil, listenTo, func(r *running) { r.server.http.ReadTimeout = 50 * time.Millisecond })
		_, err := io.WriteString(client, "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n[")
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		require.NoError(t, err)
		assert.Equal(t, status, resp.StatusCode, path)
		_, err = io.ReadAll(client)
		assert.NoError(t, err, "the connection is closed")
		assert.Zero(t, r.pool.Stats().Accepted)
	}
}

// The time for the body is not that for the answer.
func TestClientThatWaitsLongerThanItMaySend(t *testing.T) {
	r := runServer(t, nil, func(r *running) { r.server.http.ReadTimeout = 50 * time.Millisecond })
	got := r.want("ann", "badge.gif", held)
	assert.Equal(t, 0, got.next().Index)
	until(t.Context(), time.After(100*time.Millisecond)) // what must not happen has no event
	r.samples.release("ann")
	assert.Equal(t, map[int]kind{1: ""}, kindsOf(got.rest()))
}
