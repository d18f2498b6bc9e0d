// Command benchmarks compares this library with others, and with code written by hand, in
// many situations, and writes what it measured as benchmarks do, so that benchstat can
// read it. Its neighbour, report, makes tables and charts of that.
//
// In each round each contender is measured once in each scenario, one after the other in
// an order drawn for that round, and in most of them by turns: what disturbs one
// disturbs the others too, and none always comes after the same other.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

func main() {
	switch err := command(os.Args[1:], os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

// command runs the program with its arguments. What it says of its progress goes to log.
func command(args []string, log io.Writer) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(log)
	rounds := flags.Int("rounds", 21, "how often to measure each contender in each scenario")
	run := flags.String("run", "", "measure only benchmarks whose name matches this regular expression")
	quick := flags.Bool("quick", false, "do few jobs, to see whether everything works; the figures mean nothing")
	out := flags.String("out", "results", "the directory in which run.txt is written")
	seed := flags.Uint64("seed", 1, "of the orders in which contenders come")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := regexp.Compile(*run)
	if err != nil {
		return err
	}
	if *rounds < 1 {
		return fmt.Errorf("-rounds=%d: must be at least 1", *rounds)
	}
	s := session{rounds: *rounds, seed: *seed, log: log}
	for _, sc := range scenarios.Table() {
		s.add(sc.Entries(contenders.All(), *quick), chosen)
	}
	if len(s.groups) == 0 {
		return fmt.Errorf("-run=%s: no benchmark has such a name", *run)
	}
	return s.writeTo(filepath.Join(*out, "run.txt"))
}
