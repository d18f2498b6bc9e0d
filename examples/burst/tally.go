package main

import "strconv"

// tally checks the results of a run.
type tally struct {
	expected int
	known    bool // which answers are right, as it is with our own API
	came     map[int]bool
	right    int
	wrong    int // somebody else's answer, or the second result for a request
	failed   int
	firstErr error
}

func newTally(expected int, known bool) *tally {
	return &tally{expected: expected, known: known, came: make(map[int]bool, expected)}
}

// add takes a result. Every answer names its request, so that one which was swapped
// or doubled on its way is noticed here, and one which was lost by lost.
func (t *tally) add(r result) {
	again := t.came[r.Job]
	t.came[r.Job] = true
	switch {
	case again:
		t.wrong++
	case r.Err != nil:
		t.failed++
		if t.firstErr == nil {
			t.firstErr = r.Err
		}
	case t.known && r.Value != answerTo(strconv.Itoa(r.Job)):
		t.wrong++
	default:
		t.right++
	}
}

// lost is for how many requests no result came, not even an error.
func (t *tally) lost() int { return t.expected - len(t.came) }

// allRight reports whether every run has all its results, and no others.
func allRight(reports []report) bool {
	for _, r := range reports {
		if r.right != r.expected || r.wrong > 0 {
			return false
		}
	}
	return true
}
