// Command report makes tables and charts of what the benchmarks have measured: the page
// docs/benchmarks.md, the charts beside it, and a summary for the README. The same
// measurements give the same files, byte for byte.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	switch err := command(os.Args[1:], os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// command runs the program with its arguments.
func command(args []string, log io.Writer) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	flags.SetOutput(log)
	in := flags.String("in", "results/run.txt", "what the benchmarks have written")
	docs := flags.String("docs", "../docs", "the directory for benchmarks.md, and for the charts in benchmarks/")
	summary := flags.String("summary", "results/summary.txt", "the file for the summary")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := os.Open(*in)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	r, err := read(f, *in)
	if err != nil {
		return err
	}
	files, err := report(r)
	if err != nil {
		return fmt.Errorf("%s: %w", *in, err)
	}
	if err := write(*summary, files[summaryFile]); err != nil {
		return err
	}
	delete(files, summaryFile)
	for name, text := range files {
		if err := write(filepath.Join(*docs, filepath.FromSlash(name)), text); err != nil {
			return err
		}
	}
	return nil
}

const (
	summaryFile  = "summary.txt"
	documentFile = "benchmarks.md"
)

// report returns the files of a run by their names.
func report(r *run) (map[string][]byte, error) {
	verdicts, err := judge(r, goals(r))
	if err != nil {
		return nil, err
	}
	files, err := charts(r)
	if err != nil {
		return nil, err
	}
	if files[documentFile], err = document(r, verdicts); err != nil {
		return nil, err
	}
	files[summaryFile] = summarize(r, verdicts)
	return files, nil
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
