package autotune

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/inspect"
)

// Pool is what a [Tuner] steers: every [workerpool.Pool] is one.
type Pool interface {
	Stats() workerpool.Stats
	Resize(workers int) error
}

// Config says within which bounds a [Tuner] moves. Min and Max have to be set.
type Config struct {
	// Min and Max are how few and how many workers there may be: from 1 to 1<<20. A pool whose
	// size is out of these bounds has it moved there at once.
	Min, Max int
	// Interval is how often the tuner looks at the pool: from 10 ms to 250 ms, since what
	// happens between two looks is not seen. 0 stands for 100 ms.
	Interval time.Duration
	// IgnoreThrottled says that attempts which brought [workerpool.RetryAfter] are about a
	// rate, and that somebody else sees to it, as [NewLimiter] does: the size stays as it is.
	// Otherwise they are taken for too many at once.
	IgnoreThrottled bool
}

const (
	maxWorkers      = 1 << 20 // as Resize has it
	defaultInterval = 100 * time.Millisecond
	minInterval     = 10 * time.Millisecond
	maxInterval     = 250 * time.Millisecond
)

// Tuner steers the size of a pool: see [Start]. Its methods may be called from any goroutine.
type Tuner struct {
	pool   Pool
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex
	state State
}

// Start begins to steer the size of pool, from where it is; one that is out of the bounds it
// moves there before it returns. It does not block: the tuner has a goroutine, which ends when
// ctx ends, when the pool is closed or has ended, or by [Tuner.Stop]. The pool then keeps the
// size that it has. With a ctx that has ended the pool is left as it is, and the tuner has ended.
//
// Close of the pool ends the tuner, though the pool may have jobs for a long time yet: where it
// is to steer all of them, Wait before Close.
//
// The pool needs [workerpool.WithTiming]. It may be used, and even resized, as any other: a
// size that somebody else has set is where the tuner goes on from. Two tuners of one pool
// would work against each other.
//
// The error names what is wrong: a nil ctx or pool, a bound of cfg that is no such size, or
// Min above Max, an Interval out of bounds, no WithTiming. It wraps [workerpool.ErrClosed] when
// the pool is closed, and otherwise what else its Resize returned.
func Start(ctx context.Context, pool Pool, cfg Config) (*Tuner, error) {
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if err := check(ctx, pool, cfg); err != nil {
		return nil, err
	}
	stats := pool.Stats()
	if stats.Timing == nil {
		return nil, errors.New("autotune: the pool has no timing: it needs workerpool.WithTiming")
	}
	r := readingOf(time.Now(), &stats)
	if ctx.Err() != nil {
		t := &Tuner{pool: pool, cancel: func() {}, done: make(chan struct{}), state: began(r)}
		t.state.Ended = true
		close(t.done)
		return t, nil
	}
	k := newKnee(cfg, r)
	if k.size != r.size || stats.Closed {
		if err := pool.Resize(k.size); err != nil {
			return nil, fmt.Errorf("autotune: Start: %w", err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	t := &Tuner{pool: pool, cancel: cancel, done: make(chan struct{}), state: k.state}
	go t.run(ctx, k, cfg.Interval)
	return t, nil
}

// check returns all that is wrong with the arguments of Start.
func check(ctx context.Context, pool Pool, cfg Config) error {
	var errs []error
	fail := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("autotune: "+format, args...))
		}
	}
	fail(ctx == nil, "Start: the context must not be nil")
	fail(inspect.IsNil(pool), "Start: the pool must not be nil")
	fail(cfg.Min < 1, "Config.Min: %d: must be at least 1", cfg.Min)
	fail(cfg.Max < cfg.Min, "Config.Max: %d: must be at least Min, %d", cfg.Max, cfg.Min)
	fail(cfg.Max > maxWorkers, "Config.Max: %d: must be at most %d", cfg.Max, maxWorkers)
	fail(cfg.Interval < minInterval || cfg.Interval > maxInterval,
		"Config.Interval: %v: must be from %v to %v", cfg.Interval, minInterval, maxInterval)
	return errors.Join(errs...)
}

// Stop ends the tuner, and returns when it has ended: the pool keeps the size that it has.
// It may be called any number of times. The hook Resized of the pool runs on the goroutine of
// the tuner (in Start on that of its caller), and so must not call Stop, which waits for that.
func (t *Tuner) Stop() {
	t.cancel()
	<-t.done
}

// State returns what the tuner has done last, and why. It does not block, and works after
// the end.
func (t *Tuner) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// run is the goroutine.
func (t *Tuner) run(ctx context.Context, k *knee, every time.Duration) {
	defer close(t.done)
	defer t.cancel()
	defer t.ended()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for ok := true; ok; ok = t.look(k) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if ctx.Err() != nil { // both may be
			return
		}
	}
}

// look reads what the pool does, and resizes it if need be. It reports whether there is
// anything left to steer.
func (t *Tuner) look(k *knee) bool {
	stats := t.pool.Stats()
	if stats.Closed || stats.Timing == nil {
		return false
	}
	r := readingOf(time.Now(), &stats)
	size := k.see(r)
	t.mu.Lock()
	t.state = k.state
	t.mu.Unlock()
	// Of the errors that there are all but ErrClosed are about a size out of bounds.
	return size == r.size || t.pool.Resize(size) == nil
}

func (t *Tuner) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Ended = true
}
