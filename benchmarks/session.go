package main

import (
	"bytes"
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

// writeTo runs everything and then writes it into a file: half a run would look like a
// whole one.
func (s *session) writeTo(name string) error {
	var b bytes.Buffer
	if err := s.run(&b); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

func (s *session) run(w io.Writer) error {
	if err := writeHeader(w, s.rounds, s.seed); err != nil {
		return err
	}
	start := time.Now()
	for round := 1; round <= s.rounds; round++ {
		s.say("round %d of %d, after %v", round, s.rounds, time.Since(start).Round(time.Second))
		for _, group := range s.groups {
			if !group[0].Scenario.Runs(round, s.rounds) {
				continue
			}
			if err := s.runGroup(w, group, round); err != nil {
				return err
			}
		}
	}
	s.say("done after %v", time.Since(start).Round(time.Second))
	return nil
}

func (s *session) say(format string, args ...any) {
	fmt.Fprintln(s.log, fmt.Sprintf(format, args...))
}

// runGroup measures all entries of a scenario, as often as that has it.
func (s *session) runGroup(w io.Writer, group []scenarios.Entry, round int) error {
	random := rand.New(rand.NewPCG(s.seed, uint64(round)))
	for range max(1, group[0].Scenario.Repeat) {
		measured, err := measure(group, random)
		if err != nil {
			return err
		}
		for i := range group {
			if _, err := io.WriteString(w, line(&group[i], measured[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure measures each entry of a scenario once, in as many turns as that has.
func measure(group []scenarios.Entry, random *rand.Rand) ([]scenarios.Measurement, error) {
	parts := make([][]scenarios.Measurement, len(group))
	for range max(1, group[0].Scenario.Turns) {
		for _, i := range random.Perm(len(group)) {
			m, err := group[i].Measure()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", group[i].Name(), err)
			}
			parts[i] = append(parts[i], m)
		}
	}
	whole := make([]scenarios.Measurement, len(group))
	for i := range parts {
		whole[i] = scenarios.Join(parts[i])
	}
	return whole, nil
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
