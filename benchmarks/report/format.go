package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// digits shows three significant digits, and those of thousands in groups.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case a == 0:
		return "0"
	case a < 0.01:
		return "0.00"
	case a < 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case a < 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	s := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plain(x float64) string { return digits(x) }

// fine is for figures that are next to nothing.
func fine(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }

func times(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "×" }

func nanoseconds(x float64) string { return digits(x) + " ns" }

func bytesForm(x float64) string { return digits(x/(1<<20)) + " MiB" }

func micros(x float64) string { return digits(x / 1000) }

// between shows the interval of an estimate.
func (e estimate) between(form func(float64) string) string {
	if !e.known() {
		return "–"
	}
	return form(e.lo) + " – " + form(e.hi)
}

// cells is a row of a table in Markdown.
func cells(list ...string) string { return "| " + strings.Join(list, " | ") + " |\n" }

// table is a table in Markdown, whose columns but the first few are numbers.
func table(names int, head []string, rows [][]string) string {
	var b strings.Builder
	b.WriteString(cells(head...))
	rule := make([]string, len(head))
	for i := range rule {
		if rule[i] = "---"; i >= names {
			rule[i] = "---:"
		}
	}
	b.WriteString(cells(rule...))
	for _, row := range rows {
		b.WriteString(cells(row...))
	}
	return b.String()
}

// aligned is a table in plain text.
func aligned(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s", widths[i]+2, cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
