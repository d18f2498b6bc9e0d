package workerpool_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

// captureLog makes a buffer the default log until the test ends, and returns a
// function that reads it.
func captureLog(t *testing.T) func() string {
	var b syncBuffer
	setLog(t, slog.NewTextHandler(&b, nil))
	return b.String
}

// setLog makes h the handler of the default log until the test ends. Package log then writes to h
// too, and goes on with that when the old default is back: so what it wrote to is put back as well.
func setLog(t *testing.T, h slog.Handler) {
	old, out, flags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(h))
	t.Cleanup(func() {
		slog.SetDefault(old)
		log.SetOutput(out)
		log.SetFlags(flags)
	})
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// slowHandler takes a second for each line.
type slowHandler struct{ slog.Handler }

func (h slowHandler) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(time.Second)
	return h.Handler.Handle(ctx, r)
}

// A program may end when its pool or its call has: what is to be logged is logged by then,
// however long that takes.
func TestLostPanicsAreLoggedBeforeTheEnd(t *testing.T) {
	panics := func(context.Context, int) (int, error) { panic("of mine") }
	left, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		says string
		run  func(t *testing.T)
	}{
		"Wait for a job whose result nobody reads": {"a job panicked", func(t *testing.T) {
			p := newPoolOf(t, panics, workerpool.WithoutResults())
			require.NoError(t, p.Submit(t.Context(), 1))
			assert.NoError(t, p.Wait(t.Context()))
			go p.Stop() // too late to be of help
		}},
		"Stop with a job whose caller has left": {"a job panicked", func(t *testing.T) {
			p := newPoolOf(t, func(context.Context, int) (int, error) { time.Sleep(time.Hour); panic("of mine") })
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := p.Do(ctx, 1)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			p.Stop()
		}},
		"Map that has failed": {"a job panicked", func(t *testing.T) {
			_, err := workerpool.Map(t.Context(), []int{1, 2}, func(ctx context.Context, n int) (int, error) {
				if n == 1 {
					time.Sleep(time.Minute)
					return 0, errOwn
				}
				<-ctx.Done()
				panic("of mine")
			}, workerpool.WithWorkers(2))
			assert.ErrorIs(t, err, errOwn)
		}},
		"a range that was left": {"a job panicked", func(t *testing.T) {
			results, _ := workerpool.Stream(t.Context(), count(2), func(_ context.Context, n int) (int, error) {
				if n == 1 {
					panic("of mine")
				}
				return n, nil
			}, workerpool.WithWorkers(2))
			for range results {
				time.Sleep(time.Minute)
				break
			}
		}},
		"a hook": {"the hook Rejected panicked", func(t *testing.T) {
			p := newPoolOf(t, noop, workerpool.WithHooks(workerpool.Hooks{
				Rejected: func(context.Context, error) { panic("of mine") },
			}))
			assert.Error(t, p.Submit(left, 1))
			go p.Stop()
		}},
		"the Observe of a limiter": {"the Observe of a limiter panicked", func(t *testing.T) {
			p := newPoolOf(t, func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil }, workerpool.WithLimiter(panicsInObserve{}))
			_, err := p.Do(t.Context(), 1)
			assert.ErrorIs(t, err, workerpool.ErrGoexit)
			go p.Stop()
		}},
		"the input of a stream": {"the input of a stream panicked", func(t *testing.T) {
			results, _ := workerpool.Stream(t.Context(), func(yield func(int) bool) {
				for n := 0; yield(n); n++ {
				}
				panic("of mine")
			}, noop)
			for range results {
				break
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var b syncBuffer
			setLog(t, slowHandler{slog.NewTextHandler(&b, nil)})
			bubble(t, func(t *testing.T) {
				c.run(t)
				assert.Contains(t, b.String(), c.says)
				assert.Contains(t, b.String(), `panic="of mine"`)
				assert.Equal(t, 1, strings.Count(b.String(), "level=ERROR"))
			})
		})
	}
}

type panicsInObserve struct{}

func (panicsInObserve) Wait(context.Context) error { return nil }
func (panicsInObserve) Observe(error)              { panic(errors.New("of mine")) }
