// Package livepage shows what worker pools are doing now, on a page for a browser, and as
// text and JSON for everything else.
//
//	page := livepage.New(livepage.Options{})
//	pool, err := workerpool.New(fetch,
//		workerpool.WithName("pages"),
//		workerpool.WithTiming(),             // for times, and the jobs that run
//		workerpool.WithHooks(page.Hooks()))  // for errors
//	page.Add(pool)
//	mux.Handle("/debug/workerpool", page)
//
// All of it is one URL, wherever it is mounted: a browser gets a page that keeps itself up to
// date, curl a table, and who accepts JSON gets that; ?format=html, json, text or events asks
// for one of them. It changes nothing, asks nobody else for anything, and works under a
// Content-Security-Policy that allows 'self' only.
//
// Who may see it is for the program to decide: put it behind what guards the other pages
// for operators. It shows the texts of errors. Of jobs it shows what Options.Describe says.
package livepage

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/inspect"
)

// Options are what a page can be told. The zero Options are good ones.
type Options struct {
	// Interval is how often the page looks at the pools while somebody looks at it: a
	// second, unless it is positive, and never less than a tenth of a second.
	Interval time.Duration
	// Describe returns a short text about a job that runs, or has just ended: so it may read
	// only what nobody writes, neither Func nor who receives the Result. Viewers wait for it,
	// so it should not block. If it is nil the page shows the numbers of jobs.
	Describe func(job any) string
}

// Page is an [http.Handler] that shows pools. It has no goroutine but those of requests,
// and looks at the pools only while there are some, once each interval however many viewers there
// are. So its charts begin when somebody first looks, and the rates that he sees at first are
// those since the pool was added, or since somebody last looked.
//
// A Page is made by [New]. All its methods may be called from any goroutine.
type Page struct {
	interval time.Duration
	describe func(job any) string
	failures failures
	closed   chan struct{}
	close    func()

	mu    sync.Mutex // held for a moment only
	pools []*watched
	added uint64 // pools, ever

	looking sync.Mutex // held while the pools are looked at, and never while a viewer is served
	last    atomic.Pointer[frame]
}

// New makes a page that shows no pool yet.
func New(o Options) *Page {
	p := &Page{interval: o.Interval, describe: o.Describe, closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	if p.interval <= 0 {
		p.interval = time.Second
	}
	p.interval = max(p.interval, time.Second/10)
	return p
}

// Add has the page show pools too, in the order in which they were added. It may be called at
// any time. A nil pool is ignored, and so is one that the page shows already. A pool that has
// ended stays on the page until it is removed.
func (p *Page) Add(pools ...workerpool.Inspector) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pool := range pools {
		if inspect.IsNil(pool) || shows(p.pools, pool) {
			continue
		}
		p.added++
		p.pools = append(p.pools, newWatched(p.added, pool))
	}
	p.last.Store(nil)
}

// Note has the page show what note returns beside what it says of a pool itself: what somebody
// who tunes the pool did last, for instance, and why.
//
//	page.Note(pool, func() string { return tuner.State().String() })
//
// note is called whenever the page looks at the pool, by one goroutine at a time. Viewers wait
// for it, so it should not block; and it must not call the page. An empty text is not shown, and
// a nil note takes away the one before. A pool that the page does not show is added; a nil pool
// is ignored.
func (p *Page) Note(pool workerpool.Inspector, note func() string) {
	if inspect.IsNil(pool) {
		return
	}
	p.Add(pool)
	for _, w := range p.shown() {
		switch {
		case w.pool != pool:
		case note == nil:
			w.note.Store(nil)
		default:
			w.note.Store(&note)
		}
	}
	p.last.Store(nil)
}

// Remove has the page show a pool no longer. One that it does not show is ignored.
func (p *Page) Remove(pool workerpool.Inspector) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pools = slices.DeleteFunc(slices.Clone(p.pools), func(w *watched) bool { return w.pool == pool })
	p.last.Store(nil)
}

func shows(pools []*watched, pool workerpool.Inspector) bool {
	return slices.ContainsFunc(pools, func(w *watched) bool { return w.pool == pool })
}

func (p *Page) shown() []*watched {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.pools)
}

// Hooks returns hooks that tell the page of jobs that fail, and of attempts that do and are
// followed by another, of every pool that has them. The page groups the errors by their texts,
// without regard to digits, and keeps the latest groups of each pool's name: pools of one name
// share them. They are kept in memory for whoever looks; use package poollog too where a panic
// of a pool WithoutResults has to be on record.
func (p *Page) Hooks() workerpool.Hooks { return p.failures.hooks() }

// Close lets the viewers go who get events, which a server that shuts down would wait for:
//
//	server.RegisterOnShutdown(page.Close)
//
// After that the page can be asked for what there is, and sends no more events.
func (p *Page) Close() { p.close() }

// ServeHTTP serves what the request accepts: see the documentation of the package.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this page changes nothing: use GET", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Accept")
	if name := r.URL.Query().Get("asset"); name != "" {
		serveAsset(w, name)
		return
	}
	switch format(r) {
	case "html":
		p.serveHTML(w, r)
	case "json":
		p.serveJSON(w)
	case "events":
		p.serveEvents(w, r)
	case "text":
		p.serveText(w)
	default:
		http.Error(w, "format has to be html, json, text or events", http.StatusBadRequest)
	}
}

// format returns in which form the request wants its answer.
func format(r *http.Request) string {
	if f := r.URL.Query().Get("format"); f != "" {
		return f
	}
	return accepted(r.Header.Values("Accept"))
}

// accepted returns the format that the headers Accept like best, of those they like as much the
// first. Who takes anything gets text.
func accepted(headers []string) string {
	formats := map[string]string{"text/event-stream": "events", "text/html": "html", "application/json": "json", "text/plain": "text"}
	best, most := "text", 0.0
	for _, accept := range headers {
		for media := range strings.SplitSeq(accept, ",") {
			media, params, err := mime.ParseMediaType(media)
			if f := formats[media]; err == nil && f != "" && quality(params) > most {
				best, most = f, quality(params)
			}
		}
	}
	return best
}

// quality is how much a media range is liked: 1 unless it says otherwise.
func quality(params map[string]string) float64 {
	q, ok := params["q"]
	if !ok {
		return 1
	}
	n, _ := strconv.ParseFloat(q, 64) // what is no number is not liked
	return n
}
