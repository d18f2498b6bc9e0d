package main

import (
	"fmt"
	"strings"
)

// summarize is the table of bars in plain text, for the README.
func summarize(r *run, verdicts []verdict) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s, %s, GOMAXPROCS=%s\n", r.config["go-version"], r.config["goos"], r.config["goarch"],
		r.config["cpu"], r.config["gomaxprocs"])
	fmt.Fprintf(&b, "%s rounds; medians of the ratios of a round, with %g%% intervals\n\n", r.config["rounds"], 100*confidence)
	rows := [][]string{{"", "median", "interval", "bar", ""}}
	for _, v := range verdicts {
		rows = append(rows, []string{v.what, v.form(v.median), v.between(v.form), v.limit(v.bar), v.result()})
	}
	b.WriteString(aligned(rows))
	return []byte(b.String())
}
