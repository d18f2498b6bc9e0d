package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"
)

// lastTime is how long requests that are cut off may take to tell their clients.
const lastTime = time.Second

// drainLimit returns a context that ends when requests in flight have had their time, and
// at a signal.
func (s *server) drainLimit(signals <-chan os.Signal) (context.Context, context.CancelFunc) {
	d := s.config.drain
	timed, stop := context.WithTimeoutCause(context.Background(), d, fmt.Errorf("not finished within -drain %v", d))
	limit, cancel := context.WithCancelCause(timed)
	go func() {
		select {
		case sig := <-signals:
			cancel(fmt.Errorf("stopped by a second signal: %v", sig))
		case <-limit.Done():
		}
	}()
	return limit, func() {
		cancel(nil)
		stop()
	}
}

// drain ends the server in an order in which nothing is lost. When limit ends first, what
// has not finished is cut off, and the error says what that was.
func (s *server) drain(limit context.Context) error {
	// A request that comes on a connection which is open already is refused from here on.
	s.draining.Store(true)
	// The listener next, and then the handlers end, each when it has had all its pictures.
	// The pool has to be open until then: pictures of theirs have yet to be submitted.
	unserved := s.http.Shutdown(limit)
	// Now it is idle, but for what clients that have left did not wait for; or limit has
	// ended, and the pool cancels what there is.
	err := s.pool.Shutdown(limit)
	if unserved == nil && err == nil {
		return nil
	}
	// Handlers whose pictures were cancelled have yet to tell their clients.
	last, cancel := context.WithTimeout(context.Background(), lastTime)
	defer cancel()
	if s.http.Shutdown(last) != nil {
		_ = s.http.Close() // clients that do not read
	}
	if err == nil { // their pictures were ready, but not read
		err = fmt.Errorf("requests in flight were cut off: %w", cmp.Or(context.Cause(limit), unserved))
	}
	return err
}
