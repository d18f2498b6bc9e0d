package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

// maxRounds is as much as Redis has places for, of which two are used in each round.
const maxRounds = 7

// session is one run of the program.
type session struct {
	rounds  int
	seed    uint64
	lasting time.Duration
	quick   bool
	servers contenders.Servers
	dir     string
	chosen  *regexp.Regexp
	log     io.Writer
}

// entry is one thing to be measured. Entries of one group are compared, and measured one after
// the other.
type entry struct {
	group   string
	name    string
	measure func(ctx context.Context, round int) (measurement, error)
	prepare func(ctx context.Context) error // nil: nothing is to be found out first
}

// measurement is a line of the output.
type measurement struct {
	jobs    int
	metrics []metric
}

type metric struct {
	value float64
	unit  string
}

func (s *session) say(format string, args ...any) {
	fmt.Fprintln(s.log, fmt.Sprintf(format, args...))
}

// contenders returns those who can take part.
func (s *session) contenders() (list []contenders.Contender) {
	for _, c := range contenders.All() {
		if c.Available(s.servers) {
			list = append(list, c)
		}
	}
	return list
}

func (s *session) run(ctx context.Context, w io.Writer) error {
	for _, c := range contenders.All() {
		if !c.Available(s.servers) {
			s.say("left out, for want of its server: %s, %s", c.Title, c.Durability)
		}
	}
	if err := s.writeHeader(ctx, w); err != nil {
		return err
	}
	groups := s.groups(s.entries())
	if len(groups) == 0 && !s.chosen.MatchString(memoryName) {
		return fmt.Errorf("-run=%s: no benchmark has such a name", s.chosen)
	}
	start := time.Now()
	for _, group := range groups {
		for _, e := range group {
			if e.prepare == nil {
				continue
			}
			if err := e.prepare(ctx); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
	}
	s.say("prepared after %v", time.Since(start).Round(time.Second))
	for round := range s.rounds {
		for _, group := range groups {
			if err := s.runGroup(ctx, w, group, round); err != nil {
				return err
			}
		}
		s.say("round %d of %d, after %v", round+1, s.rounds, time.Since(start).Round(time.Second))
	}
	if err := s.runWeight(ctx, w); err != nil {
		return err
	}
	s.say("weighed after %v", time.Since(start).Round(time.Second))
	err := s.runKilled(ctx, w)
	s.say("done after %v", time.Since(start).Round(time.Second))
	return err
}

// entries are all but those that are measured at once in the end.
func (s *session) entries() (list []entry) {
	for _, c := range s.contenders() {
		list = append(list, s.throughputs(c)...)
		list = append(list, s.latency(c))
		list = append(list, s.recoveries(c)...)
	}
	return list
}

// groups sorts entries, and leaves out those that were not chosen.
func (s *session) groups(all []entry) (groups [][]entry) {
	at := map[string]int{}
	for _, e := range all {
		if !s.chosen.MatchString(e.name) {
			continue
		}
		i, ok := at[e.group]
		if !ok {
			i = len(groups)
			at[e.group], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

// runGroup measures all of a group, in an order drawn for the round.
func (s *session) runGroup(ctx context.Context, w io.Writer, group []entry, round int) error {
	random := rand.New(rand.NewPCG(s.seed, uint64(round)))
	for _, i := range random.Perm(len(group)) {
		e := group[i]
		runtime.GC() // what the one before has left is not this one's
		m, err := e.measure(ctx, round)
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := io.WriteString(w, line(e.name, m)); err != nil {
			return err
		}
	}
	return nil
}

// line is a measurement as a benchmark prints it.
func line(name string, m measurement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s-%d\t%d", name, runtime.GOMAXPROCS(0), m.jobs)
	for _, x := range m.metrics {
		fmt.Fprintf(&b, "\t%.5g %s", x.value, x.unit)
	}
	return b.String() + "\n"
}
