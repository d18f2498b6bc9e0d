package livepage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/boundedgo/workerpool"
)

const (
	keepGroups = 20  // of each name
	keepNames  = 100 // so that names made up at run time take no more and more memory
)

// Group is errors whose texts differ in digits only.
type Group struct {
	Text  string    `json:"text"` // the latest one's
	Count int       `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Stack string    `json:"stack,omitempty"` // of a panic
	// Retried is how many of Count were of attempts that another one followed: their jobs had
	// not failed yet.
	Retried int `json:"retried,omitempty"`
}

// failures are the latest errors of pools.
type failures struct {
	mu     sync.Mutex
	groups map[string]map[string]*Group // by the pool's name, and by fingerprint
}

func (f *failures) hooks() workerpool.Hooks {
	return workerpool.Hooks{
		Done: func(_ context.Context, j workerpool.JobInfo) {
			if j.Err != nil && !j.Refused {
				f.add(j.Pool, j.Err, false)
			}
		},
		Retrying: func(_ context.Context, j workerpool.JobInfo, _ time.Duration) {
			f.add(j.Pool, j.Err, true)
		},
	}
}

func (f *failures) add(pool string, err error, retried bool) {
	text := shorten(err.Error()) // before the lock: it may be anybody's method
	stack := ""
	var caught *workerpool.PanicError
	if errors.As(err, &caught) {
		stack = string(caught.Stack[:min(len(caught.Stack), 4<<10)])
	}
	key, now := fingerprint(text), time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.groups == nil {
		f.groups = map[string]map[string]*Group{}
	}
	groups := f.groups[pool]
	if groups == nil {
		if len(f.groups) >= keepNames {
			f.dropOldestName()
		}
		groups = map[string]*Group{}
		f.groups[pool] = groups
	}
	g := groups[key]
	if g == nil {
		if len(groups) >= keepGroups {
			dropOldest(groups)
		}
		g = &Group{First: now}
		groups[key] = g
	}
	g.Text, g.Last, g.Stack = text, now, stack
	g.Count++
	if retried {
		g.Retried++
	}
}

func (f *failures) dropOldestName() {
	var oldest string
	var last time.Time
	for name, groups := range f.groups {
		var at time.Time // of its latest error
		for _, g := range groups {
			if g.Last.After(at) {
				at = g.Last
			}
		}
		if last.IsZero() || at.Before(last) {
			oldest, last = name, at
		}
	}
	delete(f.groups, oldest)
}

func dropOldest(groups map[string]*Group) {
	oldest := ""
	for key, g := range groups {
		if oldest == "" || g.Last.Before(groups[oldest].Last) {
			oldest = key
		}
	}
	delete(groups, oldest)
}

// fingerprint is text with each number, hexadecimal too, as one sign.
func fingerprint(text string) string {
	var b strings.Builder
	inNumber := false
	for _, r := range text {
		digit := unicode.IsDigit(r)
		hex := inNumber && (r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' || r == 'x')
		if digit || hex {
			if !inNumber {
				b.WriteByte('#')
			}
			inNumber = true
			continue
		}
		inNumber = false
		b.WriteRune(r)
	}
	return b.String()
}

// of returns the groups of the pools with that name, the latest first.
func (f *failures) of(pool string) []Group {
	f.mu.Lock()
	defer f.mu.Unlock()
	groups := make([]Group, 0, len(f.groups[pool]))
	for _, g := range f.groups[pool] {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Text, b.Text)) })
	return groups
}
