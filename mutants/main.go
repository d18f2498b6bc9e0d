// Command mutants breaks the pool on purpose and looks which tests notice.
//
// Each patch in patches/ is one deliberate break of the pool's own code, with a first
// line that says what it breaks. The command applies each of them to a copy of the
// library, runs one kind of tests after the other on the copy until two kinds have
// noticed, and prints which test of each fails first. A break that no test notices is a
// hole in the tests: then the command fails.
//
//	go run -C mutants .                 # all, which takes two hours or so
//	go run -C mutants . -only '^sweep'  # those whose name matches
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/boundedgo/workerpool"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	root := flag.String("root", "..", "the `directory` of the library")
	only := flag.String("only", "", "break only what `regexp` matches the name of")
	jobs := flag.Int("jobs", 2, "how many to test at once")
	out := flag.String("report", "", "write the table into `file` too, by its path in the library, if all went well")
	flag.Parse()
	if err := run(ctx, *root, *only, *jobs, *out); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, only string, jobs int, out string) error {
	mutants, err := readMutants(filepath.Join(root, "mutants", "patches"), only)
	if err != nil {
		return err
	}
	e := &examiner{root: root}
	if err := e.calibrate(ctx); err != nil {
		return err
	}
	verdicts, err := examineAll(ctx, e, mutants, jobs)
	var table bytes.Buffer
	err = errors.Join(err, report(&table, verdicts))
	if _, werr := os.Stdout.Write(table.Bytes()); werr != nil {
		return werr
	}
	if err != nil || out == "" {
		return err
	}
	return os.WriteFile(filepath.Join(root, out), table.Bytes(), 0o644)
}

// examineAll examines the mutants on a pool, and shows on standard error how it gets on.
func examineAll(ctx context.Context, e *examiner, mutants []mutant, jobs int) ([]verdict, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pool, err := workerpool.New(e.examine, workerpool.WithWorkers(jobs), workerpool.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer pool.Stop()
	go func() {
		defer pool.Close()
		for _, m := range mutants {
			if pool.Submit(ctx, m) != nil {
				return // ctx has ended
			}
		}
	}()
	verdicts := make([]verdict, 0, len(mutants))
	var errs []error // of patches that are no good: the others go on
	for r := range pool.Results() {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Job.name, r.Err))
			continue
		}
		verdicts = append(verdicts, r.Value)
		fmt.Fprintf(os.Stderr, "%d of %d: %s: %s\n", len(verdicts), len(mutants), r.Job.name, strings.Join(r.Value.killers, ", "))
	}
	slices.SortFunc(verdicts, func(a, b verdict) int { return strings.Compare(a.name, b.name) })
	return verdicts, errors.Join(append(errs, context.Cause(ctx))...)
}

func readMutants(dir, only string) ([]mutant, error) {
	names, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	var all []mutant
	for _, f := range files {
		m, err := readMutant(f)
		if err != nil {
			return nil, err
		}
		if names.MatchString(m.name) {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no patch in %s has a name that matches %q", dir, only)
	}
	return all, nil
}
