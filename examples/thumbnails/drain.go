package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
)

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
	// New requests are refused from here on, and told to come again: by then another server
	// may have the address. Those in flight end, each when it has all its pictures; the pool
	// has to be open until then, since many of those have yet to be submitted.
	s.entrance.close()
	until(limit, s.entrance.empty)
	// From here on nobody can connect any more, or gets an answer who did.
	unserved := s.http.Shutdown(limit)
	// By now the pool is idle, but for what clients that have left did not wait for; or limit
	// has ended, and the pool cancels what there is.
	err := s.pool.Shutdown(limit)
	if unserved == nil && err == nil {
		return nil
	}
	// Handlers whose pictures were cancelled have yet to tell their clients.
	last, cancel := context.WithTimeout(context.Background(), s.lastTime)
	defer cancel()
	if s.http.Shutdown(last) != nil {
		_ = s.http.Close() // clients that do not read
	}
	if err == nil { // their pictures were ready, but not read
		err = fmt.Errorf("requests in flight were cut off: %w", cmp.Or(context.Cause(limit), unserved))
	}
	return err
}
