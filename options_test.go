package workerpool_test

import (
	"context"
	"errors"
	"math"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func echo(_ context.Context, n int) (int, error) { return n, nil }

func TestDefaults(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, echo)
		defer p.Stop()
		assert.Equal(t, workerpool.Stats{Workers: runtime.GOMAXPROCS(0), Capacity: 128}, p.Stats())
	})
}

func TestBadOptions(t *testing.T) {
	var none context.Context
	for _, c := range []struct {
		opt  workerpool.Option
		want string
	}{
		{workerpool.WithWorkers(0), "workerpool: WithWorkers(0): must be at least 1"},
		{workerpool.WithWorkers(-1), "workerpool: WithWorkers(-1): must be at least 1"},
		{workerpool.WithWorkers(math.MinInt), "at least 1"},
		{workerpool.WithWorkers(1<<20 + 1), "workerpool: WithWorkers(1048577): must be at most 1048576"},
		{workerpool.WithWorkers(math.MaxInt), "at most 1048576"},
		{workerpool.WithBuffer(-1), "workerpool: WithBuffer(-1): must be at least 0"},
		{workerpool.WithBuffer(1<<24 + 1), "workerpool: WithBuffer(16777217): must be at most 16777216"},
		{workerpool.WithContext(none), "workerpool: WithContext(nil): must not be nil"},
		{workerpool.WithJobTimeout(0), "workerpool: WithJobTimeout(0s): must be positive"},
		{workerpool.WithJobTimeout(-time.Second), "workerpool: WithJobTimeout(-1s): must be positive"},
	} {
		p, err := workerpool.New(echo, c.opt)
		assert.Nil(t, p)
		assert.ErrorIs(t, err, workerpool.ErrInvalidOption)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestAllBadArgumentsAreNamedAtOnce(t *testing.T) {
	var none context.Context
	p, err := workerpool.New[int, int](nil, workerpool.WithName("thumbs"), workerpool.WithWorkers(0), workerpool.WithBuffer(-7),
		workerpool.WithContext(none), workerpool.WithJobTimeout(-1))
	assert.Nil(t, p)
	assert.EqualError(t, err, strings.Join([]string{
		`workerpool "thumbs": New: Func must not be nil`,
		`workerpool "thumbs": WithWorkers(0): must be at least 1`,
		`workerpool "thumbs": WithBuffer(-7): must be at least 0`,
		`workerpool "thumbs": WithContext(nil): must not be nil`,
		`workerpool "thumbs": WithJobTimeout(-1ns): must be positive`,
	}, "\n"))
	_, err = workerpool.New[int, int](nil)
	assert.EqualError(t, err, "workerpool: New: Func must not be nil")
	assert.NotErrorIs(t, err, workerpool.ErrInvalidOption, "it is not an option")
}

func TestCausesStandForTheErrorOfTheirContext(t *testing.T) {
	assert.ErrorIs(t, workerpool.ErrStopped, context.Canceled)
	assert.NotErrorIs(t, workerpool.ErrStopped, context.DeadlineExceeded)
	assert.ErrorIs(t, workerpool.ErrJobTimeout, context.DeadlineExceeded)
	assert.NotErrorIs(t, workerpool.ErrJobTimeout, context.Canceled)
	// As net/http has it around the cause of a context.
	assert.True(t, (&url.Error{Op: "Get", Err: workerpool.ErrJobTimeout}).Timeout())
	assert.False(t, (&url.Error{Op: "Get", Err: workerpool.ErrStopped}).Timeout())
}

func TestLaterOptionsWinAndNilOnesAreIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, echo, nil, workerpool.WithWorkers(-1), workerpool.WithWorkers(3), nil,
			workerpool.WithBuffer(5), workerpool.WithBuffer(7), workerpool.WithName("a"), workerpool.WithName("b"))
		defer p.Stop()
		assert.Equal(t, workerpool.Stats{Name: "b", Workers: 3, Capacity: 7}, p.Stats())
	})
}

func TestBadResize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPoolOf(t, echo, workerpool.WithWorkers(2), workerpool.WithName("thumbs"))
		defer p.Stop()
		assert.EqualError(t, p.Resize(0), `workerpool "thumbs": Resize(0): must be at least 1`)
		assert.EqualError(t, p.Resize(-3), `workerpool "thumbs": Resize(-3): must be at least 1`)
		assert.EqualError(t, p.Resize(1<<20+1), `workerpool "thumbs": Resize(1048577): must be at most 1048576`)
		assert.Equal(t, 2, p.Stats().Workers)
	})
}

// Where addresses have 32 bits there are buffers that don't fit; that must not be a
// panic in New. Where they have 64 such a buffer ends the process, if anything.
func TestBufferThatDoesNotFit(t *testing.T) {
	if strconv.IntSize > 32 {
		t.Skip("only where addresses have 32 bits")
	}
	type big [1000]byte
	_, err := workerpool.New(func(_ context.Context, _ int) (big, error) { return big{}, nil }, workerpool.WithBuffer(1<<24))
	assert.ErrorIs(t, err, workerpool.ErrInvalidOption)
	assert.ErrorContains(t, err, "WithBuffer(16777216)")
}

func TestContextThatHasEndedAlready(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		p := newPoolOf(t, echo, workerpool.WithContext(ctx))
		err := p.Submit(t.Context(), 1)
		assert.ErrorIs(t, err, workerpool.ErrClosed)
		assert.ErrorIs(t, err, errCause)
		assert.Empty(t, readAll(p))
	})
}

func TestErrorTexts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		p := newPoolOf(t, echo, workerpool.WithContext(ctx), workerpool.WithName("a \"name\"\n"))
		cancel(errCause)
		assert.EqualError(t, p.Submit(t.Context(), 1), `workerpool "a \"name\"\n": Submit: closed: the cause`)
		p.Stop()
		q := newPoolOf(t, echo)
		q.Close()
		assert.EqualError(t, q.Submit(t.Context(), 1), `workerpool: Submit: closed`)
	})
}

func TestPanicErrorUnwrapsAnErrorOnly(t *testing.T) {
	assert.Equal(t, errOwn, errors.Unwrap(&workerpool.PanicError{Value: errOwn}))
	assert.NoError(t, errors.Unwrap(&workerpool.PanicError{Value: "text"}))
	assert.NoError(t, errors.Unwrap(&workerpool.PanicError{}))
}

func TestShutdownErrorText(t *testing.T) {
	err := &workerpool.ShutdownError{Running: 1, NotRun: 2, Unread: 3, Err: errCause}
	require.EqualError(t, err, "the cause (1 running, 2 not run, 3 results unread)")
	assert.ErrorIs(t, err, errCause)
	err.Bulk = 1
	require.EqualError(t, err, "the cause (1 running, 2 not run, 3 results unread, 1 bulk call)")
	err.Bulk = 2
	require.EqualError(t, err, "the cause (1 running, 2 not run, 3 results unread, 2 bulk calls)")
}

// The root module needs nothing but the standard library to run.
func TestNoDependencies(t *testing.T) {
	out := goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	assert.Equal(t, "github.com/boundedgo/workerpool", strings.TrimSpace(out))
}
