package contenders

import (
	"context"
	"sync"
)

// counter counts jobs that are done.
type counter struct {
	mu      sync.Mutex
	n       int
	want    int
	err     error         // the first
	reached chan struct{} // closed at want, or at the first error
}

// add counts one job more, or an error.
func (c *counter) add(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if c.err == nil {
		c.err = err
	}
	c.tell()
}

func (c *counter) tell() {
	if c.reached != nil && (c.n >= c.want || c.err != nil) {
		close(c.reached)
		c.reached = nil
	}
}

// await blocks until n are counted. One goroutine may wait at a time.
func (c *counter) await(ctx context.Context, n int) error {
	c.mu.Lock()
	reached := make(chan struct{})
	c.want, c.reached = n, reached
	c.tell()
	c.mu.Unlock()
	select {
	case <-reached:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
