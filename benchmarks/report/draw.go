package main

import (
	"bytes"
	"math"
	"slices"
	"strings"

	gocharts "github.com/go-analyze/charts"
)

// missing is no value.
var missing = math.NaN()

const (
	width     = 840
	rowHeight = 26 // of a bar with its label
	around    = 130
)

// The colours are chosen to be told apart by all, on white and on black.
var palettes = map[bool]struct {
	background, text, line gocharts.Color
	series                 []gocharts.Color
}{
	false: {
		background: gocharts.ColorFromHex("#ffffff"), text: gocharts.ColorFromHex("#1f2328"), line: gocharts.ColorFromHex("#d1d9e0"),
		series: colors("#0969da", "#8c959f", "#bf8700", "#1a7f37", "#cf222e", "#8250df", "#0a7ea4", "#953800", "#57606a"),
	},
	true: {
		background: gocharts.ColorFromHex("#0d1117"), text: gocharts.ColorFromHex("#f0f6fc"), line: gocharts.ColorFromHex("#3d444d"),
		series: colors("#58a6ff", "#7d8590", "#d29922", "#3fb950", "#ff7b72", "#bc8cff", "#39c5cf", "#f0883e", "#c9d1d9"),
	},
}

func colors(hex ...string) []gocharts.Color {
	list := make([]gocharts.Color, len(hex))
	for i, h := range hex {
		list[i] = gocharts.ColorFromHex(h)
	}
	return list
}

func theme(dark bool) gocharts.ColorPalette {
	p := palettes[dark]
	return gocharts.MakeTheme(gocharts.ThemeOption{
		IsDarkMode: dark, AxisStrokeColor: p.line, AxisSplitLineColor: p.line, BackgroundColor: p.background,
		TextColor: p.text, SeriesColors: p.series,
	})
}

// draw makes a chart whose axis of values begins at zero.
func draw(c chart, labels []string, list []series, dark bool) ([]byte, error) {
	values := make([][]float64, len(list))
	names := make([]string, len(list))
	for i, s := range list {
		values[i], names[i] = withNulls(s.values, !c.lines), s.name
	}
	if !c.lines { // whose first is at the bottom, otherwise
		labels = slices.Clone(labels)
		slices.Reverse(labels)
	}
	height := around + rowHeight*len(labels)
	if !c.lines && !exclusive(list) {
		height = around + (rowHeight*2/3*len(list)+8)*len(labels)
	}
	if c.lines {
		height = width * 9 / 16
	}
	p := gocharts.NewPainter(gocharts.PainterOptions{
		OutputFormat: gocharts.ChartOutputSVG, Width: width, Height: height, Theme: theme(dark),
	})
	var err error
	if c.lines {
		err = p.LineChart(lineChart(c, labels, names, values, dark))
	} else {
		err = p.BarChart(barChart(c, labels, names, values, dark, exclusive(list)))
	}
	if err != nil {
		return nil, err
	}
	svg, err := p.Bytes()
	return append(fonts(svg), '\n'), err
}

// withNulls returns a copy with the charts' own sign for a missing value.
func withNulls(values []float64, reversed bool) []float64 {
	values = slices.Clone(values)
	for i, v := range values {
		if math.IsNaN(v) {
			values[i] = gocharts.GetNullValue()
		}
	}
	if reversed {
		slices.Reverse(values)
	}
	return values
}

// exclusive reports whether each label has a value of one series only.
func exclusive(list []series) bool {
	for i := range list[0].values {
		n := 0
		for _, s := range list {
			if !math.IsNaN(s.values[i]) {
				n++
			}
		}
		if n > 1 {
			return false
		}
	}
	return true
}

func barChart(c chart, labels, names []string, values [][]float64, dark, stacked bool) gocharts.BarChartOption {
	opt := gocharts.NewBarChartOptionWithData(values)
	opt.Theme = theme(dark)
	opt.Horizontal = true
	opt.Title.Text = c.title
	opt.Legend.Offset.Top = "36" // below the title
	opt.CategoryAxis.Labels = padded(labels)
	opt.ValueAxis[0].Min = new(0.0)
	opt.Legend.SeriesNames = padded(names)
	opt.ValueFormatter = axisNumber
	for i := range opt.SeriesList {
		opt.SeriesList[i].Label.Show = new(true)
		opt.SeriesList[i].Label.ValueFormatter = barNumber
		opt.SeriesList[i].Label.FontStyle.FontColor = palettes[dark].text
	}
	if stacked {
		opt.StackSeries = new(true)
	}
	return opt
}

func lineChart(c chart, labels, names []string, values [][]float64, dark bool) gocharts.LineChartOption {
	opt := gocharts.NewLineChartOptionWithData(values)
	opt.Theme = theme(dark)
	opt.Title.Text = c.title
	opt.Legend.Offset.Top = "36" // below the title
	opt.XAxis.Labels = labels
	opt.YAxis[0].Min = new(0.0)
	opt.Legend.SeriesNames = padded(names)
	opt.ValueFormatter = axisNumber
	return opt
}

func axisNumber(x float64) string {
	s := digits(x)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func barNumber(x float64) string {
	if x == gocharts.GetNullValue() {
		return ""
	}
	return digits(x)
}

// padded gives labels room on their right: they are placed for a narrower font than those
// that many browsers have.
func padded(labels []string) []string {
	list := make([]string, len(labels))
	for i, l := range labels {
		list[i] = l + strings.Repeat("\u00a0", 2+len(l)/5)
	}
	return list
}

// fonts are those to look for, as hardly anybody has the one that the charts ask for.
func fonts(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("'Roboto Medium',sans-serif"), []byte("Roboto,Helvetica,Arial,sans-serif"))
}
