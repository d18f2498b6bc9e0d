package plots

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocharts "github.com/go-analyze/charts"
	"github.com/stretchr/testify/require"
)

// line is one line of a chart: a value for each point of its axis.
type line struct {
	name   string
	ours   bool      // it has the colour of this library
	values []float64 // NaN where there is none
}

type chart struct {
	name, title string
	labels      []string // of the points
	shown       int      // how many of the labels
	lines       []line
}

const (
	width  = 840
	height = width * 9 / 16
)

// The colours are chosen to be told apart by all, on white and on black. The first is this
// library's; they are those of the benchmarks.
var palettes = map[bool]struct {
	background, text, line string
	series                 []string
}{
	false: {"#ffffff", "#1f2328", "#d1d9e0", []string{"#0969da", "#8c959f", "#bf8700", "#1a7f37", "#cf222e"}},
	true:  {"#0d1117", "#f0f6fc", "#3d444d", []string{"#58a6ff", "#7d8590", "#d29922", "#3fb950", "#ff7b72"}},
}

func (c chart) theme(dark bool) gocharts.ColorPalette {
	p := palettes[dark]
	var series []gocharts.Color
	others := p.series[1:]
	for _, l := range c.lines {
		if l.ours {
			series = append(series, gocharts.ColorFromHex(p.series[0]))
			continue
		}
		series, others = append(series, gocharts.ColorFromHex(others[0])), others[1:]
	}
	return gocharts.MakeTheme(gocharts.ThemeOption{
		IsDarkMode: dark, AxisStrokeColor: gocharts.ColorFromHex(p.line), AxisSplitLineColor: gocharts.ColorFromHex(p.line),
		BackgroundColor: gocharts.ColorFromHex(p.background), TextColor: gocharts.ColorFromHex(p.text), SeriesColors: series,
	})
}

// draw returns the chart as SVG.
func (c chart) draw(dark bool) ([]byte, error) {
	values := make([][]float64, len(c.lines))
	names := make([]string, len(c.lines))
	for i, l := range c.lines {
		for _, v := range l.values {
			if math.IsNaN(v) {
				v = gocharts.GetNullValue()
			}
			values[i] = append(values[i], v)
		}
		// With room on the right: names are placed for a narrower font than many browsers have.
		names[i] = l.name + strings.Repeat("\u00a0", 2+len(l.name)/5)
	}
	opt := gocharts.NewLineChartOptionWithData(values)
	opt.Theme = c.theme(dark)
	opt.Title.Text = c.title
	opt.Legend.Offset.Top = "36" // below the title
	opt.Legend.SeriesNames = names
	opt.XAxis.Labels, opt.XAxis.LabelCount = c.labels, c.shown
	opt.XAxis.BoundaryGap = new(false)
	opt.YAxis[0].Min = new(0.0)
	opt.LineStrokeWidth = 2
	opt.Symbol.Shape = gocharts.SymbolNone
	opt.ValueFormatter = func(v float64) string { return fmt.Sprintf("%.0f", v) }
	p := gocharts.NewPainter(gocharts.PainterOptions{
		OutputFormat: gocharts.ChartOutputSVG, Width: width, Height: height, Theme: opt.Theme,
	})
	if err := p.LineChart(opt); err != nil {
		return nil, err
	}
	svg, err := p.Bytes()
	// Hardly anybody has the font that the charts ask for.
	svg = bytes.ReplaceAll(svg, []byte("'Roboto Medium',sans-serif"), []byte("Roboto,Helvetica,Arial,sans-serif"))
	return append(svg, '\n'), err
}

func (c chart) file(dark bool) string {
	if dark {
		return "autotune/" + c.name + ".dark.svg"
	}
	return "autotune/" + c.name + ".light.svg"
}

// write writes the chart for light and dark pages, and returns what embeds it in one.
func (c chart) write(t *testing.T, docs string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(docs, "autotune"), 0o755))
	for _, dark := range []bool{false, true} {
		svg, err := c.draw(dark)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(docs, c.file(dark)), svg, 0o644))
	}
	return fmt.Sprintf(`<picture>
  <source media="(prefers-color-scheme: dark)" srcset="%s">
  <img alt="%s" src="%s">
</picture>`, c.file(true), c.title, c.file(false))
}
