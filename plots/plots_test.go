package plots

import (
	_ "embed"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/internal/sim"
)

var (
	docs  = flag.String("docs", "", "the `directory` to write docs/autotune.md and its pictures to")
	seeds = flag.Int("seeds", 5, "how many runs the worst one is taken of")
)

//go:embed autotune.md.tmpl
var page string

// The pictures and tables for people: make plots.
func TestPlots(t *testing.T) {
	if *docs == "" {
		t.Skip("no plots are wanted: see -docs")
	}
	text, err := template.New("page").Parse(page)
	require.NoError(t, err)
	var b strings.Builder
	sent, rejected := stormCharts(t)
	require.NoError(t, text.Execute(&b, map[string]any{
		"Seeds": *seeds, "StormJobs": "10,000", "StormRate": stormRate,
		"SizeChart": sizeChart(t).write(t, *docs), "SizeTable": sizeTable(t),
		"SentChart": sent.write(t, *docs), "RejectedChart": rejected.write(t, *docs),
		"StormTable": stormTable(t), "LimitsTable": limitsTable(t),
	}))
	require.NoError(t, os.WriteFile(filepath.Join(*docs, "autotune.md"), []byte(b.String()), 0o644))
}

// A chart is drawn for both kinds of pages.
func TestDraw(t *testing.T) {
	dir := t.TempDir()
	c := chart{name: "a", title: "A title", labels: []string{"0", "1"}, shown: 2, lines: []line{{name: "one", values: []float64{1, math.NaN()}}}}
	text := c.write(t, dir)
	for _, file := range []string{"autotune/a.light.svg", "autotune/a.dark.svg"} {
		svg, err := os.ReadFile(filepath.Join(dir, file))
		require.NoError(t, err)
		require.Contains(t, string(svg), "A title")
		require.Contains(t, text, file)
	}
}

// sizeChart is the size of a pool against a capacity that changes.
func sizeChart(t *testing.T) chart {
	const every = 5 // samples to a point
	sc := sim.ScenarioNamed("steps ×0.5, ×2")
	c := chart{
		name: "size", title: "Workers over time (minutes), against a capacity that nobody was told", shown: 7,
		lines: []line{{name: "capacity of the service"}, {name: "size of the pool", ours: true}}, // on top of the other
	}
	for samples := range slices.Chunk(tuned(t, sc, 0), every) {
		s := samples[0]
		c.labels = append(c.labels, fmt.Sprintf("%.0f", s.At.Minutes()))
		c.lines[0].values = append(c.lines[0].values, sc.Knee.At(s.At))
		c.lines[1].values = append(c.lines[1].values, float64(s.Size))
	}
	return c
}

// stormCharts are the calls of the first two minutes of a storm.
func stormCharts(t *testing.T) (sent, rejected chart) {
	const seconds, burst = 120, 10
	sent = chart{name: "sent", title: "Calls a second over time (s), 10,000 jobs against a quota of 100 a second", shown: 7}
	rejected = chart{name: "rejected", title: "Calls turned away a second, over time (s)", shown: 7}
	for second := range seconds + 1 {
		sent.labels = append(sent.labels, fmt.Sprint(second))
	}
	rejected.labels = sent.labels
	for _, way := range ways[:4] {
		_, w := way.weather(t, burst, 0, 0)
		came := line{name: way.name, ours: way.name == "learning"}
		turned := came
		for second := range seconds + 1 {
			a, b := math.NaN(), math.NaN()
			if second > 0 && second <= len(w.Samples) {
				a, b = float64(w.Samples[second-1].Came), float64(w.Samples[second-1].Turned)
			}
			came.values, turned.values = append(came.values, a), append(turned.values, b)
		}
		sent.lines, rejected.lines = append(sent.lines, came), append(rejected.lines, turned)
	}
	return sent, rejected
}

var guesses = []int{10, 40, 200}

func sizeTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| scenario | of the oracle | above | back | bars | mean size | oracle | fixed 10 | fixed 40 | fixed 200 |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, sc := range sim.Scenarios() {
		fmt.Fprintln(&b, sizeRow(t, &sc))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func sizeRow(t *testing.T, sc *sim.Scenario) string {
	worst := sim.Report{Goodput: math.Inf(1)}
	for seed := range *seeds {
		r := sim.ReportOf(tuned(t, sc, uint64(seed)), warmUp, sc)
		worst.Goodput = min(worst.Goodput, r.Goodput)
		worst.Above, worst.Back = max(worst.Above, r.Above), max(worst.Back, r.Back)
		worst.MeanSize += r.MeanSize / float64(*seeds)
	}
	best, size := oracle(t, sc)
	row := fmt.Sprintf("| %s | %.0f%% | %s | %s | %.0f%%, %s, %s | %.1f | %d: %.0f/s |", sc.Name, 100*worst.Goodput/best,
		span(worst.Above), span(worst.Back), 100*sc.Goodput, span(sc.Above), span(sc.Back), worst.MeanSize, size, best)
	for _, guess := range guesses {
		r := fixed(t, sc, guess)
		above := ""
		switch {
		case r.Above > 0 && len(sc.Changes()) == 0:
			above = " (always)"
		case r.Above > 0:
			above = " (" + span(r.Above) + ")"
		}
		row += fmt.Sprintf(" %.0f%%%s |", 100*r.Goodput/best, above)
	}
	return row
}

// oracle returns the goodput of the best fixed size, and that size: the least that has
// nearly as much as any.
func oracle(t *testing.T, sc *sim.Scenario) (best float64, size int) {
	goodput := map[int]float64{}
	for _, step := range sc.Knee {
		for _, part := range []float64{0.75, 1, 1.25, 2} {
			n := int(math.Ceil(step.Value*part)) / sc.Pools * sc.Pools
			if _, done := goodput[n]; !done && n > 0 {
				goodput[n] = fixed(t, sc, n).Goodput
				best = max(best, goodput[n])
			}
		}
	}
	size = math.MaxInt
	for n, g := range goodput {
		if g > 0.995*best {
			size = min(size, n)
		}
	}
	return best, size
}

func span(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return strings.TrimSuffix(d.String(), "m0s") + map[bool]string{true: "m"}[d%time.Minute == 0]
}

func stormTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| used, turned away | bucket of 100 | bucket of 10 | bucket of 1 |\n| --- | ---: | ---: | ---: |\n")
	for _, w := range ways {
		fmt.Fprintf(&b, "| %s |", w.name)
		for _, burst := range []float64{100, 10, 1} {
			fmt.Fprintf(&b, " %s |", w.worst(t, burst, 0))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// worst returns what a table says of the worst of all seeds.
func (w way) worst(t *testing.T, burst float64, jitter time.Duration) string {
	least, most := math.Inf(1), 0.0
	for seed := range *seeds {
		used, result := w.weather(t, burst, uint64(seed), jitter)
		least, most = min(least, used), max(most, result.Rejected())
	}
	return fmt.Sprintf("%.0f%%, %.1f%%", 100*least, 100*most)
}

// limitsTable is of what it is not good at.
func limitsTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| what | how it fares |\n| --- | --- |\n")
	sc := sim.WithoutKnee()
	r := sim.ReportOf(tuned(t, sc, 0), warmUp, sc)
	more := fixed(t, sc, int(2*r.MeanSize))
	fmt.Fprintf(&b, "| no knee | %.0f a second with %.0f workers; a fixed size of twice that has %.0f |\n", r.Goodput, r.MeanSize, more.Goodput)
	for _, burst := range []float64{10, 1} {
		fmt.Fprintf(&b, "| learning, bucket of %.0f, calls up to 20 ms on their way | %s |\n", burst, ways[3].worst(t, burst, 20*time.Millisecond))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
