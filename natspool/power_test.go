package natspool_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// A server that has lost the last it had stored, as one may whose machine has lost power, gives the
// sequences of results that were read to others. Those are no less read.
func TestResultsAfterAServerThatForgot(t *testing.T) {
	dir := t.TempDir()
	now, before := filepath.Join(dir, "now"), filepath.Join(dir, "before")
	listen := "127.0.0.1:0"
	start := func() *natsembed.Server {
		s, err := natsembed.Start(natsembed.Options{Dir: now, Listen: listen})
		require.NoError(t, err)
		t.Cleanup(s.Shutdown)
		listen = strings.TrimPrefix(s.URL(), "nats://")
		return s
	}
	s := start()
	p, err := natspool.New(t.Context(), "test", double, natspool.WithURL(s.URL()))
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop() })
	results := p.Results()
	round := func(from int) {
		var jobs, want []int
		for i := range 10 {
			jobs, want = append(jobs, from+i), append(want, 2*(from+i))
		}
		for _, job := range jobs {
			require.NoError(t, p.Submit(soon(t), job))
		}
		var have []int
		for range jobs {
			have = append(have, next(t, results).Value)
		}
		assert.ElementsMatch(t, want, have)
		require.NoError(t, p.Wait(soon(t)))
	}
	round(100)
	s.Shutdown()
	require.NoError(t, os.CopyFS(before, os.DirFS(now)))
	s = start()
	round(200)
	s.Shutdown()
	require.NoError(t, os.RemoveAll(now))
	require.NoError(t, os.Rename(before, now))
	start()
	round(300)
	round(400)
}

// next returns the next result.
func next[T, R any](t *testing.T, results <-chan workerpool.Result[T, R]) workerpool.Result[T, R] {
	t.Helper()
	select {
	case r, open := <-results:
		require.True(t, open)
		return r
	case <-soon(t).Done():
		t.Fatal("no result")
		panic("unreachable")
	}
}
