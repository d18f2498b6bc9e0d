package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool"
)

func TestReport_Print(t *testing.T) {
	r := report{
		tally: &tally{
			fetched: 5,
			broken:  []problem{{page{"http://h/z", "http://h/"}, statusError(404)}, {page{"http://h/a", ""}, statusError(410)}},
			failed:  []problem{{page{"http://h/e", "http://h/a"}, errors.New("boom")}},
			total:   fetched{bytes: 1234, offSite: 2, forbidden: 3, tooLong: 4, beyond: 5},
			cut:     6, notFetched: 7,
		},
		found: 15, wall: 1500 * time.Millisecond, maxPages: 15, maxBody: 1 << 20, interrupted: true,
		mostPerHost: map[string]int{"h": 4, "g": 1}, mostInside: 8, late: 9, rounds: 1,
	}
	var out bytes.Buffer
	r.print(&out)
	assert.Equal(t, `
pages found                                              15
  fetched                                                 5
  broken links                                            2
  failed                                                  1
  not fetched                                             7
pages cut off at 1.0 MB                                   6
links to other hosts, not followed                        2
links that robots.txt forbids, not followed               3
links of more than 2048 bytes, not followed               4
bytes of HTML that were read                         1.2 kB
time                                                 1.50 s
most requests at once to g                                1
most requests at once to h                                4
most jobs inside Submit at once                           8
pages put off to a later round                 9 in 1 round

Broken links:
  http://h/a: 410 Gone
  http://h/z: 404 Not Found
    found on http://h/

Pages that failed:
  http://h/e: boom
    found on http://h/a

There is more: -max-pages 15 was reached, and 5 links to further pages not followed.

Interrupted: of the 15 pages found, 7 were not fetched.
`, out.String())
}

func TestReport_ListsNoMoreThanSome(t *testing.T) {
	var problems []problem
	for i := range mostListed + 3 {
		problems = append(problems, problem{page{fmt.Sprintf("http://h/%03d", i), ""}, statusError(404)})
	}
	var out bytes.Buffer
	printProblems(&out, "Broken", problems)
	assert.Contains(t, out.String(), "http://h/019: 404 Not Found\n  and 3 more\n")
}

func TestTally(t *testing.T) {
	var sum tally
	sum.add(result{Value: fetched{bytes: 3, cut: true, offSite: 1, forbidden: 2}})
	sum.add(result{Value: fetched{bytes: 4, tooLong: 3, beyond: 4}})
	sum.add(result{Err: statusError(404)})
	sum.add(result{Err: statusError(410)})
	sum.add(result{Err: statusError(500)})
	sum.add(result{Err: statusError(429)})
	sum.add(result{Err: errors.New("broken")})
	sum.add(result{Err: fmt.Errorf("x: %w", workerpool.ErrNotRun)})
	sum.add(result{Err: fmt.Errorf("%w: %w", errCutShort, statusError(404))})
	assert.Equal(t, 2, sum.fetched)
	assert.Len(t, sum.broken, 2)
	assert.Len(t, sum.failed, 3)
	assert.Equal(t, 2, sum.notFetched)
	assert.Equal(t, 7, sum.finished())
	assert.Equal(t, fetched{bytes: 7, offSite: 1, forbidden: 2, tooLong: 3, beyond: 4}, sum.total)
	assert.Equal(t, 1, sum.cut)
}

func TestProgress(t *testing.T) {
	sum := &tally{fetched: 2, broken: make([]problem, 1), total: fetched{bytes: 1_500_000}}
	var out bytes.Buffer
	p := progress{out: &out, begin: time.Now()}
	p.show(sum, 10)
	p.finish(sum, 10)
	assert.Regexp(t, `^(3 of 10 found pages, 1 broken, 0 failed, 1\.5 MB, \d+ ms\n){2}$`, out.String())

	out.Reset()
	p.live = true
	p.show(sum, 10)
	p.finish(sum, 11)
	assert.Regexp(t, `^\r3 of 10 .* ms\x1b\[K\r3 of 11 .* ms\x1b\[K\n$`, out.String())
}

func TestSize(t *testing.T) {
	assert.Equal(t, "999 B", size(999))
	assert.Equal(t, "1.0 kB", size(1000))
	assert.Equal(t, "2.5 MB", size(2_500_000))
}
