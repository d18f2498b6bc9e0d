package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

// measured is what the program would have written after three rounds. Jobs a second of a
// contender are those of rates, or 1000.
func measured(rates map[string]float64, without string) string {
	var b strings.Builder
	b.WriteString("goos: linux\ngoarch: amd64\ncpu: x\ngo-version: go1\ngomaxprocs: 2\ndate: 2000-01-01\nrounds: 3\nsync-us: 70\n")
	fmt.Fprintf(&b, "lib-%s: some/module %040d-dirty\nlib-asynq: some/other v9.9.9\nserver-nats: some/server v1\n\n", contenders.Embedded, 7)
	for round := range 3 {
		for _, c := range contenders.All() {
			if c.Name == without {
				continue
			}
			rate := 1000.0
			if r, ok := rates[c.Group+c.Name]; ok {
				rate = r
			}
			rate *= 1 + 0.1*float64(round)
			lib := "group=" + c.Group + "/lib=" + c.Name
			for _, way := range []string{"batch", "submit64", "submit1"} {
				if way == "batch" && c.Batch == "" {
					continue
				}
				fmt.Fprintf(&b, "BenchmarkThroughput/%s/way=%s/workers=64-2\t10\t%g jobs/s\n", lib, way, rate)
			}
			fmt.Fprintf(&b, "BenchmarkLatency/%s-2\t10\t%g p50-ns\t%g p99-ns\n", lib, 1e9/rate, 2e9/rate)
			if c.Recovery != "" {
				fmt.Fprintf(&b, "BenchmarkRecovery/%s/kill=false-2\t10\t2 s\nBenchmarkRecovery/%s/kill=true-2\t10\t5 s\n", lib, lib)
			}
		}
		fmt.Fprintf(&b, "BenchmarkMemory/lib=%s-2\t10\t1100 queued-B/job\t130 queued-disk-B/job\t900 kept-B/result\t140 kept-disk-B/result\n", contenders.Embedded)
	}
	return b.String()
}

func mustRead(t *testing.T, text string) *run {
	t.Helper()
	r, err := read(strings.NewReader(text), "test")
	require.NoError(t, err)
	return r
}

func pageOf(t *testing.T, text string) string {
	t.Helper()
	page, err := document(mustRead(t, text))
	require.NoError(t, err)
	return string(page)
}

func TestPage(t *testing.T) {
	page := pageOf(t, measured(map[string]float64{"Briver": 4000, "Aasynq": 500}, ""))
	assert.Contains(t, page, "| 64 | **River** | **4,400** | 4,000 – 4,800 | 4.00× |")
	assert.Contains(t, page, "| 64 | asynq | 550 | 500 – 600 | 0.50× |")
	assert.Contains(t, page, "| natspool, server process | 2.00 s | 5.00 s | 5.00 s – 5.00 s | 2.50× |")
	assert.Contains(t, page, "| a job in the queue | 1.10 kB | 1.10 kB – 1.10 kB | 0.13 kB | 0.13 kB – 0.13 kB |")
	assert.Contains(t, page, "natspool 000000000000 with changes; some/server v1;")
	assert.Contains(t, page, "| A | asynq v9.9.9 |")
	assert.NotContains(t, page, "Left out, since")
	for _, c := range contenders.All() {
		assert.Contains(t, page, c.Durability)
		assert.Contains(t, page, c.Call)
		assert.Contains(t, page, c.Recovery)
		assert.LessOrEqual(t, strings.Count(page, ": "+c.Call+".\n"), 1, "it is said once")
	}
	for _, dark := range []bool{false, true} {
		assert.Contains(t, page, `"`+chartName(dark)+`"`)
	}
}

// Who is better in each round is told of, whatever the text says.
func TestLosses(t *testing.T) {
	page := page{r: mustRead(t, measured(map[string]float64{"Briver": 4000, "Basynq": 500, "Anatspool-server": 9000}, ""))}
	losses := page.Losses()
	assert.Contains(t, losses, "| B | jobs/s, many at once, 64 workers | River | 4,400 | 1,100 | 4.00× |")
	assert.Contains(t, losses, "| B | latency, p50 | River | 0.23 ms | 0.91 ms | 0.25× |")
	assert.NotContains(t, losses, "asynq")
	assert.NotContains(t, losses, "natspool, server process", "that is this library")
	page.r = mustRead(t, measured(nil, ""))
	assert.Equal(t, "None.\n", page.Losses())
	page.r.values[key{scenario: "Latency", group: "B", lib: "river"}]["p50-ns"][0]--
	assert.Equal(t, "None.\n", page.Losses(), "not in every round")
}

func TestWhoIsMissing(t *testing.T) {
	page := pageOf(t, measured(nil, contenders.River))
	assert.Contains(t, page, "Left out, since the server was not installed: River.")
	assert.NotContains(t, page, "| B | River")
}

func TestIncompleteRuns(t *testing.T) {
	text := measured(nil, "")
	for what, bad := range map[string]string{
		"no benchmarks":      "rounds: 3\n",
		"values in 4 rounds": strings.Replace(text, "rounds: 3", "rounds: 4", 1),
		"parsing \"many\"":   strings.Replace(text, "workers=64", "workers=many", 1),
	} {
		_, err := read(strings.NewReader(bad), "test")
		assert.ErrorContains(t, err, what)
	}
}

func TestChart(t *testing.T) {
	r := mustRead(t, measured(map[string]float64{"Briver": 4000, "Aasynq": 500}, ""))
	list := bars(r)
	require.Len(t, list, len(contenders.All()))
	assert.Equal(t, bar{"River (B)", 4400, false}, list[0])
	assert.Equal(t, "asynq (A)", list[len(list)-1].label)
	for _, dark := range []bool{false, true} {
		first, err := draw(list, dark)
		require.NoError(t, err)
		second, err := draw(list, dark)
		require.NoError(t, err)
		assert.Equal(t, first, second)
		assert.Contains(t, string(first), ">0</text>", "the axis begins at zero")
		assert.Contains(t, string(first), ">4,400</text>")
	}
}

func TestAxisEnd(t *testing.T) {
	for top, want := range map[float64][2]float64{0: {1, 1}, 740: {800, 4}, 10.4: {12, 6}, 6.3: {8, 4}, 5999: {6000, 6}, 36123: {40000, 4}} {
		end, steps := axisEnd(top)
		assert.InDelta(t, want[0], end, 1e-9, top)
		assert.InDelta(t, want[1], float64(steps), 0, top)
	}
}

func TestFormats(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.014: "0.01", 1.234: "1.23", -1.5: "-1.50", 12.34: "12.3", 123.4: "123", 1234: "1,230", 36789: "36,800", 1234567: "1,230,000"} {
		assert.Equal(t, want, digits(x))
	}
	assert.Equal(t, estimate{2, 1, 9}, estimateOf([]float64{9, 1, 2}))
	assert.Equal(t, estimate{2, 1, 9}, estimateOf([]float64{9, 1, 1, 3}))
	assert.Equal(t, []float64{2, 5}, ratios([]float64{4, 10}, []float64{2, 2}))
}

// TestCommittedReport fails when the page or the chart are not those of the measurements that
// are committed beside them.
func TestCommittedReport(t *testing.T) {
	if _, err := os.Stat("../results/run.txt"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("nothing was measured yet")
	}
	dir := t.TempDir()
	require.NoError(t, command([]string{"-in=../results/run.txt", "-docs=" + dir}, io.Discard))
	names := []string{"distributed.md"}
	if runtime.GOARCH == "amd64" { // another processor may round a coordinate otherwise
		names = append(names, chartName(false), chartName(true))
	}
	for _, name := range names {
		want, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		have, err := os.ReadFile(filepath.Join("../../../docs", name))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(have), "make bench-distributed-report brings %s up to date", name)
	}
}
