package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

// session is one run of the program.
type session struct {
	rounds int
	seed   uint64
	groups [][]scenarios.Entry // those of one scenario each
	log    io.Writer
}

// add adds the entries of a scenario whose names are chosen.
func (s *session) add(entries []scenarios.Entry, chosen *regexp.Regexp) {
	var group []scenarios.Entry
	for _, e := range entries {
		if chosen.MatchString(e.Name()) {
			group = append(group, e)
		}
	}
	if len(group) > 0 {
		s.groups = append(s.groups, group)
	}
}

// writeTo runs everything and writes it into a file, which is complete or not there: half
// a run looks like a whole one.
func (s *session) writeTo(name string) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriter(f)
	err = s.run(w)
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil { //nolint:gosec // it is to be read by everybody
		return err
	}
	return os.Rename(f.Name(), name)
}

func (s *session) run(w io.Writer) error {
	if err := writeHeader(w, s.rounds, s.seed); err != nil {
		return err
	}
	start := time.Now()
	for round := 1; round <= s.rounds; round++ {
		fmt.Fprintf(s.log, "round %d of %d, after %v\n", round, s.rounds, time.Since(start).Round(time.Second))
		for _, group := range s.groups {
			if !group[0].Scenario.Runs(round, s.rounds) {
				continue
			}
			if err := s.runGroup(w, group, round); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(s.log, "done after %v\n", time.Since(start).Round(time.Second))
	return nil
}

// runGroup measures all entries of a scenario once.
func (s *session) runGroup(w io.Writer, group []scenarios.Entry, round int) error {
	random := rand.New(rand.NewPCG(s.seed, uint64(round)))
	for _, i := range random.Perm(len(group)) {
		e := group[i]
		m, err := e.Measure()
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name(), err)
		}
		if _, err := io.WriteString(w, line(&e, m)); err != nil {
			return err
		}
	}
	return nil
}

// line is a measurement as a benchmark prints it.
func line(e *scenarios.Entry, m scenarios.Measurement) string {
	procs := e.Scenario.Procs
	if procs == 0 {
		procs = runtime.GOMAXPROCS(0)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s-%d\t%d", e.Name(), procs, m.Jobs)
	for _, x := range m.Metrics {
		fmt.Fprintf(&b, "\t%s %s", number(x.Value), x.Unit)
	}
	return b.String() + "\n"
}

// number has as many decimals as mean something.
func number(x float64) string {
	switch {
	case x == 0 || x >= 1000:
		return fmt.Sprintf("%.0f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.4f", x)
}
