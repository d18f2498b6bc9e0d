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
	fmt.Fprintf(&b, "%s rounds; a / b is the time of a divided by that of b; median and %g%% interval\n\n", r.config["rounds"], 100*confidence)
	rows := [][]string{{"jobs do nothing, 4 workers", "bar", "median", "interval", ""}}
	for _, v := range verdicts {
		rows = append(rows, []string{v.short, v.sign(), v.form(v.median), v.between(v.form), v.result()})
	}
	b.WriteString(aligned(rows))
	return []byte(b.String())
}

// sign is the bar as the summary shows it.
func (v verdict) sign() string {
	switch {
	case v.bar == 0:
		return "–"
	case v.faster:
		return "≥ " + v.form(v.bar)
	}
	return "≤ " + v.form(v.bar)
}
