package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
	"github.com/boundedgo/workerpool/benchmarks/scenarios"
)

//go:embed benchmarks.md.tmpl
var documentText string

// page is what the template of the document shows.
type page struct {
	Config     map[string]string
	Confidence string
	Libs       string
	Bars       string
	Sections   []section
	Losses     string
	Charts     map[string]string
	r          *run
}

// section is one scenario.
type section struct {
	Title, About, Table, Chart string
	Skipped                    []string
}

func document(r *run, verdicts []verdict) ([]byte, error) {
	p := page{
		Config: r.config, Confidence: fmt.Sprintf("%g%%", 100*confidence),
		Libs: libTable(r), Bars: barsTable(verdicts), Losses: lossTable(r), Charts: map[string]string{}, r: r,
	}
	for _, c := range chartTable() {
		p.Charts[c.scenario] = picture("benchmarks/", c)
	}
	for _, s := range scenarios.Table() {
		if len(r.of(s.ID())) > 0 {
			p.Sections = append(p.Sections, sectionOf(r, s, p.Charts[s.ID()]))
		}
	}
	t, err := template.New(documentFile).Option("missingkey=error").Parse(documentText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Previous reports whether another revision of this library took part.
func (p page) Previous() bool { return p.Config["lib-previous"] != "" }

// libTable says who takes part, and in which version.
func libTable(r *run) string {
	var rows [][]string
	for _, c := range takingPart(r) {
		version := r.config["lib-"+c.Name]
		if version == "" {
			version = "–"
		} else if path, v, ok := strings.Cut(version, " "); ok {
			version = path + " " + shortRevision(v)
		}
		rows = append(rows, []string{c.Name, c.About, version})
	}
	return table(3, []string{"name", "what it is", "version"}, rows)
}

// shortRevision shortens the hash of a commit.
func shortRevision(v string) string {
	hash, rest, _ := strings.Cut(v, " ")
	if len(hash) == 40 {
		hash = hash[:12]
	}
	return strings.TrimSpace(hash + " " + rest)
}

// takingPart returns the contenders, and with them one that only some programs have.
func takingPart(r *run) []contenders.Contender {
	list := contenders.All()
	if r.config["lib-previous"] != "" && !slices.ContainsFunc(list, func(c contenders.Contender) bool { return c.Name == contenders.Previous }) {
		list = slices.Insert(list, 1, contenders.Contender{Name: contenders.Previous, About: "this library in an earlier revision"})
	}
	return list
}

func barsTable(verdicts []verdict) string {
	var rows [][]string
	for _, v := range verdicts {
		result := v.result()
		if result != "holds" && result != "–" {
			result = "**" + result + "**"
		}
		rows = append(rows, []string{
			v.what, v.limit(v.bar), v.form(v.median), v.between(v.form), result, v.limit(v.aim), v.toAim(),
		})
	}
	return table(1, []string{"what", "bar", "median", confidenceHead(), "the bar", "aim", "the aim is"}, rows)
}

func confidenceHead() string { return fmt.Sprintf("%g%% interval", 100*confidence) }

// sectionOf makes the table of a scenario, the fastest first. Those who cannot do it at all
// have a row of dashes.
func sectionOf(r *run, s scenarios.Scenario, chart string) section {
	columns := columnsOf(s.Kind)
	keys := sorted(r, s)
	best := bestOf(keys)
	var rows [][]string
	for _, k := range keys {
		row := []string{k.lib, k.way}
		if k == best {
			row = []string{"**" + k.lib + "**", "**" + k.way + "**"}
		}
		for _, c := range columns {
			e := estimateOf(r.values[k][c.unit])
			row = append(row, c.form(e.median))
			if c.interval {
				row = append(row, e.between(c.form))
			}
		}
		rows = append(rows, row)
	}
	sec := section{Title: s.Title, About: s.About, Chart: chart}
	head := headOf(columns)
	var cannot []string
	for _, c := range takingPart(r) {
		if len(s.Libs) > 0 { // nobody else was asked
			break
		}
		if slices.ContainsFunc(keys, func(k key) bool { return k.lib == c.Name }) {
			continue
		}
		cannot = append(cannot, c.Name)
		if why := s.Skip[c.Name]; why != "" {
			sec.Skipped = append(sec.Skipped, c.Name+" "+why)
		}
	}
	if len(cannot) > 0 {
		rows = append(rows, append([]string{strings.Join(cannot, ", ")}, slices.Repeat([]string{"–"}, len(head)-1)...))
	}
	sec.Table = table(2, head, rows)
	return sec
}

// sorted returns the keys of a scenario, the best median first.
func sorted(r *run, s scenarios.Scenario) []key {
	u := unit(s.Kind)
	keys := r.of(s.ID())
	slices.SortFunc(keys, func(a, b key) int {
		x, y := estimateOf(r.values[a][u]).median, estimateOf(r.values[b][u]).median
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return strings.Compare(a.lib+" "+a.way, b.lib+" "+b.way)
	})
	return keys
}

// bestOf returns the first that is concurrent: a loop without concurrency is there for
// scale, and wins wherever jobs do nothing.
func bestOf(keys []key) key {
	for _, k := range keys {
		if k.lib != contenders.Sequential {
			return k
		}
	}
	return key{}
}

// column is a unit in the table of a scenario.
type column struct {
	unit, head string
	interval   bool
	form       func(float64) string
}

func columnsOf(kind scenarios.Kind) []column {
	ns := column{"ns/job", "ns a job", true, plain}
	switch kind {
	case scenarios.Load:
		return []column{
			{scenarios.LatencyUnit(50), "p50, µs", false, micros},
			{scenarios.LatencyUnit(90), "p90, µs", false, micros},
			{scenarios.LatencyUnit(99), "p99, µs", true, micros},
			{scenarios.LatencyUnit(99.9), "p99.9, µs", false, micros},
			{"allocs/job", "allocations a job", false, plain},
		}
	case scenarios.Heap:
		ns.interval = false
		return []column{{"peak-B", "peak heap", true, bytesForm}, ns}
	default:
		return []column{ns, {"B/job", "bytes a job", false, plain}, {"allocs/job", "allocations a job", false, plain}}
	}
}

func headOf(columns []column) []string {
	head := []string{"library", "way"}
	for _, c := range columns {
		head = append(head, c.head)
		if c.interval {
			head = append(head, confidenceHead())
		}
	}
	return head
}
