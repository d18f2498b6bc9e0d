package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// idMark in the URL of an API stands for the number of the request.
const idMark = "{id}"

// answerTo is what our API answers to the request of that number.
func answerTo(id string) string { return "answer to request " + id }

// apiCounts is what an API of ours has counted.
type apiCounts struct {
	counts
	connections int // most of them at once
}

// api is an API on loopback that serves a limited number of requests at once, and
// rejects at once with 429 what comes on top, and says after how many seconds there may be a
// place. It counts every request from its
// arrival until it is answered, those that it rejects too.
type api struct {
	requests, connections meter

	slots  chan struct{} // one element for each request that is being served
	again  time.Duration // what Retry-After says
	work   func(context.Context) error
	url    string
	server *http.Server
	cancel context.CancelFunc // ends the contexts of the requests
	served chan struct{}      // closed when server.Serve has returned
}

// startAPI starts an API where serving a request means to call work, and who is rejected is
// asked to come again after that time. It has to be closed.
func startAPI(limit int, again time.Duration, work func(context.Context) error) (*api, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot start the API: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &api{
		slots:  make(chan struct{}, limit),
		again:  again,
		work:   work,
		url:    fmt.Sprintf("http://%s/answer?id=%s", listener.Addr(), idMark),
		cancel: cancel,
		served: make(chan struct{}),
	}
	a.server = &http.Server{
		Handler:           a,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         a.countConn,
	}
	go func() {
		defer close(a.served)
		_ = a.server.Serve(listener) // its error says only that close was called
	}()
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := a.serve(r.Context()); status != http.StatusOK {
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", strconv.Itoa(int(a.again.Round(time.Second).Seconds())))
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	_, _ = fmt.Fprint(w, answerTo(r.FormValue("id"))) // no error: a client that has left needs no answer
}

// countConn is told when a connection is opened and closed.
func (a *api) countConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		a.connections.enter()
	case http.StateClosed, http.StateHijacked:
		a.connections.leave()
	}
}

// serve does what there is to do for one request and returns the status. The
// request has left, and its slot is free, before its answer goes out: whoever has
// an answer may send the next request without being rejected because of this one.
func (a *api) serve(ctx context.Context) (status int) {
	a.requests.enter()
	defer a.requests.leave()
	select {
	case a.slots <- struct{}{}:
	default:
		a.requests.reject()
		return http.StatusTooManyRequests
	}
	defer func() { <-a.slots }()
	if a.work(ctx) != nil {
		return http.StatusServiceUnavailable // nobody reads it: the client has left
	}
	return http.StatusOK
}

func (a *api) counts() *apiCounts {
	return &apiCounts{a.requests.read(), a.connections.read().most}
}

// close ends the API, and what it is still serving.
func (a *api) close() {
	a.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		_ = a.server.Close() // some client keeps a connection busy
	}
	<-a.served
}
