// Command report makes docs/distributed.md and its chart of what the benchmarks have measured.
// The same measurements give the same files, byte for byte.
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
	docs := flags.String("docs", "../../docs", "the directory for distributed.md, and for the charts in distributed/")
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
	for name, text := range files {
		path := filepath.Join(*docs, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// report returns the files by their names.
func report(r *run) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, dark := range []bool{false, true} {
		svg, err := draw(bars(r), dark)
		if err != nil {
			return nil, fmt.Errorf("chart: %w", err)
		}
		files[chartName(dark)] = svg
	}
	page, err := document(r)
	files["distributed.md"] = page
	return files, err
}

func chartName(dark bool) string {
	if dark {
		return "distributed/throughput.dark.svg"
	}
	return "distributed/throughput.light.svg"
}
