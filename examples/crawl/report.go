package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// report is what a crawl has come to.
type report struct {
	*tally
	found       int
	wall        time.Duration
	mostPerHost map[string]int // requests at once
	mostInside  int            // jobs inside Submit at once
	late        int            // pages that were put off
	rounds      int            // in which those were submitted
	maxPages    int            // that could be found
	maxBody     int            // bytes of a page
	interrupted bool
	site        *verdict // nil when the site is not ours
}

// newReport puts together what is known after a crawl.
func newReport(c *crawler, t *tally, hosts map[string]*host) report {
	t.notFetched += len(c.putOff.take())
	r := report{tally: t, found: c.seen.len(), maxPages: c.maxPages, maxBody: c.maxBody, rounds: c.rounds}
	r.mostInside, r.late = c.inside.counts()
	r.mostPerHost = make(map[string]int)
	for name, h := range hosts {
		r.mostPerHost[name], _ = h.slots.counts()
	}
	return r
}

// complete reports whether everything was found that there is to find.
func (r report) complete() bool { return !r.interrupted && r.total.beyond == 0 }

// ok reports whether all is well. Our own site has broken links and a page that fails on
// purpose; it says itself whether they are the right ones.
func (r report) ok() bool {
	if r.site != nil {
		return len(r.site.wrong) == 0
	}
	return len(r.broken) == 0 && len(r.failed) == 0
}

func (r report) print(out io.Writer) {
	cli.Printf(out, "\n")
	for _, row := range r.rows() {
		cli.Printf(out, "%-46s %12s\n", row.label, row.value)
	}
	printProblems(out, "Broken links", r.broken)
	printProblems(out, "Pages that failed", r.failed)
	for _, note := range r.notes() {
		cli.Printf(out, "\n%s\n", note)
	}
}

// notes are what the figures alone do not tell.
func (r report) notes() (notes []string) {
	if r.total.away != "" {
		notes = append(notes, fmt.Sprintf("The start redirects to %s, which is not crawled without -hosts.", r.total.away))
	}
	if r.total.beyond > 0 {
		notes = append(notes, fmt.Sprintf("There is more: -max-pages %d was reached, and %s to further pages not followed.",
			r.maxPages, cli.Plural(r.total.beyond, "link")))
	}
	if r.interrupted {
		notes = append(notes, fmt.Sprintf("Interrupted: of the %s found, %d were not fetched.", cli.Plural(r.found, "page"), r.notFetched))
	}
	if r.site != nil {
		notes = append(notes, r.site.String())
	}
	return notes
}

type row struct{ label, value string }

func (r report) rows() []row {
	number := func(label string, n int) row { return row{label, strconv.Itoa(n)} }
	rows := []row{
		number("pages found", r.found),
		number("  fetched", r.fetched),
		number("  broken links", len(r.broken)),
		number("  failed", len(r.failed)),
		number("  not fetched", r.notFetched),
		number("pages cut off at "+size(int64(r.maxBody)), r.cut),
		number("links to other hosts, not followed", r.total.offSite),
		number("links that robots.txt forbids, not followed", r.total.forbidden),
	}
	if r.total.tooLong > 0 {
		rows = append(rows, number(fmt.Sprintf("links of more than %d bytes, not followed", maxURL), r.total.tooLong))
	}
	rows = append(rows, row{"bytes of HTML that were read", size(r.total.bytes)}, row{"time", cli.Seconds(r.wall)})
	for _, host := range slices.Sorted(maps.Keys(r.mostPerHost)) {
		rows = append(rows, number("most requests at once to "+host, r.mostPerHost[host]))
	}
	return append(rows,
		number("most jobs inside Submit at once", r.mostInside),
		row{"pages put off to a later round", fmt.Sprintf("%d in %s", r.late, cli.Plural(r.rounds, "round"))})
}

// mostListed is how many problems of a kind are printed.
const mostListed = 20

// printProblems prints them sorted by URL, and under each the page with a link to it.
func printProblems(out io.Writer, title string, problems []problem) {
	if len(problems) == 0 {
		return
	}
	slices.SortFunc(problems, func(a, b problem) int { return strings.Compare(a.url, b.url) })
	cli.Printf(out, "\n%s:\n", title)
	for i, p := range problems {
		if i == mostListed {
			cli.Printf(out, "  and %d more\n", len(problems)-i)
			return
		}
		cli.Printf(out, "  %s: %v\n", p.url, p.err)
		if p.from != "" {
			cli.Printf(out, "    found on %s\n", p.from)
		}
	}
}
