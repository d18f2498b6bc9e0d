package main

import (
	"bytes"
	"math"
	"slices"
	"strings"

	gocharts "github.com/go-analyze/charts"
)

const chartTitle = "Jobs a second, each at its best number of workers and way to submit (longer is better)"

// bar is one bar of the chart.
type bar struct {
	label string
	value float64
	ours  bool
}

// bars are the greatest medians of the contenders, the best first.
func bars(r *run) (list []bar) {
	at := map[string]int{}
	for _, k := range r.keys {
		if k.scenario != "Throughput" {
			continue
		}
		b := bar{title(k) + " (" + k.group + ")", estimateOf(r.of(k, "jobs/s")).median, isOurs(k)}
		if i, ok := at[b.label]; ok {
			list[i].value = max(list[i].value, b.value)
			continue
		}
		at[b.label] = len(list)
		list = append(list, b)
	}
	slices.SortStableFunc(list, func(a, b bar) int {
		switch {
		case a.value > b.value:
			return -1
		case a.value < b.value:
			return 1
		}
		return 0
	})
	return list
}

// palettes are of a light and of a dark page: background, text, lines, this library, others.
var palettes = map[bool][5]string{
	false: {"#ffffff", "#1f2328", "#d1d9e0", "#0969da", "#8c959f"},
	true:  {"#0d1117", "#f0f6fc", "#3d444d", "#58a6ff", "#7d8590"},
}

// draw draws bars whose axis begins at zero.
func draw(list []bar, dark bool) ([]byte, error) {
	var c [5]gocharts.Color
	for i, hex := range palettes[dark] {
		c[i] = gocharts.ColorFromHex(hex)
	}
	theme := gocharts.MakeTheme(gocharts.ThemeOption{
		IsDarkMode: dark, BackgroundColor: c[0], TextColor: c[1], AxisStrokeColor: c[2], AxisSplitLineColor: c[2],
		SeriesColors: []gocharts.Color{c[3], c[4]},
	})
	// Labels are placed for a narrower font than those that many browsers have.
	// The first is at the bottom. Each label has a value of one series only.
	values := [][]float64{make([]float64, len(list)), make([]float64, len(list))}
	labels := make([]string, len(list))
	top := 0.0
	for i, b := range list {
		at := len(list) - 1 - i
		labels[at], values[0][at], values[1][at] = b.label+strings.Repeat("\u00a0", 2+len(b.label)/5), gocharts.GetNullValue(), b.value
		if b.ours {
			values[0][at], values[1][at] = b.value, gocharts.GetNullValue()
		}
		top = max(top, b.value)
	}
	p := gocharts.NewPainter(gocharts.PainterOptions{
		OutputFormat: gocharts.ChartOutputSVG, Width: 840, Height: 130 + 30*len(list), Theme: theme,
	})
	if err := p.BarChart(options(values, labels, top, theme)); err != nil {
		return nil, err
	}
	svg, err := p.Bytes()
	// Hardly anybody has the font that the charts ask for.
	svg = bytes.ReplaceAll(svg, []byte("'Roboto Medium',sans-serif"), []byte("Roboto,Helvetica,Arial,sans-serif"))
	return append(svg, '\n'), err
}

func options(values [][]float64, labels []string, top float64, theme gocharts.ColorPalette) gocharts.BarChartOption {
	opt := gocharts.NewBarChartOptionWithData(values)
	opt.Theme, opt.Horizontal, opt.StackSeries = theme, true, new(true)
	opt.Title.Text = chartTitle
	opt.Padding.Right = 36 // for half of the last label of the axis
	opt.Legend.Offset.Top = "36"
	opt.Legend.SeriesNames = []string{"this library\u00a0\u00a0\u00a0", "others\u00a0\u00a0\u00a0"}
	opt.CategoryAxis.Labels = labels
	end, steps := axisEnd(top)
	opt.ValueAxis[0].Min, opt.ValueAxis[0].Max, opt.ValueAxis[0].LabelCount = new(0.0), &end, steps+1
	opt.ValueAxis[0].RangeValuePaddingScale = new(0.0)
	opt.ValueFormatter = axisNumber
	for i := range opt.SeriesList {
		opt.SeriesList[i].Label.Show = new(true)
		opt.SeriesList[i].Label.ValueFormatter = axisNumber
		opt.SeriesList[i].Label.FontStyle.FontColor = theme.GetTitleTextColor()
	}
	return opt
}

func axisNumber(x float64) string {
	if x == gocharts.GetNullValue() {
		return ""
	}
	return digits(x)
}

// axisEnd returns where an axis from zero ends, and in how many round steps.
func axisEnd(top float64) (end float64, steps int) {
	const most = 6
	if top <= 0 {
		return 1, 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(top/most)))
	for _, by := range []float64{1, 2, 5} {
		if n := math.Ceil(top / (by * unit)); n <= most {
			return n * by * unit, int(n)
		}
	}
	return math.Ceil(top/(10*unit)) * 10 * unit, int(math.Ceil(top / (10 * unit)))
}
