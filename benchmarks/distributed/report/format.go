package main

import (
	"math"
	"strconv"
	"strings"
)

// digits shows three significant digits, and those of thousands in groups.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case a == 0:
		return "0"
	case a < 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case a < 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 1000: // of which more than three say nothing
		unit := math.Pow(10, math.Floor(math.Log10(a))-2)
		x = math.Round(x/unit) * unit
	}
	s := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func times(x float64) string { return digits(x) + "×" }

func millis(ns float64) string { return digits(ns/1e6) + " ms" }

func seconds(s float64) string { return digits(s) + " s" }

func kilobytes(b float64) string { return digits(b/1000) + " kB" }

// between shows the spread of an estimate.
func (e estimate) between(form func(float64) string) string { return form(e.lo) + " – " + form(e.hi) }

// table is a table in Markdown, whose columns but the first few are numbers.
func table(names int, head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(head)
	rule := make([]string, len(head))
	for i := range rule {
		if rule[i] = "---"; i >= names {
			rule[i] = "---:"
		}
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	return b.String()
}
