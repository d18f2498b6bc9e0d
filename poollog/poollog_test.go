package poollog_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/poollog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// syncBuffer is a buffer that several may use at once.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSuffix(b.b.String(), "\n"), "\n")
}

// newLogger logs to b without times and stacks.
func newLogger(b *syncBuffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// nap takes as many seconds as its job says, and fails below 0.
func nap(ctx context.Context, n int) (int, error) {
	select {
	case <-time.After(time.Duration(max(n, -n)) * time.Second):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if n < 0 {
		return 0, errors.New("bad dream")
	}
	return n, nil
}

func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		p, err := workerpool.New(nap, workerpool.WithName("naps"), workerpool.WithWorkers(1), workerpool.WithBuffer(1),
			workerpool.WithTiming(), workerpool.WithHooks(poollog.Jobs(newLogger(&b, slog.LevelDebug))))
		require.NoError(t, err)
		assert.NoError(t, p.TrySubmit(2))
		synctest.Wait()
		_, err = p.Do(t.Context(), -1)
		assert.Error(t, err)
		assert.NoError(t, p.Resize(2))
		assert.NoError(t, p.Resize(1))
		synctest.Wait()
		assert.NoError(t, p.TrySubmit(9))
		synctest.Wait()
		assert.NoError(t, p.TrySubmit(9))
		assert.Error(t, p.TrySubmit(9))
		p.Stop()
		lines := b.lines()
		assert.Equal(t, []string{
			`level=DEBUG msg="job done" pool=naps id=1 attempt=1 wait=0s run=2s`,
			`level=ERROR msg="job failed" pool=naps id=2 attempt=1 wait=2s run=1s err="bad dream"`,
			`level=DEBUG msg="pool resized" from=1 to=2`,
			`level=DEBUG msg="pool resized" from=2 to=1`,
			`level=WARN msg="job refused" err="workerpool \"naps\": TrySubmit: queue full (1 waiting, 1 running, 1 results unread)"`,
		}, lines[:5])
		rest := strings.Join(lines[5:], "\n")
		assert.Contains(t, rest, `level=WARN msg="job not run" pool=naps id=4 attempt=0 err="workerpool \"naps\": job not run: workerpool: stopped"`)
		assert.Contains(t, rest, `level=ERROR msg="job failed" pool=naps id=3 attempt=1 wait=0s run=0s err="context canceled"`)
	})
}

// What is tried again is on record, and why nothing happens for a while.
func TestJobs_TriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		until := time.Now().Add((1 + 2 + 1 + 60) * time.Second)
		calls := 0
		p, err := workerpool.New(func(context.Context, int) (int, error) {
			time.Sleep(time.Second)
			switch calls++; calls {
			case 1:
				return 0, errors.New("busy")
			case 2:
				return 0, workerpool.RetryAfter(errors.New("429"), time.Minute)
			}
			return 0, nil
		}, workerpool.WithName("calls"), workerpool.WithTiming(), workerpool.WithHooks(poollog.Jobs(newLogger(&b, slog.LevelDebug))),
			workerpool.WithRetry(func(attempt int, _ error) (time.Duration, bool) { return 2 * time.Second, attempt < 5 }))
		require.NoError(t, err)
		defer p.Stop()
		_, err = p.Do(t.Context(), 1)
		assert.NoError(t, err)
		lines := b.lines()
		require.Len(t, lines, 4)
		assert.Equal(t, `level=WARN msg="job tried again" pool=calls id=1 attempt=1 wait=0s run=1s err=busy again=2s`, lines[0])
		assert.ElementsMatch(t, []string{
			`level=WARN msg="pool paused" until=` + until.Format("2006-01-02T15:04:05.000Z07:00"),
			`level=WARN msg="job tried again" pool=calls id=1 attempt=2 run=1s err="429 (retry after 1m0s)" again=1m0s`,
		}, lines[1:3])
		assert.Equal(t, `level=DEBUG msg="job done" pool=calls id=1 attempt=3 run=1s`, lines[3])
	})
}

func TestJobs_OnlyWhatIsWanted(t *testing.T) {
	var b syncBuffer
	hooks := poollog.Jobs(newLogger(&b, slog.LevelError))
	p, err := workerpool.New(nap, workerpool.WithHooks(hooks))
	require.NoError(t, err)
	defer p.Stop()
	_, err = p.Do(t.Context(), 0)
	assert.NoError(t, err)
	assert.Equal(t, []string{""}, b.lines())
}

func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		p, err := workerpool.New(nap, workerpool.WithName("naps"), workerpool.WithWorkers(2), workerpool.WithTiming())
		require.NoError(t, err)
		defer p.Stop()
		ctx, stop := context.WithCancel(t.Context())
		var looking sync.WaitGroup
		looking.Go(func() { poollog.Stuck(ctx, newLogger(&b, slog.LevelWarn), p, time.Minute) })
		assert.NoError(t, p.TrySubmit(3600))
		for range 200 {
			_, err := p.Do(t.Context(), 1)
			assert.NoError(t, err)
		}
		assert.NoError(t, p.TrySubmit(3600))
		time.Sleep(2 * time.Minute)
		stop()
		looking.Wait()
		lines := b.lines()
		require.Len(t, lines, 2, "each once")
		assert.Regexp(t, regexp.MustCompile(`^level=WARN msg="job is stuck" pool=naps id=1 attempt=1 running=1m15s stack="goroutine \d+ .*poollog_test\.nap`), lines[0])
		assert.Contains(t, lines[1], "id=202 ")
	})
}

func TestStuck_NeedsTiming(t *testing.T) {
	var b syncBuffer
	p, err := workerpool.New(nap)
	require.NoError(t, err)
	defer p.Stop()
	poollog.Stuck(t.Context(), newLogger(&b, slog.LevelWarn), p, time.Minute) // returns
	assert.Contains(t, b.lines()[0], "the pool was made without WithTiming")
	poollog.Stuck(t.Context(), newLogger(&b, slog.LevelWarn), nil, time.Minute)
	poollog.Stuck(t.Context(), newLogger(&b, slog.LevelWarn), p, 0)
	var none context.Context
	poollog.Stuck(none, newLogger(&b, slog.LevelWarn), p, time.Minute)
	for i, missing := range []string{"context=true pool=false longest=1m", "context=true pool=true longest=0s", "context=false pool=true"} {
		assert.Contains(t, b.lines()[1+i], "a context, a pool and a positive time are needed")
		assert.Contains(t, b.lines()[1+i], missing)
	}
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		p, err := workerpool.New(nap, workerpool.WithName("naps"), workerpool.WithWorkers(2),
			workerpool.WithHooks(poollog.Progress(newLogger(&b, slog.LevelInfo), 10*time.Second, 30)))
		require.NoError(t, err)
		defer p.Stop()
		time.Sleep(time.Hour) // before the first job
		_, err = p.Collect(t.Context(), append(make([]int, 1), ones(28)...))
		assert.NoError(t, err)
		_, err = p.Do(t.Context(), -1)
		assert.Error(t, err)
		assert.Equal(t, []string{
			"level=INFO msg=progress pool=naps done=20 failed=0 rate=2 total=30 left=5s",
			"level=INFO msg=progress pool=naps done=30 failed=1 rate=2 total=30 left=0s",
		}, b.lines())
	})
}

func ones(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = 1
	}
	return s
}

func TestProgress_OfUnknownLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		p, err := workerpool.New(nap, workerpool.WithWorkers(1), workerpool.WithHooks(poollog.Progress(newLogger(&b, slog.LevelInfo), 0, 0)))
		require.NoError(t, err)
		defer p.Stop()
		for _, n := range []int{0, 2} {
			_, err = p.Do(t.Context(), n)
			assert.NoError(t, err)
		}
		assert.Equal(t, []string{
			"level=INFO msg=progress done=1 failed=0",
			"level=INFO msg=progress done=2 failed=0 rate=0.5",
		}, b.lines())
	})
}

// A job that is refused is its caller's again: it is not done.
func TestProgress_RefusedJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		p, err := workerpool.New(nap, workerpool.WithWorkers(1), workerpool.WithBuffer(0), workerpool.WithoutResults(),
			workerpool.WithHooks(poollog.Progress(newLogger(&b, slog.LevelInfo), time.Hour, 2)),
			workerpool.WithHooks(poollog.Jobs(newLogger(&b, slog.LevelWarn))))
		require.NoError(t, err)
		defer p.Stop()
		assert.NoError(t, p.Submit(t.Context(), 10))
		refused := 0
		for ended := false; !ended; {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			ended = p.Submit(ctx, 10) == nil
			cancel()
			if !ended {
				refused++
			}
		}
		assert.NoError(t, p.Wait(t.Context()))
		lines := b.lines()
		require.Len(t, lines, refused+1)
		for _, line := range lines[:refused] {
			assert.Contains(t, line, "job refused")
		}
		assert.Equal(t, "level=INFO msg=progress done=2 failed=0 rate=0.1 total=2 left=0s", lines[refused])
	})
}

func ExampleJobs() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	pool, err := workerpool.New(double, workerpool.WithName("doubles"), workerpool.WithHooks(poollog.Jobs(logger)))
	if err != nil {
		panic(err)
	}
	defer pool.Stop()
	if _, err := pool.Do(context.Background(), 21); err != nil {
		panic(err)
	}
	// Output:
	// level=DEBUG msg="job done" pool=doubles id=1 attempt=1
}

// A batch in a CI, where there is no terminal for a progress bar.
func ExampleProgress() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "rate": // which differ from run to run
			return slog.Attr{}
		}
		return a
	}}))
	jobs := make([]int, 1000)
	work := func(context.Context, int) (int, error) { return 0, nil }
	_, err := workerpool.Map(context.Background(), jobs, work,
		workerpool.WithHooks(poollog.Progress(logger, 10*time.Second, len(jobs))))
	if err != nil {
		panic(err)
	}
	// Output:
	// level=INFO msg=progress done=1000 failed=0 total=1000 left=0s
}
