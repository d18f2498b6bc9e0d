package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// ending is what became of a request.
type ending int

const (
	answered ending = iota
	turnedAway
	left // the client did not wait for all its lines
	endings
)

// tally counts requests and the lines for their pictures.
type tally struct {
	mu       sync.Mutex
	requests [endings]int
	lines    map[kind]int // of the kind "" are those with a thumbnail
}

func (t *tally) request(e ending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests[e]++
}

func (t *tally) line(k kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = make(map[kind]int)
	}
	t.lines[k]++
}

// counts returns how many requests have ended so, and how many lines there were of each kind.
func (t *tally) counts() (requests [endings]int, lines map[kind]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.requests, maps.Clone(t.lines)
}

// summary says what has become of the requests.
func (s *service) summary() string {
	requests, lines := s.tally.counts()
	var text strings.Builder
	fmt.Fprintf(&text, "%s answered, %d refused, %d left by their clients; %s made",
		cli.Plural(requests[answered], "request"), requests[turnedAway], requests[left], cli.Plural(lines[""], "thumbnail"))
	for _, k := range slices.Sorted(maps.Keys(lines)) {
		if k != "" {
			fmt.Fprintf(&text, ", %d %s", lines[k], k)
		}
	}
	return text.String()
}

// poolSummary says what the pool has counted.
func (s *service) poolSummary() string {
	p := s.pool.Stats()
	return fmt.Sprintf("pool: %s accepted, %d completed (%d failed), %d not run, %s refused",
		cli.Plural(int(p.Accepted), "picture"), p.Completed, p.Failed, p.NotRun, cli.Plural(int(p.Rejected), "call"))
}
