package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// report prints a table, and returns an error unless every break was noticed, half of
// them by tests of two kinds.
func report(w io.Writer, verdicts []verdict) error {
	var b strings.Builder
	var survivors []string
	twice := 0
	for _, v := range verdicts {
		killers := strings.Join(v.killers, ", ")
		switch {
		case killers == "":
			survivors = append(survivors, v.name)
			killers = "**none**"
		case len(v.killers) > 1:
			twice++
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", v.name, v.what, killers)
	}
	_, err := fmt.Fprintf(w, "# Which tests notice which break\n\n"+
		"What `make mutants` printed last: the first test that failed, or did not end,\n"+
		"of the first two kinds of tests that notice.\n\n"+
		"%d breaks: tests notice %d, and tests of two kinds %d of them.\n\n"+
		"| patch | what it breaks | which tests notice |\n| --- | --- | --- |\n%s",
		len(verdicts), len(verdicts)-len(survivors), twice, b.String())
	switch {
	case err != nil:
		return err
	case len(survivors) > 0:
		return fmt.Errorf("no test notices: %s", strings.Join(survivors, ", "))
	case 2*twice < len(verdicts):
		return errors.New("fewer than half were noticed by tests of two kinds")
	}
	return nil
}
