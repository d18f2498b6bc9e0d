package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

// quick runs the program with small numbers and returns what it has written.
func quick(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, command(append([]string{"-quick", "-rounds=1", "-out=" + dir}, args...), io.Discard))
	text, err := os.ReadFile(filepath.Join(dir, "run.txt"))
	require.NoError(t, err)
	return string(text)
}

// TestQuickRun runs every scenario with every contender; each checks its results.
func TestQuickRun(t *testing.T) {
	before := goleak.IgnoreCurrent() // ants starts some when it is imported
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	text := quick(t)
	for _, s := range scenarios.Table() {
		for _, e := range s.Entries(contenders.All(), true) {
			assert.Equal(t, 1, strings.Count(text, "\n"+e.Name()+"-"), e.Name())
		}
	}
	line := regexp.MustCompile(`^Benchmark\w+/lib=\w+/way=[\w.+-]+(/procs=\d)?/workers=\d+-\d+\t\d+(\t[\d.]+ [\w./-]+)+$`)
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "Benchmark") {
			assert.Regexp(t, line, strings.TrimSuffix(l, "\n"))
		}
	}
}

func TestHeader(t *testing.T) {
	text := quick(t, "-run=^BenchmarkNoop/lib=bare/.*/workers=4$")
	for _, key := range []string{
		"goos", "goarch", "pkg", "cpu", "go-version", "gomaxprocs", "date", "rounds", "seed",
		"lib-boundedgo", "lib-pond", "lib-conc", "lib-ants", "lib-gammazero", "lib-errgroup",
	} {
		assert.Regexp(t, "(?m)^"+key+": .+$", text)
	}
	assert.Equal(t, 1, strings.Count(text, "\nBenchmark"))
}

func TestBadFlags(t *testing.T) {
	assert.ErrorContains(t, command([]string{"-run=nobody"}, io.Discard), "no benchmark has such a name")
	assert.ErrorContains(t, command([]string{"-rounds=0"}, io.Discard), "at least 1")
	assert.Error(t, command([]string{"-run=("}, io.Discard))
}

// The order is another one in the next round, and the same in the same round of a run with
// the same seed.
func TestOrderIsDrawnForEachRound(t *testing.T) {
	names := func(seed uint64, round int) (list []string) {
		s := session{seed: seed, log: io.Discard}
		var group []scenarios.Entry
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			group = append(group, scenarios.Entry{Lib: name, Measure: func() (scenarios.Measurement, error) {
				list = append(list, name)
				return scenarios.Measurement{Jobs: 1}, nil
			}})
		}
		var out bytes.Buffer
		require.NoError(t, s.runGroup(&out, group, round))
		return list
	}
	assert.Equal(t, names(1, 1), names(1, 1))
	assert.NotEqual(t, names(1, 1), names(1, 2))
	assert.NotEqual(t, names(1, 1), names(2, 1))
	assert.ElementsMatch(t, names(1, 1), names(1, 2))
}

// A measurement of several turns is one line, of all its jobs, and the others have their turns
// in between.
func TestContendersTakeTurns(t *testing.T) {
	var order []string
	var group []scenarios.Entry
	for _, name := range []string{"a", "b", "c"} {
		n := 0
		group = append(group, scenarios.Entry{
			Scenario: scenarios.Scenario{Name: "S", Workers: 1, Turns: 2, Repeat: 3}, Lib: name, Way: "w",
			Measure: func() (scenarios.Measurement, error) {
				order = append(order, name)
				n++
				return scenarios.Measurement{Jobs: n, Metrics: []scenarios.Metric{{Value: float64(n), Unit: "ns/job"}}}, nil
			},
		})
	}
	var out bytes.Buffer
	s := session{seed: 1, log: io.Discard}
	require.NoError(t, s.runGroup(&out, group, 1))
	require.Len(t, order, 3*2*3)
	for turn := range 6 {
		assert.ElementsMatch(t, []string{"a", "b", "c"}, order[3*turn:3*turn+3])
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3*3)
	assert.Regexp(t, `^BenchmarkS/lib=a/way=w/workers=1-\d+\t3\t1\.67 ns/job$`, lines[0])  // (1·1 + 2·2) / 3
	assert.Regexp(t, `^BenchmarkS/lib=c/way=w/workers=1-\d+\t11\t5\.55 ns/job$`, lines[8]) // (5·5 + 6·6) / 11
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.005: "0.0050", 1.5: "1.50", 999.994: "999.99", 12345.6: "12346"} {
		assert.Equal(t, want, number(x))
	}
}
