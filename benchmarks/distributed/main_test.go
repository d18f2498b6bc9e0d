package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

// The processes that the program starts are this one again.
func TestMain(m *testing.M) {
	if os.Getenv(contenders.ChildEnv) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// quick runs the program with small numbers and returns what it has written.
func quick(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	var log bytes.Buffer
	args = append([]string{"-quick", "-rounds=1", "-out=" + dir, "-dir=" + dir}, args...)
	require.NoError(t, command(t.Context(), args, &log), "%s", log.String())
	left, err := filepath.Glob(filepath.Join(dir, "distributed*"))
	require.NoError(t, err)
	assert.Empty(t, left, "what servers have stored")
	text, err := os.ReadFile(filepath.Join(dir, "run.txt"))
	require.NoError(t, err)
	return string(text)
}

// TestQuickRun runs all that needs no server to be installed; each job's result is checked.
func TestQuickRun(t *testing.T) {
	text := quick(t)
	var want []string
	for _, lib := range []string{"A/lib=natspool-embedded", "A/lib=natspool-server", "A/lib=jetstream", "B/lib=natspool-embedded"} {
		for _, w := range ways() {
			for _, n := range w.workers {
				want = append(want, fmt.Sprintf("BenchmarkThroughput/group=%s/way=%s/workers=%d", lib, w.name, n))
			}
		}
		want = append(want, "BenchmarkLatency/group="+lib)
	}
	want = append(want, "BenchmarkRecovery/group=A/lib=natspool-server/kill=false",
		"BenchmarkRecovery/group=A/lib=natspool-server/kill=true", memoryName)
	for _, name := range want {
		assert.Equal(t, 1, strings.Count(text, "\n"+name+"-"), name)
	}
	assert.Equal(t, len(want), strings.Count(text, "\nBenchmark"))
	line := regexp.MustCompile(`^Benchmark\w+(/\w+=[\w-]+)+-\d+\t\d+(\t-?[\d.e+-]+ [\w/-]+)+$`)
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "Benchmark") {
			assert.Regexp(t, line, strings.TrimSuffix(l, "\n"))
		}
	}
}

func TestHeader(t *testing.T) {
	text := quick(t, "-run=Latency/group=A/lib=natspool-embedded$")
	for _, key := range []string{
		"goos", "goarch", "pkg", "cpu", "go-version", "gomaxprocs", "date", "rounds", "seed",
		"lib-natspool-embedded", "server-nats", "sync-us",
	} {
		assert.Regexp(t, "(?m)^"+key+": .+$", text)
	}
	assert.Equal(t, 1, strings.Count(text, "\nBenchmark"))
}

func TestBadFlags(t *testing.T) {
	for flag, text := range map[string]string{
		"-rounds=0":   "must be from 1 to 7",
		"-rounds=8":   "must be from 1 to 7",
		"-run=(":      "missing closing",
		"-run=nobody": "no benchmark has such a name",
	} {
		assert.ErrorContains(t, command(t.Context(), []string{"-quick", "-out=" + t.TempDir(), flag}, io.Discard), text)
	}
}

func TestWhoIsLeftOut(t *testing.T) {
	var log bytes.Buffer
	require.NoError(t, command(t.Context(), []string{"-quick", "-rounds=1", "-out=" + t.TempDir(), "-run=Memory"}, &log))
	assert.Equal(t, 2, strings.Count(log.String(), "left out, for want of its server: asynq, "))
	assert.Equal(t, 2, strings.Count(log.String(), "left out, for want of its server: River, "))
}

// A child that has failed says so, instead of being waited for.
func TestAProcessThatEndsTooEarly(t *testing.T) {
	p, err := contenders.Start("weigh", "1")
	require.NoError(t, err)
	_, err = p.Line()
	assert.ErrorContains(t, err, "has ended too early")
	assert.Error(t, p.End())
}
