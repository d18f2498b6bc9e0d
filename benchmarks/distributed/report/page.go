package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

//go:embed distributed.md.tmpl
var pageText string

// page is what the template shows.
type page struct {
	Config  map[string]string
	Library string // the revision
	Servers string
	r       *run
}

func document(r *run) ([]byte, error) {
	p := page{Config: r.config, r: r}
	_, p.Library, _ = strings.Cut(r.config["lib-"+contenders.Embedded], " ")
	if hash, _, dirty := strings.Cut(p.Library, "-"); len(hash) == 40 {
		if p.Library = hash[:12]; dirty {
			p.Library += " with changes"
		}
	}
	var names []string
	for _, name := range []string{"nats", "redis", "postgres"} {
		if v := r.config["server-"+name]; v != "" {
			names = append(names, strings.TrimPrefix(v, "github.com/nats-io/"))
		}
	}
	p.Servers = strings.Join(names, ", ")
	t, err := template.New("distributed.md").Option("missingkey=error").Parse(pageText)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

// Picture embeds the chart.
func (p page) Picture() string {
	return fmt.Sprintf(`<picture>
  <source media="(prefers-color-scheme: dark)" srcset="%s">
  <img alt="%s" src="%s">
</picture>`, chartName(true), chartTitle, chartName(false))
}

// Contenders says who takes part.
func (p page) Contenders() string {
	var rows [][]string
	for _, c := range p.takingPart() {
		batch := cmp.Or(c.Batch, "–")
		version := ""
		if _, v, ok := strings.Cut(p.Config["lib-"+c.Name], " "); ok && !strings.HasPrefix(c.Name, "natspool") {
			version = " " + v
		}
		rows = append(rows, []string{c.Group, c.Title + version, c.Durability, c.Done, batch})
	}
	return table(5, []string{"group", "contender", "by", "a job is done when", "many at once"}, rows)
}

// takingPart are the contenders of this run, group by group.
func (p page) takingPart() (list []contenders.Contender) {
	for _, c := range contenders.All() {
		if slices.ContainsFunc(p.r.keys, func(k key) bool { return k.lib == c.Name && k.group == c.Group }) {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b contenders.Contender) int { return strings.Compare(a.Group, b.Group) })
	return list
}

// Without names who is missing.
func (p page) Without() string {
	var names []string
	have := p.takingPart()
	for _, c := range contenders.All() {
		there := slices.ContainsFunc(have, func(h contenders.Contender) bool { return h.Name == c.Name })
		if !there && !c.Available(contenders.Servers{}) && !slices.Contains(names, c.Title) {
			names = append(names, c.Title)
		}
	}
	return strings.Join(names, " and ")
}

func title(k key) string {
	if c, ok := contenders.Find(k.lib, k.group); ok {
		return c.Title
	}
	return k.lib
}

// ours is what others are compared with.
func ours(k key) key {
	k.lib = contenders.Embedded
	return k
}

func isOurs(k key) bool { return k.lib == contenders.Embedded || k.lib == contenders.Server }

// Throughput is the table of one group and one way to submit.
func (p page) Throughput(group, way string) string {
	var rows [][]string
	for _, workers := range p.workers(group, way) {
		var keys []key
		for _, k := range p.r.keys {
			if k.scenario == "Throughput" && k.group == group && k.way == way && k.workers == workers {
				keys = append(keys, k)
			}
		}
		p.sort(keys, "jobs/s", -1)
		for i, k := range keys {
			row := p.row(k, ours(k), "jobs/s", digits, title(k))
			if i == 0 {
				row[0], row[1] = "**"+row[0]+"**", "**"+row[1]+"**"
			}
			rows = append(rows, append([]string{strconv.Itoa(workers)}, row...))
		}
	}
	return table(2, []string{"workers", "contender", "jobs/s", "spread", "relative"}, rows)
}

func (p page) workers(group, way string) (list []int) {
	for _, k := range p.r.keys {
		if k.scenario == "Throughput" && k.group == group && k.way == way && !slices.Contains(list, k.workers) {
			list = append(list, k.workers)
		}
	}
	slices.Sort(list)
	return list
}

// sort sorts by medians, upwards or downwards.
func (p page) sort(keys []key, unit string, sign int) {
	slices.SortStableFunc(keys, func(a, b key) int {
		return sign * cmp.Compare(estimateOf(p.r.of(a, unit)).median, estimateOf(p.r.of(b, unit)).median)
	})
}

// row has a name, a median, its spread, and the ratio to another key.
func (p page) row(k, to key, unit string, form func(float64) string, name string) []string {
	e := estimateOf(p.r.of(k, unit))
	row := []string{name, form(e.median), e.between(form), "–"}
	if list := ratios(p.r.of(k, unit), p.r.of(to, unit)); len(list) > 0 {
		row[3] = times(estimateOf(list).median)
	}
	return row
}

// Latency is the table of single jobs.
func (p page) Latency() string {
	var rows [][]string
	for _, c := range p.takingPart() {
		k := key{scenario: "Latency", group: c.Group, lib: c.Name}
		if len(p.r.of(k, "p50-ns")) == 0 {
			continue
		}
		p50 := p.row(k, ours(k), "p50-ns", millis, c.Title)
		p99 := p.row(k, ours(k), "p99-ns", millis, c.Title)
		rows = append(rows, []string{c.Group, c.Title, p50[1], p50[2], p50[3], p99[1], p99[2]})
	}
	return table(2, []string{"group", "contender", "p50", "spread", "relative", "p99", "spread"}, rows)
}

// Calls says by what the contenders have been measured there.
func (p page) Calls() string {
	return p.notes(func(c contenders.Contender) string { return c.Call })
}

// Recoveries says what decides how long jobs of the dead wait.
func (p page) Recoveries() string {
	return p.notes(func(c contenders.Contender) string { return c.Recovery })
}

// notes is a list of what there is to say of contenders, once for those who share it.
func (p page) notes(of func(contenders.Contender) string) string {
	var list []string
	for _, c := range p.takingPart() {
		name, _, _ := strings.Cut(c.Title, ",")
		if note := "- " + name + ": " + of(c) + ".\n"; of(c) != "" && !slices.Contains(list, note) {
			list = append(list, note)
		}
	}
	return strings.Join(list, "")
}

// Recovery is the table of the time that a killed worker costs.
func (p page) Recovery() string {
	var rows [][]string
	for _, c := range p.takingPart() {
		calm := key{scenario: "Recovery", group: c.Group, lib: c.Name}
		killed := calm
		killed.kill = true
		if len(p.r.of(calm, "s")) == 0 || len(p.r.of(killed, "s")) == 0 {
			continue
		}
		row := p.row(killed, calm, "s", seconds, c.Title)
		rows = append(rows, []string{c.Title, seconds(estimateOf(p.r.of(calm, "s")).median), row[1], row[2], row[3]})
	}
	return table(1, []string{"contender", "nobody killed", "one killed", "spread", "relative"}, rows)
}

// Memory is the table of what things take.
func (p page) Memory() string {
	k := key{scenario: "Memory", lib: contenders.Embedded}
	var rows [][]string
	for _, x := range []struct{ what, heap, disk string }{
		{"a job in the queue", "queued-B/job", "queued-disk-B/job"},
		{"a result that is kept", "kept-B/result", "kept-disk-B/result"},
	} {
		if len(p.r.of(k, x.heap)) == 0 {
			continue
		}
		heap := p.row(k, k, x.heap, kilobytes, x.what)
		disk := p.row(k, k, x.disk, kilobytes, x.what)
		rows = append(rows, []string{x.what, heap[1], heap[2], disk[1], disk[2]})
	}
	return table(1, []string{"what", "heap", "spread", "disk", "spread"}, rows)
}

// Losses is the table of all comparisons in which another contender was better in every round.
func (p page) Losses() string {
	var rows [][]string
	for _, k := range p.r.keys {
		unit, what, form, better := "", "", digits, func(ratio estimate) bool { return ratio.lo > 1 }
		switch k.scenario {
		case "Throughput":
			unit, what = "jobs/s", fmt.Sprintf("jobs/s, %s, %d workers", wayTitle(k.way), k.workers)
		case "Latency":
			unit, what, form = "p50-ns", "latency, p50", millis
			better = func(ratio estimate) bool { return ratio.hi < 1 }
		default:
			continue
		}
		list := ratios(p.r.of(k, unit), p.r.of(ours(k), unit))
		if isOurs(k) || len(list) == 0 || !better(estimateOf(list)) {
			continue
		}
		rows = append(rows, []string{
			k.group, what, title(k), form(estimateOf(p.r.of(k, unit)).median),
			form(estimateOf(p.r.of(ours(k), unit)).median), times(estimateOf(list).median),
		})
	}
	if len(rows) == 0 {
		return "None.\n"
	}
	slices.SortFunc(rows, slices.Compare)
	return table(3, []string{"group", "what", "who is better", "has", "natspool has", "relative"}, rows)
}

func wayTitle(way string) string {
	switch way {
	case "batch":
		return "many at once"
	case "submit64":
		return "64 goroutines"
	default:
		return "1 goroutine"
	}
}
