package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// row is a figure of the table.
type row struct {
	label string
	cell  func(report) string
}

// rows are the figures to print. What the API does is counted by the API; only where
// it is not ours, the client says what it can.
func rows(ours bool) []row {
	rows := []row{
		{"wall time", func(r report) string { return cli.Seconds(r.wall) }},
		{"requests the API received", byAPI(func(c apiCounts) int { return c.total })},
		{"  of them rejected with 429", byAPI(func(c apiCounts) int { return c.rejected })},
		{"most in the API at once (rejected included)", byAPI(func(c apiCounts) int { return c.most })},
		{"most connections to the API at once", byAPI(func(c apiCounts) int { return c.connections })},
	}
	right := "results right / expected"
	if !ours {
		rows = append(rows,
			row{"requests the client sent", func(r report) string { return strconv.Itoa(r.client.total) }},
			row{"  of them answered with 429", func(r report) string { return strconv.Itoa(r.client.rejected) }},
			row{"most the client had out at once", func(r report) string { return strconv.Itoa(r.client.most) }},
		)
		right = "results with a status of 2xx / expected" // which answer is right only their API knows
	}
	return append(rows, row{right, func(r report) string { return fmt.Sprintf("%d / %d", r.right, r.expected) }})
}

func byAPI(figure func(apiCounts) int) func(report) string {
	return func(r report) string {
		if r.api == nil {
			return "n/a (not our API)"
		}
		return strconv.Itoa(figure(*r.api))
	}
}

// printTable prints a column for each report beside the labels.
func printTable(out io.Writer, reports []report) {
	cells := [][]string{{""}}
	for _, r := range reports {
		cells[0] = append(cells[0], r.name)
	}
	for _, row := range rows(reports[0].api != nil) {
		line := []string{row.label}
		for _, r := range reports {
			line = append(line, row.cell(r))
		}
		cells = append(cells, line)
	}
	align(out, cells)
}

// align prints cells with the first column flush left and the others flush right.
func align(out io.Writer, cells [][]string) {
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, cell := range line {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, line := range cells {
		cli.Printf(out, "%-*s", widths[0], line[0])
		for i, cell := range line[1:] {
			cli.Printf(out, "   %*s", widths[i+1], cell)
		}
		cli.Printf(out, "\n")
	}
}
