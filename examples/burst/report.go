package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// report is what a run has come to.
type report struct {
	*tally
	name   string
	as     string // see way
	wall   time.Duration
	api    *apiCounts // what the API has counted; nil when it is not ours
	client counts     // what the client has counted
}

// seen is what is known of the requests: by the API if it is ours.
func (r report) seen() counts {
	if r.api != nil {
		return r.api.counts
	}
	return r.client
}

// printReports prints the table, what went wrong, and what it all comes to.
func printReports(out io.Writer, reports []report, interrupted bool) {
	if len(reports) > 0 {
		cli.Printf(out, "\n")
		printTable(out, reports)
		cli.Printf(out, "\n")
	}
	for _, r := range reports {
		if s := r.trouble(interrupted); s != "" {
			cli.Printf(out, "%s: %s.\n", r.name, s)
		}
	}
	cli.Printf(out, "%s\n", closing(reports, interrupted))
}

// trouble says which results are not right and why, or nothing. After an interrupt
// it does not mention those that have not come: they could not.
func (r report) trouble(interrupted bool) string {
	var parts []string
	if r.wrong > 0 {
		parts = append(parts, cli.Plural(r.wrong, "result")+" wrong or doubled")
	}
	if r.failed > 0 && !interrupted {
		parts = append(parts, fmt.Sprintf("%s failed, the first of them: %v", cli.Plural(r.failed, "request"), r.firstErr))
	}
	if r.lost() > 0 && !interrupted {
		parts = append(parts, cli.Plural(r.lost(), "result")+" lost")
	}
	return strings.Join(parts, "; ")
}

// closing says in a sentence what the figures come to. It compares only runs that
// have done the same.
func closing(reports []report, interrupted bool) string {
	switch {
	case interrupted:
		return "Interrupted: this is how far it came."
	case len(reports) == 1:
		r := reports[0]
		return fmt.Sprintf("It took %s and %s to get %d of %s.",
			cli.Seconds(r.wall), cli.Plural(r.seen().total, "request"), r.right, cli.Plural(r.expected, "right result"))
	case !allRight(reports):
		return "They do not compare, since not all results are right."
	}
	lines := []string{compare(reports[0], reports[1])}
	for _, r := range reports[2:] {
		lines = append(lines, compareFurther(r, reports[1]))
	}
	return strings.Join(lines, "\n")
}

// compareFurther is for another way, beside the pool that was told the limit.
func compareFurther(r, pool report) string {
	n, p := r.seen(), pool.seen()
	return fmt.Sprintf("%s took %s long as the one that was,\nand sent %s many requests: %d of its %d were rejected.",
		r.as, times(r.wall.Seconds(), pool.wall.Seconds()), times(float64(n.total), float64(p.total)), n.rejected, n.total)
}

func compare(naive, pool report) string {
	n, p := naive.seen(), pool.seen()
	return fmt.Sprintf("For the same %s, a goroutine per request took %s long as\n"+
		"the pool and sent %s many requests: %d of its %d were rejected,\n"+
		"and %d of the pool's %d.",
		cli.Plural(pool.expected, "result"), times(naive.wall.Seconds(), pool.wall.Seconds()),
		times(float64(n.total), float64(p.total)), n.rejected, n.total, p.rejected, p.total)
}
