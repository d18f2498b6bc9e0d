package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/livepage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is what a program prints, for somebody who waits for it.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The program as a person runs it, but at thirty times the speed: each pool gets into the
// state that it is there to show.
func TestDashboard(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var out lines
	ended := make(chan int)
	go func() { ended <- run(ctx, []string{"-addr=127.0.0.1:0", "-speed=12"}, &out, io.Discard) }()
	require.Eventually(t, func() bool { return strings.HasSuffix(out.String(), "\n") }, 5*time.Second, time.Millisecond)
	url := strings.TrimSpace(out.String())

	seen := map[string]map[livepage.State]bool{}
	all := func() bool {
		for _, p := range look(t, url).Pools {
			if seen[p.Name] == nil {
				seen[p.Name] = map[livepage.State]bool{}
			}
			seen[p.Name][p.State] = true
		}
		return seen["thumbnails"][livepage.Saturated] && seen["mail"][livepage.Working] &&
			(seen["partner"][livepage.Paused] || seen["partner"][livepage.Probing]) &&
			seen["imports"][livepage.Failing] && seen["reports"][livepage.Blocked]
	}
	assert.Eventually(t, all, 60*time.Second, 500*time.Millisecond, "%v", seen)

	resp, err := http.Get(strings.TrimSuffix(url, "/debug/workerpool")) // which leads there
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	assert.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	assert.Contains(t, string(text), "thumbnails")
	stop()
	assert.Equal(t, 0, <-ended)
	http.DefaultClient.CloseIdleConnections()
}

func look(t *testing.T, url string) (v livepage.View) {
	resp, err := http.Get(url + "?format=json")
	if !assert.NoError(t, err) {
		return v
	}
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	assert.NoError(t, json.NewDecoder(resp.Body).Decode(&v))
	return v
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"-speed=0": "-speed 0: must be positive", "-for=-1s": "-for -1s: must not be negative", "-no": "not defined: -no",
	} {
		var errs lines
		assert.Equal(t, 2, run(t.Context(), []string{args}, io.Discard, &errs))
		assert.Contains(t, errs.String(), want)
	}
	var out, errs lines
	assert.Equal(t, 0, run(t.Context(), []string{"-h"}, &out, &errs))
	assert.Contains(t, out.String(), "-addr")
	assert.Equal(t, 1, run(t.Context(), []string{"-addr=256.0.0.1:1"}, io.Discard, &errs))
	assert.Equal(t, 0, run(t.Context(), []string{"-addr=127.0.0.1:0", "-for=50ms"}, io.Discard, &errs))
}
