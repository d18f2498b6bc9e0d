package livepage

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

//go:embed assets
var assets embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"rate": rate, "duration": duration, "toGo": toGo,
}).ParseFS(assets, "assets/page.html"))

// csp allows what the page has, and nothing else.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// document is what the template shows.
type document struct {
	View
	query url.Values
}

// With is the URL of the page with one parameter more: others stay, as whoever guards the
// page may ask for them.
func (d document) With(name, value string) template.URL {
	query := url.Values{}
	for k, v := range d.query {
		if k != "format" && k != "asset" {
			query[k] = v
		}
	}
	query.Set(name, value)
	return template.URL("?" + query.Encode()) //nolint:gosec // it is encoded
}

// serveAsset serves the script or the style. They are at the URL of the page itself, with a
// query, so that they are found wherever it is mounted.
func serveAsset(w http.ResponseWriter, name string) {
	types := map[string]string{"page.js": "text/javascript; charset=utf-8", "page.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
	text, err := assets.ReadFile("assets/" + name)
	if types[name] == "" || err != nil {
		http.Error(w, "there is no such asset", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", types[name])
	_, _ = w.Write(text)
}

func (p *Page) serveHTML(w http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	if err := page.Execute(&b, document{p.look().view, r.URL.Query()}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", csp)
	w.Header().Set("X-Frame-Options", "DENY")
	_, _ = w.Write(b.Bytes())
}

func (p *Page) serveJSON(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(p.look().view)
}

// serveText serves a table for a terminal.
func (p *Page) serveText(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	v := p.look().view
	_, _ = fmt.Fprintf(w, "%s  pid %d  %s  %s\n\n", v.Process.Host, v.Process.PID, v.Process.Go, v.Time.Format(time.RFC3339))
	shown := func(p Pool) string { return oneLine(cmp.Or(p.Name, "(no name)")) }
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "POOL\tSTATE\tBUSY\tQUEUED\tOLDEST\tDONE/s\tFAILED/s\tRETRIED/s\tREFUSED/s\tWAIT p95\tRUN p50\tRUN p95\tDONE")
	for _, q := range v.Pools {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d/%d\t%d/%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", shown(q), q.State, q.Busy, q.Workers,
			q.Queued, q.Capacity, q.timed(q.Oldest), rate(q.Rates.Completed), rate(q.Rates.Failed), rate(q.Rates.Retried), rate(q.Rates.Rejected),
			q.timed(q.Wait.P95), q.timed(q.Run.P50), q.timed(q.Run.P95), q.Completed)
	}
	_ = t.Flush()
	for _, q := range v.Pools {
		_, _ = fmt.Fprintf(w, "\n%s: %s\n", shown(q), q.Say)
		if q.Paused > 0 {
			_, _ = fmt.Fprintf(w, "  paused until %s\n", q.PausedUntil.Format(time.TimeOnly))
		}
		if q.Note != "" {
			_, _ = fmt.Fprintf(w, "  note: %s\n", oneLine(q.Note))
		}
		for _, j := range q.Running {
			_, _ = fmt.Fprintf(w, "  runs for %s: %s%s\n", duration(j.For), oneLine(j.Text), j.where())
		}
		for _, g := range q.Errors {
			_, _ = fmt.Fprintf(w, "  %d x %s%s\n", g.Count, oneLine(g.Text), g.again())
		}
	}
}

// timed is a duration, or that there is none without WithTiming.
func (p Pool) timed(seconds float64) string {
	if !p.Timed {
		return "-"
	}
	return duration(seconds)
}

// again says how many of the errors were not the last word on their jobs.
func (g Group) again() string {
	switch g.Retried {
	case 0:
		return ""
	case g.Count:
		return " (tried again)"
	}
	return fmt.Sprintf(" (%d tried again)", g.Retried)
}

func (j Job) where() string {
	if j.InHook {
		return " (in a hook)"
	}
	return ""
}

// oneLine makes of a text what a terminal can be shown: no characters that control it, or the
// order of others.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, shorten(text))
}

// serveEvents sends what is new each interval, until the viewer leaves, or does not take it.
//
// The deadline for writing goes with it, so that a server with a WriteTimeout does not cut
// the viewer off, while one that takes nothing any more is gone after a while.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	const patience = 10 * time.Second
	c := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // for nginx
	if r.Method == http.MethodHead {
		return
	}
	select {
	case <-p.closed: // a browser does not come again
		w.WriteHeader(http.StatusNoContent)
		return
	default:
	}
	send := func(text []byte) bool {
		_ = c.SetWriteDeadline(time.Now().Add(patience)) // not every server can
		if _, err := w.Write(text); err != nil {
			return false
		}
		err := c.Flush()
		_ = c.SetWriteDeadline(time.Time{}) // until the next one, which may be later than this
		return err == nil
	}
	f := p.look()
	if !send(append(fmt.Appendf(nil, "retry: %d\n", p.interval.Milliseconds()), event(f.view)...)) {
		return
	}
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-p.closed:
			return
		case <-ticker.C:
		}
		if next := p.look(); next != f {
			if f = next; !send(f.event()) {
				return
			}
		}
	}
}
