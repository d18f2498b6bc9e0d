package main

import (
	"math"
	"strings"

	gocharts "github.com/go-analyze/charts"
)

// missing is no value.
var missing = math.NaN()

const (
	width     = 840
	rowHeight = 26 // of a bar with its label
	around    = 110
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
		values[i], names[i] = s.values, s.name
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
	return append(svg, '\n'), err
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

func zero() *float64 { return gocharts.Ptr(0.0) }

func barChart(c chart, labels, names []string, values [][]float64, dark, stacked bool) gocharts.BarChartOption {
	for i := range values {
		for j, v := range values[i] {
			if math.IsNaN(v) {
				values[i][j] = gocharts.GetNullValue()
			}
		}
	}
	opt := gocharts.NewBarChartOptionWithData(values)
	opt.Theme = theme(dark)
	opt.Horizontal = true
	opt.Title.Text = c.title
	opt.CategoryAxis.Labels = labels
	opt.ValueAxis[0].Min = zero()
	opt.Legend.SeriesNames = names
	opt.ValueFormatter = axisNumber
	for i := range opt.SeriesList {
		opt.SeriesList[i].Label.Show = gocharts.Ptr(true)
		opt.SeriesList[i].Label.ValueFormatter = barNumber
	}
	if stacked {
		opt.StackSeries = gocharts.Ptr(true)
	}
	return opt
}

func lineChart(c chart, labels, names []string, values [][]float64, dark bool) gocharts.LineChartOption {
	opt := gocharts.NewLineChartOptionWithData(values)
	opt.Theme = theme(dark)
	opt.Title.Text = c.title
	opt.XAxis.Labels = labels
	opt.YAxis[0].Min = zero()
	opt.Legend.SeriesNames = names
	opt.ValueFormatter = axisNumber
	return opt
}

func axisNumber(x float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(digits(x), ".00"), ".0")
}

func barNumber(x float64) string {
	if x == gocharts.GetNullValue() {
		return ""
	}
	return digits(x)
}
