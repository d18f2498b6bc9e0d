package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

// measured makes up what a run of all benchmarks would have written. All take a time of
// base[lib], or of 100, a little more in each round; value may change it.
func measured(rounds int, base map[string]float64, value func(e scenarios.Entry, unit string, x float64) float64) string {
	var b strings.Builder
	b.WriteString("goos: linux\ngoarch: amd64\ncpu: a processor\ngo-version: go1.26.8\ngomaxprocs: 2\n")
	fmt.Fprintf(&b, "date: 2026-01-02\nrounds: %d\nlib-pond: github.com/alitto/pond/v2 v2.7.1\nlib-previous: github.com/boundedgo/previous %040d\n\n", rounds, 7)
	for round := range rounds {
		for _, s := range scenarios.Table() {
			for _, e := range s.Entries(contenders.All(), true) {
				fmt.Fprintf(&b, "%s-2\t1", e.Name())
				for _, c := range columnsOf(s.Kind) {
					x := base[e.Lib]
					if x == 0 {
						x = 100
					}
					x *= 1 + float64(round)/100
					if value != nil {
						x = value(e, c.unit, x)
					}
					fmt.Fprintf(&b, "\t%v %s", x, c.unit)
				}
				b.WriteString("\n")
			}
		}
	}
	return b.String()
}

func mustRead(t *testing.T, text string) *run {
	t.Helper()
	r, err := read(strings.NewReader(text), "run.txt")
	require.NoError(t, err)
	return r
}

func TestRead(t *testing.T) {
	r := mustRead(t, `cpu: some
BenchmarkNoop/lib=pond/way=ResultPool.Submit/workers=4-2	100	12.5 ns/job	3 B/job
BenchmarkScaling/lib=bare/way=channels/procs=1/workers=4-1	100	7 ns/job
BenchmarkNoop/lib=pond/way=ResultPool.Submit/workers=4-2	100	13.5 ns/job	3 B/job
BenchmarkLoad5k/lib=pond/way=x/workers=64-2	100	5 p99-ns	6 p99.9-ns
`)
	assert.Equal(t, "some", r.config["cpu"])
	assert.Equal(t, []float64{12.5, 13.5}, r.values[key{"Noop/workers=4", "pond", "ResultPool.Submit"}]["ns/job"])
	assert.Equal(t, []float64{7}, r.values[key{"Scaling/procs=1/workers=4", "bare", "channels"}]["ns/job"])
	assert.Equal(t, []float64{6}, r.values[key{"Load5k/workers=64", "pond", "x"}]["p99.9-ns"])
}

func TestReadRefusesWhatIsNotPaired(t *testing.T) {
	_, err := read(strings.NewReader(`
BenchmarkNoop/lib=a/way=x/workers=4-2	1	1 ns/job
BenchmarkNoop/lib=b/way=x/workers=4-2	1	1 ns/job
BenchmarkNoop/lib=b/way=x/workers=4-2	1	1 ns/job
`), "run.txt")
	assert.ErrorContains(t, err, "others have")
	_, err = read(strings.NewReader("nothing\n"), "run.txt")
	assert.ErrorContains(t, err, "no benchmarks")
}

// For 21 values the ranks of an interval of 95% are the 6th and the 16th.
func TestEstimate(t *testing.T) {
	values := make([]float64, 21)
	for i := range values {
		values[(i*8)%21] = float64(i + 1)
	}
	assert.Equal(t, estimate{11, 6, 16}, estimateOf(values))
	assert.False(t, estimateOf([]float64{1, 2, 3, 4, 5}).known(), "too few for an interval")
	assert.True(t, estimateOf([]float64{1, 2, 3, 4, 5, 6}).known())
}

// The ratio is that of each round, not that of the medians.
func TestRatiosArePaired(t *testing.T) {
	r := &run{values: map[key]map[string][]float64{}}
	a, b := key{"S", "boundedgo", "x"}, key{"S", "bare", "y"}
	r.keys = []key{a, b}
	r.values[a] = map[string][]float64{"ns/job": {2, 20, 200, 2000, 20000, 200000}}
	r.values[b] = map[string][]float64{"ns/job": {1, 10, 100, 1000, 10000, 100000}}
	g := goal{what: "w", ours: side{"S", "boundedgo", nil, "ns/job"}, theirs: &side{"S", "bare", nil, "ns/job"}, bar: 2, aim: 1, form: times}
	v, err := judge(r, []goal{g})
	require.NoError(t, err)
	assert.Equal(t, estimate{2, 2, 2}, v[0].estimate)
	assert.Equal(t, "holds", v[0].result())
	assert.Equal(t, "a factor of 2.00 away", v[0].toAim())
	g.faster = true
	v, err = judge(r, []goal{g})
	require.NoError(t, err)
	assert.Equal(t, estimate{0.5, 0.5, 0.5}, v[0].estimate)
	assert.Equal(t, "missed", v[0].result())
}

func TestVerdicts(t *testing.T) {
	inf := math.Inf(1)
	for name, c := range map[string]struct {
		faster bool
		e      estimate
		want   string
		aim    string
	}{
		"within":                {false, estimate{1, 0.9, 1.2}, "holds", "reached"},
		"just":                  {false, estimate{1.1, 1, 1.25}, "holds", "a factor of 1.10 away"},
		"upper bound beyond":    {false, estimate{1.1, 1, 1.3}, "undecided", "a factor of 1.10 away"},
		"beyond":                {false, estimate{1.5, 1.3, 1.6}, "missed", "a factor of 1.50 away"},
		"faster":                {true, estimate{3, 1.25, 4}, "holds", "reached"},
		"faster, perhaps":       {true, estimate{3, 1.2, 4}, "undecided", "reached"},
		"not faster":            {true, estimate{0.5, 0.4, 1.2}, "missed", "a factor of 2.00 away"},
		"too few rounds":        {false, estimate{1, -inf, inf}, "too few rounds", "reached"},
		"faster, though unsure": {true, estimate{1, -inf, inf}, "too few rounds", "reached"},
	} {
		v := verdict{goal: goal{faster: c.faster, bar: 1.25, aim: 1, form: times}, estimate: c.e}
		assert.Equal(t, c.want, v.result(), name)
		assert.Equal(t, c.aim, v.toAim(), name)
	}
	assert.Equal(t, "–", verdict{goal: goal{aim: 1}, estimate: estimate{1, 1, 1}}.result(), "only an aim")
}

// The fastest way of a contender counts, and heaps below Go's least one are alike.
func TestSides(t *testing.T) {
	r := mustRead(t, measured(7, nil, func(e scenarios.Entry, unit string, x float64) float64 {
		switch {
		case e.Lib == contenders.Chunks && e.Way == "run-1024":
			return x / 2
		case unit == "peak-B" && e.Scenario.Name == "Heap10M":
			return minHeap - 1
		}
		return x
	}))
	k, err := r.best(side{"Slice/workers=4", contenders.Chunks, nil, "ns/job"})
	require.NoError(t, err)
	assert.Equal(t, "run-1024", k.way)
	verdicts, err := judge(r, barTable())
	require.NoError(t, err)
	found := 0
	for _, v := range verdicts {
		if strings.Contains(v.what, "relative to 1 million") {
			found++
			assert.Equal(t, estimate{1, 1, 1}, v.estimate)
		}
	}
	assert.Equal(t, 2, found)
}

// Each bar is of something that is measured, and is in the document; and what was not
// measured is no bar that is left out.
func TestNoBarIsMissing(t *testing.T) {
	text := measured(7, nil, nil)
	r := mustRead(t, text)
	files, err := report(r)
	require.NoError(t, err)
	for _, g := range barTable() {
		assert.Contains(t, string(files[documentFile]), "| "+g.what+" |")
		assert.NotEmpty(t, g.short, g.what)
		assert.Contains(t, string(files[summaryFile]), "\n"+g.short+" ")
		for _, s := range []*side{&g.ours, g.theirs} {
			if s == nil {
				continue
			}
			lines := regexp.MustCompile("(?m)^Benchmark"+strings.Replace(s.scenario, "/", "/lib="+s.lib+"/.*", 1)+"-.*\n").ReplaceAllString(text, "")
			require.NotEqual(t, text, lines, g.what)
			_, err := judge(mustRead(t, lines), []goal{g})
			assert.ErrorContains(t, err, "in "+s.scenario, g.what)
		}
	}
}

// The README shows the summary in a block that should not have to be scrolled.
func TestSummaryIsNarrow(t *testing.T) {
	for _, rounds := range []int{1, 7} {
		files, err := report(mustRead(t, measured(rounds, map[string]float64{"pond": 1e4, "conc": 1e4}, nil)))
		require.NoError(t, err)
		for line := range strings.Lines(string(files[summaryFile])) {
			assert.LessOrEqual(t, len([]rune(strings.TrimSuffix(line, "\n"))), 90, line)
		}
	}
}

// With few rounds nobody is known to be better, which does not mean that nobody is.
func TestLossesOfFewRounds(t *testing.T) {
	base := map[string]float64{"bare": 50, "ants": 200}
	few := lossTable(mustRead(t, measured(3, base, nil)))
	assert.Contains(t, few, "Too few rounds")
	assert.Contains(t, few, "| Jobs that do nothing, 4 workers | bare channels |")
	assert.NotContains(t, few, "| ants")
	enough := lossTable(mustRead(t, measured(7, base, nil)))
	assert.NotContains(t, enough, "Too few rounds")
	assert.Equal(t, "None.\n", lossTable(mustRead(t, measured(7, nil, nil))))
	assert.Contains(t, lossTable(mustRead(t, measured(3, nil, nil))), "Too few rounds")
}

// An earlier revision is in the tables, and only there.
func TestChartsLeaveOutPrevious(t *testing.T) {
	text := strings.ReplaceAll(measured(7, nil, nil), "lib=ants/", "lib=previous/")
	for _, c := range chartTable() {
		labels, list := c.make(mustRead(t, text))
		for _, s := range list {
			labels = append(labels, s.name)
		}
		assert.NotContains(t, strings.Join(labels, "\n"), "previous", c.name)
	}
}

func TestDocument(t *testing.T) {
	// bare is twice as fast as the library, which has no way to deal with that.
	r := mustRead(t, measured(7, map[string]float64{"bare": 50, "sequential": 25, "ants": 200}, nil))
	files, err := report(r)
	require.NoError(t, err)
	doc := string(files[documentFile])
	assert.Contains(t, doc, "| **bare** | **channels** | 51.5 |", "the best one, though the sequential loop is faster")
	assert.Contains(t, doc, "| Submit to Results, time relative to the bare pool | at most 1.25× | 2.00× | 2.00× – 2.00× | **missed** | at most 1.00× | a factor of 2.00 away |")
	assert.Regexp(t, `(?m)^\| previous, bare, batches, goroutines, pond, ants, gammazero, errgroup( \| –){5} \|$`, doc, "they have no Map")
	assert.Contains(t, doc, "Left out: sequential would sleep for 1m40s.")
	assert.Contains(t, doc, "| Jobs that do nothing, 4 workers | bare channels |", "we are told where another is better")
	assert.NotContains(t, doc, "| Jobs that do nothing, 4 workers | ants")
	assert.Contains(t, doc, "earlier revision")
	for _, c := range chartTable() {
		for _, dark := range []bool{false, true} {
			name := "benchmarks/" + fileName(c.name, dark)
			assert.Contains(t, doc, `"`+name+`"`)
			assert.Contains(t, files, name)
		}
	}
}

func TestChartsAreDeterministicAndBeginAtZero(t *testing.T) {
	text := measured(7, map[string]float64{"bare": 5000, "boundedgo": 4900, "pond": 5100}, nil)
	first, err := charts(mustRead(t, text))
	require.NoError(t, err)
	second, err := charts(mustRead(t, text))
	require.NoError(t, err)
	assert.Equal(t, first, second)
	for name, svg := range first {
		assert.Contains(t, string(svg), ">0</text>", name)
	}
}

func TestAxisEnd(t *testing.T) {
	for top, want := range map[float64][2]float64{0: {1, 1}, 740: {800, 4}, 10.4: {12, 6}, 6.3: {8, 4}, 1600: {2000, 4}, 3: {3, 6}} {
		end, steps := axisEnd([][]float64{{top / 2}, {top}})
		assert.InDelta(t, want[0], end, 1e-9, top)
		assert.InDelta(t, want[1], float64(steps), 0, top)
	}
}

func TestFormats(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.001: "0.00", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234.5: "1,234", 1234567: "1,234,567"} {
		assert.Equal(t, want, digits(x))
	}
	assert.Equal(t, "0.5", axisNumber(0.5))
	assert.Equal(t, "200", axisNumber(200))
	assert.Equal(t, "1.00 MiB", bytesForm(1<<20))
	assert.Equal(t, "–", estimate{1, math.Inf(-1), math.Inf(1)}.between(times))
}

// TestCommittedReport fails when the page, the charts or the summary are not those of the
// measurements that are committed beside them.
func TestCommittedReport(t *testing.T) {
	dir := t.TempDir()
	summary := filepath.Join(dir, summaryFile)
	require.NoError(t, command([]string{"-in=../results/run.txt", "-docs=" + dir, "-summary=" + summary}, io.Discard))
	same := func(made, committed string) {
		want, err := os.ReadFile(made)
		require.NoError(t, err)
		have, err := os.ReadFile(committed)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(have), "make bench-report brings %s up to date", committed)
	}
	same(summary, "../results/summary.txt")
	same(filepath.Join(dir, documentFile), "../../docs/"+documentFile)
	if runtime.GOARCH != "amd64" {
		return // a processor that multiplies and adds in one step may round a coordinate otherwise
	}
	names := func(pattern string) (list []string) {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, p := range paths {
			list = append(list, filepath.Base(p))
		}
		return list
	}
	made := names(filepath.Join(dir, "benchmarks", "*"))
	assert.Equal(t, made, names("../../docs/benchmarks/*"))
	for _, name := range made {
		same(filepath.Join(dir, "benchmarks", name), "../../docs/benchmarks/"+name)
	}
}
