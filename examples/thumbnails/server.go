package main

import (
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

// server is a service on a port.
type server struct {
	*service
	url    string
	http   *http.Server
	listen net.Listener

	lastTime time.Duration // how long requests that are cut off may take to tell their clients
}

// start listens. The server has to run.
func start(c config, log *log.Logger) (*server, error) {
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return nil, err
	}
	service, err := newService(c, log)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	return &server{
		service: service,
		url:     "http://" + listener.Addr().String() + "/thumbnails",
		listen:  listener,

		lastTime: 2 * time.Second,
		http: &http.Server{
			Handler:        service.handler(),
			ReadTimeout:    10 * time.Second, // to the end of the body, also when we refuse to read that
			IdleTimeout:    time.Minute,
			MaxHeaderBytes: 16 << 10,
			ErrorLog:       log,
			// No WriteTimeout: an answer takes as long as its pictures. Each line has its own.
		},
	}, nil
}

// run serves until the first signal, and then finishes what has begun. Its error says what
// could not be finished, or why it could not serve.
func (s *server) run(signals <-chan os.Signal) error {
	defer s.maker.client.close()
	var err error // of Serve; when it is shut down that says nothing
	served := make(chan struct{})
	go func() {
		defer close(served)
		err = s.http.Serve(s.listen)
	}()
	select {
	case <-served:
		s.pool.Stop() // and with their pictures the handlers end
		_ = s.http.Close()
		return err
	case sig := <-signals:
		s.log.Printf("%v: requests in flight have %v to finish; a second signal cuts them off", sig, s.config.drain)
	}
	limit, release := s.drainLimit(signals)
	defer release()
	defer func() { <-served }()
	return s.drain(limit)
}
