package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func finished(name string, wall time.Duration, c counts) report {
	return report{
		name: name, wall: wall, api: &apiCounts{c, c.most},
		client: counts{total: 7777, rejected: 7777, most: 7777}, // to be ignored
		tally:  &tally{expected: 100, right: 100, came: make(map[int]bool)},
	}
}

func TestPrintReports_TableHasWhatTheAPICounted(t *testing.T) {
	var out bytes.Buffer
	printReports(&out, []report{
		finished(nameNaive, 25*time.Second, counts{total: 460, rejected: 360, most: 21}),
		finished(namePool, 10*time.Second, counts{total: 100, rejected: 0, most: 20}),
	}, false)
	assert.Equal(t, `
                                              goroutine per request        pool
wall time                                                   25.00 s     10.00 s
requests the API received                                       460         100
  of them rejected with 429                                     360           0
most in the API at once (rejected included)                      21          20
most connections to the API at once                              21          20
results right / expected                                  100 / 100   100 / 100
`, out.String()[:strings.Index(out.String(), "\n\n")+1])
}

func TestClosing(t *testing.T) {
	gated := finished(nameGated, 12*time.Second, counts{total: 230, rejected: 130})
	gated.as = "A pool that was told no limit"
	naive := finished(nameNaive, 25*time.Second, counts{total: 460, rejected: 360})
	pool := finished(namePool, 10*time.Second, counts{total: 100})
	short := finished(namePool, 10*time.Second, counts{total: 1})
	short.tally = &tally{expected: 100, right: 99}
	tests := map[string]struct {
		reports     []report
		interrupted bool
		want        string
	}{
		"slower": {
			[]report{naive, pool},
			false,
			"For the same 100 results, a goroutine per request took 2.5 times as long as\n" +
				"the pool and sent 4.6 times as many requests: 360 of its 460 were rejected,\nand 0 of the pool's 100.",
		},
		"the other way round": {
			[]report{pool, naive},
			false,
			"For the same 100 results, a goroutine per request took 0.4 times as long as\n" +
				"the pool and sent 0.22 times as many requests: 0 of its 100 were rejected,\nand 360 of the pool's 460.",
		},
		"equal": {
			[]report{pool, pool},
			false,
			"For the same 100 results, a goroutine per request took as long as\n" +
				"the pool and sent as many requests: 0 of its 100 were rejected,\nand 0 of the pool's 100.",
		},
		"a third one": {
			[]report{naive, pool, gated},
			false,
			"For the same 100 results, a goroutine per request took 2.5 times as long as\n" +
				"the pool and sent 4.6 times as many requests: 360 of its 460 were rejected,\nand 0 of the pool's 100.\n" +
				"A pool that was told no limit took 1.2 times as long as the one that was,\n" +
				"and sent 2.3 times as many requests: 130 of its 230 were rejected.",
		},
		"incomplete":  {[]report{naive, short}, false, "They do not compare, since not all results are right."},
		"one":         {[]report{short}, false, "It took 10.00 s and 1 request to get 99 of 100 right results."},
		"interrupted": {[]report{naive, pool}, true, "Interrupted: this is how far it came."},
		"no run":      {nil, true, "Interrupted: this is how far it came."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, closing(tt.reports, tt.interrupted))
		})
	}
}

func TestTimes(t *testing.T) {
	assert.Equal(t, "about as", times(1.04, 1))
	assert.Equal(t, "0.94 times as", times(0.94, 1))
	assert.Equal(t, "0.0012 times as", times(0.0012, 1))
	assert.Equal(t, "9.0 times as", times(900, 100))
}

func TestTally(t *testing.T) {
	sum := newTally(6, true)
	sum.add(result{Job: 1, Value: "answer to request 1"})
	sum.add(result{Job: 2, Value: "answer to request 3"}) // swapped
	sum.add(result{Job: 3, Value: "answer to request 2"})
	sum.add(result{Job: 4, Err: errors.New("broken")})
	sum.add(result{Job: 1, Value: "answer to request 1"}) // doubled
	assert.Equal(t, 1, sum.right)
	assert.Equal(t, 3, sum.wrong)
	assert.Equal(t, 1, sum.failed)
	assert.Equal(t, 2, sum.lost())

	r := report{name: "x", tally: sum}
	assert.Equal(t, "3 results wrong or doubled; 1 request failed, the first of them: broken; 2 results lost", r.trouble(false))
	assert.Equal(t, "3 results wrong or doubled", r.trouble(true))
	assert.False(t, allRight([]report{r}))

	unknown := newTally(1, false)
	unknown.add(result{Job: 1, Value: "anything"})
	assert.Equal(t, 1, unknown.right)
}

func TestTally_NoticesOneResultTooMany(t *testing.T) {
	sum := newTally(1, false)
	sum.add(result{Job: 1})
	sum.add(result{Job: 1})
	assert.False(t, allRight([]report{{tally: sum}}))
}
