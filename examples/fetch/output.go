package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// record is a line of the output.
type record struct {
	URL    string `json:"url"`
	Line   int    `json:"line"`
	Status int    `json:"status,omitempty"`
	Bytes  int64  `json:"bytes"`
	MS     int64  `json:"ms"`
	Kind   kind   `json:"kind,omitempty"`
	Error  string `json:"error,omitempty"`
}

func newRecord(r result) record {
	rec := record{
		URL:    r.Job.url,
		Line:   r.Job.number,
		Status: r.Value.status,
		Bytes:  r.Value.bytes,
		MS:     r.Value.took.Milliseconds(),
	}
	if f := failureOf(r); f != nil {
		rec.Kind, rec.Error = f.kind, f.text
	}
	return rec
}

// output prints the results, and below them on a terminal how far it is.
type output struct {
	json     *json.Encoder
	progress *progress
	cancel   context.CancelCauseFunc
}

// newOutput prints results to stdout. When they cannot be written it calls cancel,
// since nobody would see any more of them.
func newOutput(stdout io.Writer, p *progress, cancel context.CancelCauseFunc) *output {
	if p.live() && cli.IsTerminal(stdout) {
		stdout = above{p, stdout}
	}
	o := &output{json: json.NewEncoder(stdout), progress: p, cancel: cancel}
	o.json.SetEscapeHTML(false) // many a URL has an &
	return o
}

// begin begins to show what stats returns; end ends it.
func (o *output) begin(stats func() workerpool.Stats) { o.progress.begin(stats) }
func (o *output) end()                                { o.progress.end() }

// print prints one result, in one write, unless a write has failed: the Encoder then
// tries no more.
func (o *output) print(r result) {
	if err := o.json.Encode(newRecord(r)); err != nil {
		o.cancel(fmt.Errorf("cannot write the results: %w", err)) // again and again, but only the first counts
	}
}
