package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

// shown returns what a terminal shows after s, a string for each line.
func shown(s string) (lines []string) {
	for written := range strings.SplitSeq(s, "\n") {
		var line []byte
		for part := range strings.SplitSeq(written, "\r") {
			line = append([]byte(part), line[min(len(part), len(line)):]...) // over what was there
		}
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return lines
}

func TestProgress_PrintsALineWhenSomethingHasHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var now workerpool.Stats
		p := &progress{out: &out, every: 2 * time.Second}
		p.begin(func() workerpool.Stats { return now })
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Empty(t, out.String(), "an idle input fills no log")

		p.mu.Lock()
		now = workerpool.Stats{Completed: 5, Failed: 2, Busy: 3, Queued: 4}
		p.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, "fetch: 3 ok, 2 failed, 3 running, 4 waiting, 1h0m2s\n", out.String())

		out.Reset()
		p.mu.Lock()
		now = workerpool.Stats{Completed: 8, Failed: 3, NotRun: 2, Rejected: 3}
		p.mu.Unlock()
		p.end()
		assert.Equal(t, "fetch: 5 ok, 3 failed, 5 not run, 1h1m0s\n", out.String())
	})
}

func TestProgress_DrawsOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var screen bytes.Buffer
		width := 30
		p := &progress{out: &screen, every: time.Second, columns: func() int { return width }}
		p.begin(func() workerpool.Stats { return workerpool.Stats{Completed: 5, Busy: 1} })
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"fetch: 5 ok, 0 failed, 1 runn"}, shown(screen.String()), "the last column is free")

		screen.WriteString("^C")
		_, err := above{p, &screen}.Write([]byte("a result\n"))
		assert.NoError(t, err)
		assert.Equal(t, []string{"a result", "fetch: 5 ok, 0 failed, 1 runn"}, shown(screen.String()))

		width = 0 // a terminal may say so
		p.tell()
		width = 30
		screen.WriteString("^C")
		p.end()
		assert.Equal(t, []string{"a result", "fetch: 5 ok, 0 failed, 1 running, 0 waiting, 1s", ""}, shown(screen.String()))
		assert.NotContains(t, screen.String(), "\x1b")
	})
}
