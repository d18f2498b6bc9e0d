package main

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
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
	ours, series           []gocharts.Color
}{
	false: {
		background: gocharts.ColorFromHex("#ffffff"), text: gocharts.ColorFromHex("#1f2328"), line: gocharts.ColorFromHex("#d1d9e0"),
		ours:   colors("#0969da", "#0a3069"),
		series: colors("#8c959f", "#bf8700", "#1a7f37", "#cf222e", "#8250df", "#0a7ea4", "#953800", "#57606a", "#bf3989"),
	},
	true: {
		background: gocharts.ColorFromHex("#0d1117"), text: gocharts.ColorFromHex("#f0f6fc"), line: gocharts.ColorFromHex("#3d444d"),
		ours:   colors("#58a6ff", "#b6e3ff"),
		series: colors("#7d8590", "#d29922", "#3fb950", "#ff7b72", "#bc8cff", "#39c5cf", "#f0883e", "#c9d1d9", "#f778ba"),
	},
}

func colors(hex ...string) []gocharts.Color {
	list := make([]gocharts.Color, len(hex))
	for i, h := range hex {
		list[i] = gocharts.ColorFromHex(h)
	}
	return list
}

// colorsOf gives this library its own colours, the same in all charts. Where colours mean
// something else, none of them is used.
func colorsOf(list []series, dark bool) []gocharts.Color {
	p := palettes[dark]
	ours, others := p.ours, p.series
	result := make([]gocharts.Color, len(list))
	for i, s := range list {
		if s.ours && len(ours) > 0 {
			result[i], ours = ours[0], ours[1:]
		} else {
			result[i], others = others[0], append(slices.Clone(others[1:]), others[0])
		}
	}
	return result
}

func theme(list []series, dark bool) gocharts.ColorPalette {
	p := palettes[dark]
	return gocharts.MakeTheme(gocharts.ThemeOption{
		IsDarkMode: dark, AxisStrokeColor: p.line, AxisSplitLineColor: p.line, BackgroundColor: p.background,
		TextColor: p.text, SeriesColors: colorsOf(list, dark),
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
		OutputFormat: gocharts.ChartOutputSVG, Width: width, Height: height, Theme: theme(list, dark),
	})
	var err error
	if c.lines {
		err = p.LineChart(lineChart(c, labels, names, values, theme(list, dark)))
	} else {
		err = p.BarChart(barChart(c, labels, names, values, theme(list, dark), exclusive(list)))
	}
	if err != nil {
		return nil, err
	}
	svg, err := p.Bytes()
	if c.lines {
		svg = thicken(svg, list, dark)
	} else {
		svg = anchored(svg)
	}
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

func barChart(c chart, labels, names []string, values [][]float64, colours gocharts.ColorPalette, stacked bool) gocharts.BarChartOption {
	opt := gocharts.NewBarChartOptionWithData(values)
	opt.Theme = colours
	opt.Horizontal = true
	opt.Padding.Right = 36 // for half of the last label of the axis
	opt.Title.Text = c.title
	opt.Legend.Offset.Top = "36" // below the title
	opt.CategoryAxis.Labels = padded(labels)
	opt.ValueAxis[0].Min = new(0.0)
	most, steps := axisEnd(values)
	opt.ValueAxis[0].Max, opt.ValueAxis[0].LabelCount = &most, steps+1
	opt.ValueAxis[0].RangeValuePaddingScale = new(0.0)
	opt.Legend.SeriesNames = padded(names)
	opt.ValueFormatter = axisNumber
	for i := range opt.SeriesList {
		opt.SeriesList[i].Label.Show = new(true)
		opt.SeriesList[i].Label.ValueFormatter = barNumber
		opt.SeriesList[i].Label.FontStyle.FontColor = colours.GetTitleTextColor()
	}
	if stacked {
		opt.StackSeries = new(true)
	}
	return opt
}

// axisEnd returns where an axis from zero ends, and in how many round steps: few enough
// that their labels don't touch.
func axisEnd(values [][]float64) (end float64, steps int) {
	const most = 6
	top := 0.0
	for _, list := range values {
		for _, v := range list {
			if v != gocharts.GetNullValue() {
				top = max(top, v)
			}
		}
	}
	if top == 0 {
		return 1, 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(top/most)))
	for _, by := range []float64{1, 2, 5, 10} {
		if n := math.Ceil(top / (by * unit)); n <= most {
			return n * by * unit, int(n)
		}
	}
	return 10 * unit, 1 // not reached: top is less than 60 units
}

func lineChart(c chart, labels, names []string, values [][]float64, colours gocharts.ColorPalette) gocharts.LineChartOption {
	opt := gocharts.NewLineChartOptionWithData(values)
	opt.Theme = colours
	opt.Title.Text = c.title
	opt.Legend.Offset.Top = "36" // below the title
	opt.XAxis.Labels = labels
	opt.YAxis[0].Min = new(0.0)
	opt.LineStrokeWidth = thin
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

// thin and thick are the widths of lines: thick ones are of this library.
const (
	thin  = 1
	thick = 4
)

// thicken makes the lines of this library stand out, which the charts cannot do for some
// lines only.
func thicken(svg []byte, list []series, dark bool) []byte {
	for i, c := range colorsOf(list, dark) {
		if list[i].ours {
			style := fmt.Sprintf(";stroke:rgb(%d,%d,%d)", c.R, c.G, c.B)
			svg = bytes.ReplaceAll(svg, fmt.Appendf(nil, "stroke-width:%d%s", thin, style), fmt.Appendf(nil, "stroke-width:%d%s", thick, style))
		}
	}
	return svg
}

var (
	verticalLine = regexp.MustCompile(`<path d="M (\d+) (\d+)\nL (\d+) (\d+)"`)
	textAt       = regexp.MustCompile(`<text x="(\d+)" y="(\d+)" style="([^"]*)">([^<]*)</text>`)
)

// anchored ties the labels of a bar chart to its lines, so that they are in their places
// with whatever font a browser has: those of values centred under them, those of bars
// ending left of the axis.
func anchored(svg []byte) []byte {
	var grid []int
	bottom := 0
	for _, m := range verticalLine.FindAllSubmatch(svg, -1) {
		x, top, to, end := number(m[1]), number(m[2]), number(m[3]), number(m[4])
		if x == to && end-top > rowHeight {
			grid, bottom = append(grid, x), max(bottom, end)
		}
	}
	if len(grid) == 0 {
		return svg
	}
	slices.Sort(grid)
	return textAt.ReplaceAllFunc(svg, func(text []byte) []byte {
		m := textAt.FindSubmatch(text)
		x, y := number(m[1]), number(m[2])
		label := strings.TrimRight(string(m[4]), "\u00a0")
		switch {
		case y > bottom:
			x = nearest(grid, x+4*len(label)) // its middle, nearly
			return fmt.Appendf(nil, `<text x="%d" y="%d" text-anchor="middle" style="%s">%s</text>`, x, y, m[3], label)
		case x < grid[0] && y > legendEnd:
			return fmt.Appendf(nil, `<text x="%d" y="%d" text-anchor="end" style="%s">%s</text>`, grid[0]-10, y, m[3], label)
		}
		return text
	})
}

// legendEnd is below the title and the legend of a bar chart.
const legendEnd = 80

func number(digits []byte) int {
	n, _ := strconv.Atoi(string(digits)) // the pattern has digits only
	return n
}

// nearest returns the value of a sorted list that is next to x.
func nearest(list []int, x int) int {
	return slices.MinFunc(list, func(a, b int) int { return max(a-x, x-a) - max(b-x, x-b) })
}

// fonts are those to look for, as hardly anybody has the one that the charts ask for.
func fonts(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("'Roboto Medium',sans-serif"), []byte("Roboto,Helvetica,Arial,sans-serif"))
}
