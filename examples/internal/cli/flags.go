package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Parse parses args. For -h it has printUsage print the flags to usage, and returns
// flag.ErrHelp. Of a flag that is wrong it prints nothing: that is for FlagStatus, which
// does so without all the flags after it.
func Parse(fs *flag.FlagSet, args []string, usage io.Writer, printUsage func(*flag.FlagSet)) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(usage)
		printUsage(fs)
	}
	return err
}

// Given returns the names of the flags that were given.
func Given(fs *flag.FlagSet) map[string]bool {
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return given
}

// Check returns an error that says what is wrong, unless ok.
func Check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// ExitUsage is the exit status for a command line that is wrong.
const ExitUsage = 2

// FlagStatus returns the exit status for an error of the flags, and prints it, if it is
// one.
func FlagStatus(stderr io.Writer, program string, err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	Complain(stderr, program, err)
	Printf(stderr, "%s -h lists the flags.\n", program)
	return ExitUsage
}
