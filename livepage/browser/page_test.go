//go:build browser

package browser

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/livepage"
)

var screenshots = flag.String("screenshots", "", "the `directory` to write screenshots to")

// evil would run if any text of the page were taken for markup.
const evil = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`

// tab is a tab of a browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // what the page says on the console, or the browser of the page
}

// newTab starts a browser, or skips the test if there is none.
func newTab(t *testing.T) *tab {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED: THERE IS NO BROWSER: the live page was not tested in one. Install chromium.")
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true))...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, b.hear)) // which starts the browser
	b.ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return b
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%v", e.Type))
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, fmt.Sprintf("%v: %v (%v)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
	}
}

func (b *tab) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.complaints
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// js returns the value of a script.
func js[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	require.NoError(b.t, err, script)
	return v
}

func (b *tab) text(selector string) string {
	b.t.Helper()
	return js[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// scheme sets the theme of the system.
func (b *tab) scheme(v string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v}},
	})
	require.NoError(b.t, err)
}

// shot writes a picture of what there is to be seen of the page.
func (b *tab) shot(name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o644))
}

// job is what the pools run.
type job struct {
	text  string
	takes time.Duration
	err   error
	once  *sync.Once // if it is not nil, only the first attempt fails
}

func work(_ context.Context, j job) (int, error) {
	time.Sleep(j.takes)
	err := j.err
	if j.once != nil {
		err = nil
		j.once.Do(func() { err = j.err })
	}
	return 0, err
}

var errTooMany = errors.New("answered 429 Too Many Requests")

// again is the retry policy of all the pools.
func again(_ int, err error) (time.Duration, bool) { return 0, errors.Is(err, errTooMany) }

// start starts pools under load, behind a server with a WriteTimeout and a strict policy of
// its own for everything. The third is paused again and again; the last is named last, and so
// are its jobs and their errors.
func start(t *testing.T, last string) string {
	t.Helper()
	page := livepage.New(livepage.Options{Interval: 200 * time.Millisecond, Describe: func(j any) string { return j.(job).text }})
	ctx, cancel := context.WithCancel(context.Background())
	var load sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		load.Wait()
	})
	bring := func(name string, workers int, every time.Duration, next func(n int) job) {
		p, err := workerpool.New(work, workerpool.WithName(name), workerpool.WithWorkers(workers), workerpool.WithBuffer(40),
			workerpool.WithRetry(again), workerpool.WithTiming(), workerpool.WithoutResults(), workerpool.WithHooks(page.Hooks()))
		require.NoError(t, err)
		page.Add(p)
		if name == "mail" {
			page.Note(p, func() string { return "Tuned to 8 workers: 12 at once were no faster." })
		}
		load.Go(func() {
			defer p.Stop()
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for n := 0; ctx.Err() == nil; n++ {
				_ = p.TrySubmit(next(n))
				<-ticker.C
			}
		})
	}
	bring("thumbnails", 4, 12*time.Millisecond, func(n int) job {
		return job{text: fmt.Sprintf("photo-%04d.jpeg", n), takes: time.Duration(40+10*(n%7)) * time.Millisecond}
	})
	bring("mail", 8, 25*time.Millisecond, func(n int) job {
		return job{text: fmt.Sprintf("receipt of order %d", n), takes: 60 * time.Millisecond}
	})
	bring("partner", 6, 25*time.Millisecond, func(n int) job {
		j := job{text: fmt.Sprintf("price of article %d", n), takes: 80 * time.Millisecond}
		if n%200 == 99 {
			j.err, j.once = workerpool.RetryAfter(errTooMany, 4*time.Second), new(sync.Once)
		}
		return j
	})
	bring(last, 2, 100*time.Millisecond, func(n int) job {
		return job{text: last, takes: 150 * time.Millisecond, err: fmt.Errorf("%s: line %d: unexpected end", last, n)}
	})
	mux := http.NewServeMux()
	mux.Handle("/debug/pools", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Content-Security-Policy", "default-src 'self'")
		page.ServeHTTP(w, r)
	}))
	server := httptest.NewUnstartedServer(mux)
	server.Config.WriteTimeout = 2 * time.Second
	server.Config.RegisterOnShutdown(page.Close)
	server.Start()
	t.Cleanup(func() {
		page.Close()
		server.Close()
	})
	return server.URL + "/debug/pools"
}

func TestPage(t *testing.T) {
	b := newTab(t)
	b.do(chromedp.EmulateViewport(1280, 900))
	b.scheme("light")
	b.do(chromedp.Navigate(start(t, evil)), chromedp.WaitVisible("#pool-1 polyline"))

	const done = "#pool-1 .tiles div:nth-child(3) dd" // how many: it only grows, where a rate may be the same again
	before := b.text(done)
	time.Sleep(4 * time.Second) // longer than the WriteTimeout
	assert.NotEqual(t, before, b.text(done), "numbers move")
	assert.Contains(t, b.text("#live"), "live")
	assert.Equal(t, "saturated", b.text("#pool-1 h2 .state"))
	assert.Contains(t, b.text("#pool-1 .say"), "workers instead of 4 would keep up")
	assert.Equal(t, 4, js[int](b, "document.querySelectorAll('article').length"))
	drawn := js[int](b, `[...document.querySelectorAll('article:not(#pool-3) .chart polyline')].filter((l) => l.points.length >= 10 && l.getBoundingClientRect().width > 20).length`)
	assert.Equal(t, 3*(4+2+2), drawn, "charts draw")
	assert.Contains(t, js[string](b, "document.title"), "⚠")

	const color = "getComputedStyle(document.body).backgroundColor"
	light := js[string](b, color)
	b.scheme("dark")
	assert.NotEqual(t, light, js[string](b, color), "the theme of the system")
	b.do(chromedp.KeyEvent("t"))
	assert.Equal(t, light, js[string](b, color), "the theme that was chosen")

	b.do(chromedp.KeyEvent("p"))
	assert.Contains(t, b.text("#live"), "paused")
	before = b.text(done)
	time.Sleep(time.Second)
	assert.Equal(t, before, b.text(done), "the numbers of a page that is paused")
	b.do(chromedp.KeyEvent("p"))

	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
	time.Sleep(500 * time.Millisecond)
	assert.Zero(t, js[int](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"), "a phone has to scroll sideways")

	assert.Zero(t, js[int](b, "window.hacked || document.querySelectorAll('img').length"), "a text was taken for markup")
	assert.Contains(t, b.text("#pool-4 h2"), evil)
	assert.Empty(t, strings.Join(b.heard(), "\n"), "the console")
}

// A pause is to be seen where people look first, and those who do not see are told of it.
func TestPausedPool(t *testing.T) {
	b := newTab(t)
	b.do(chromedp.EmulateViewport(1280, 900))
	b.do(chromedp.Navigate(start(t, "imports")), chromedp.WaitVisible("#pool-3 .throttle time"))
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && !strings.Contains(b.text("#pool-3 .gauges"), "held back"); {
		time.Sleep(50 * time.Millisecond) // until jobs have come that may not start
	}
	b.do(chromedp.KeyEvent("p")) // the page stays as it is
	assert.Regexp(t, `^Paused until .+, [1-4] s to go$`, b.text("#pool-3 .throttle"))
	assert.Equal(t, "paused", b.text("#pool-3 h2 .state"))
	assert.Equal(t, "paused", b.text("#summary tbody tr:nth-child(3) .state"))
	assert.Regexp(t, `^[1-4] s$`, b.text("#summary tbody tr:nth-child(3) .togo"))
	assert.Equal(t, "partner is paused", b.text("#news"))
	assert.Contains(t, b.text("#pool-3 .say"), "The other side wants to be left alone")
	assert.Contains(t, b.text("#pool-3 .gauges"), "held back")
	assert.Contains(t, b.text("#pool-3 .lists"), "answered 429 Too Many Requests (retry after 4s) (tried again)")
	assert.Equal(t, "Tuned to 8 workers: 12 at once were no faster.", b.text("#pool-2 .note"))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, selector := range []string{"#pool-3 .throttle", "#pool-3 .throttle strong", "#pool-3 h2 .state", "#pool-2 .note"} {
			assert.GreaterOrEqual(t, js[float64](b, contrastOf(selector)), 4.5, "WCAG 2 AA: %s, %s", selector, scheme)
		}
	}
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
	assert.Zero(t, js[int](b, "document.documentElement.scrollWidth - document.documentElement.clientWidth"), "a phone has to scroll sideways")

	b.do(chromedp.KeyEvent("p"), chromedp.WaitNotPresent("#pool-3 .throttle"), chromedp.WaitVisible("#pool-3 .chart .pause"))
	assert.Equal(t, "partner goes on", b.text("#news"))
	assert.Empty(t, strings.Join(b.heard(), "\n"), "the console")
}

// The pictures for people: make screenshots.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("no pictures are wanted: see -screenshots")
	}
	b := newTab(t)
	b.do(chromedp.EmulateViewport(1200, 800))
	b.do(chromedp.Navigate(start(t, "imports")), chromedp.WaitVisible("#pool-1 polyline"))
	time.Sleep(26 * time.Second) // for the charts
	b.do(chromedp.WaitNotPresent("#pool-3 .throttle"), chromedp.WaitVisible("#pool-3 .throttle time"))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		b.do(chromedp.EmulateViewport(1200, 800))
		b.shot("livepage-" + scheme)
		b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
		time.Sleep(500 * time.Millisecond) // it is drawn anew
		b.shot("livepage-phone-" + scheme)
	}
}

// Who uses no mouse gets everywhere, and who does not see is told.
func TestAccessibility(t *testing.T) {
	b := newTab(t)
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(start(t, "imports")), chromedp.WaitVisible("#pool-1 polyline"))
	const at = "document.activeElement.id || document.activeElement.textContent"
	for _, want := range []string{"pause", "theme", "JSON", "Text", "thumbnails"} {
		b.do(chromedp.KeyEvent(kb.Tab))
		assert.Equal(t, want, js[string](b, at))
	}
	time.Sleep(time.Second) // the page is drawn anew some times, and the focus stays
	assert.Equal(t, "thumbnails", js[string](b, at))
	assert.Empty(t, js[[]string](b, `[...document.querySelectorAll('svg[role=img]')].filter((e) => !e.getAttribute('aria-label')).map((e) => e.outerHTML.slice(0, 80))`))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, selector := range []string{"#pool-1 .tiles dt", "#pool-1 .say", "#pool-1 h3"} {
			assert.GreaterOrEqual(t, js[float64](b, contrastOf(selector)), 4.5, "WCAG 2 AA: %s, %s", selector, scheme)
		}
	}
}

// contrastOf is a script for the contrast between the text of an element and what is behind it,
// as WCAG 2 has it.
func contrastOf(selector string) string {
	return fmt.Sprintf(`(() => {
		const luminance = (color) => {
			const [r, g, b] = color.match(/[\d.]+/g).map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
			return 0.2126 * r + 0.7152 * g + 0.0722 * b;
		};
		const e = document.querySelector(%q);
		let behind = e;
		while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
		const [a, b] = [getComputedStyle(e).color, getComputedStyle(behind).backgroundColor].map(luminance);
		return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	})()`, selector)
}
