package livepage_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/livepage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pool makes a pool that the page shows, whose jobs say what to do.
func newPool(t *testing.T, page *livepage.Page, opts ...workerpool.Option) *workerpool.Pool[func() error, int] {
	t.Helper()
	opts = append([]workerpool.Option{
		workerpool.WithName("thumbs"), workerpool.WithTiming(), workerpool.WithHooks(page.Hooks()), workerpool.WithWorkers(2), workerpool.WithBuffer(4),
	}, opts...)
	p, err := workerpool.New(func(_ context.Context, job func() error) (int, error) { return 0, job() }, opts...)
	require.NoError(t, err)
	page.Add(p)
	return p
}

func sleeps(d time.Duration) func() error {
	return func() error {
		time.Sleep(d)
		return nil
	}
}

func fails(text string) func() error { return func() error { return errors.New(text) } }

// get asks the page for something, without a network.
func get(h http.Handler, method, url, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// view is what the page says.
func view(t *testing.T, h http.Handler) livepage.View {
	t.Helper()
	w := get(h, "GET", "/", "application/json")
	var v livepage.View
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
	return v
}

func TestNegotiation(t *testing.T) {
	page := livepage.New(livepage.Options{})
	defer newPool(t, page).Stop()
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, c := range []struct{ url, accept, want, in string }{
		{"/", browser, "text/html; charset=utf-8", "<!DOCTYPE html>"},
		{"/", "application/json", "application/json", `"name": "thumbs"`},
		{"/", "APPLICATION/JSON", "application/json", `"name": "thumbs"`},
		{"/", "text/html;q=0.1,application/json;q=0.9", "application/json", `"name": "thumbs"`},
		{"/", "text/html;q=0, application/json", "application/json", `"name": "thumbs"`},
		{"/", "text/html;q=no", "text/plain; charset=utf-8", "thumbs"},
		{"/", "image/png, text/plain, text/html", "text/plain; charset=utf-8", "thumbs"},
		{"/", "*/*", "text/plain; charset=utf-8", "thumbs"},
		{"/", "", "text/plain; charset=utf-8", "thumbs"},
		{"/?format=json", browser, "application/json", `"workers": 2`},
		{"/?format=text", browser, "text/plain; charset=utf-8", "0/2"},
		{"/?format=html", "", "text/html; charset=utf-8", "0 of 2"},
		{"/?asset=page.js", "*/*", "text/javascript; charset=utf-8", "EventSource"},
		{"/?asset=page.css", "text/css", "text/css; charset=utf-8", "prefers-color-scheme"},
		{"/?asset=icon.svg", "image/*", "image/svg+xml", "<svg"},
	} {
		w := get(page, "GET", c.url, c.accept)
		assert.Equal(t, http.StatusOK, w.Code, c.url)
		assert.Equal(t, c.want, w.Header().Get("Content-Type"), c.url)
		assert.Contains(t, w.Body.String(), c.in, c.url)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	}
	assert.Equal(t, http.StatusNotFound, get(page, "GET", "/?asset=page.html", "").Code)
	assert.Equal(t, http.StatusNotFound, get(page, "GET", "/?asset=../page.go", "").Code)
	assert.Equal(t, http.StatusBadRequest, get(page, "GET", "/?format=xml", "").Code)
	w := get(page, "POST", "/", "")
	assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
	assert.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	assert.Equal(t, http.StatusOK, get(page, "HEAD", "/?format=events", "").Code)
}

// Nothing on the page but what it brings itself, and no code in it.
func TestContentSecurityPolicy(t *testing.T) {
	w := get(livepage.New(livepage.Options{}), "GET", "/", "text/html")
	policy := w.Header().Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")
	html := w.Body.String()
	for _, bad := range []string{"style=", "onclick=", "http://", "https://", "<style", "javascript:"} {
		assert.NotContains(t, html, bad)
	}
	assert.Equal(t, 1, strings.Count(html, "<script"))
	assert.Contains(t, html, "There is no pool yet")
	js := get(livepage.New(livepage.Options{}), "GET", "/?asset=page.js", "").Body.String()
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"} {
		assert.NotContains(t, js, bad)
	}
}

// What comes from outside is text, whatever it contains.
func TestUntrustedTexts(t *testing.T) {
	const evil = `<script>alert("x")</script>` + "\x1b[31m\u2028"
	page := livepage.New(livepage.Options{Describe: func(any) string { return evil }})
	p := newPool(t, page, workerpool.WithName(evil))
	defer p.Stop()
	_, err := p.Do(t.Context(), fails(evil))
	assert.Error(t, err)
	gate := make(chan struct{})
	assert.NoError(t, p.TrySubmit(func() error { <-gate; return nil }))
	for len(p.Running()) == 0 {
		time.Sleep(time.Millisecond)
	}
	html := get(page, "GET", "/", "text/html").Body.String()
	assert.NotContains(t, html, "<script>")
	assert.Contains(t, html, "&lt;script&gt;")
	text := get(page, "GET", "/", "").Body.String()
	assert.NotContains(t, text, "\x1b")
	assert.Equal(t, 4, strings.Count(text, "<script>"), "name twice, job, error: %s", text)
	v := view(t, page)
	assert.Equal(t, evil, v.Pools[0].Running[0].Text)
	close(gate)
}

func TestStates(t *testing.T) {
	type pool = *workerpool.Pool[func() error, int]
	for _, c := range []struct {
		state livepage.State
		say   string
		load  func(t *testing.T, p pool)
	}{
		{livepage.Idle, "Nothing to do", func(*testing.T, pool) {}},
		{livepage.Working, "1 of 2 workers busy.", func(t *testing.T, p pool) {
			assert.NoError(t, p.TrySubmit(sleeps(time.Hour)))
		}},
		{livepage.Busy, "2 of 2 workers busy, and the queue does not grow", func(t *testing.T, p pool) {
			assert.NoError(t, p.TrySubmit(sleeps(time.Hour)))
			assert.NoError(t, p.TrySubmit(sleeps(time.Hour)))
		}},
		{livepage.Busy, "2 of 2 workers busy, and a call with many jobs has some for more.", func(t *testing.T, p pool) {
			go func() { _, _ = p.Map(t.Context(), slices.Repeat([]func() error{sleeps(time.Hour)}, 3)) }()
		}},
		{livepage.Busy, "2 of 2 workers busy, and 2 calls with many jobs have some for more.", func(t *testing.T, p pool) {
			for range 2 {
				go func() { _, _ = p.Collect(t.Context(), slices.Repeat([]func() error{sleeps(time.Hour)}, 3)) }()
				synctest.Wait()
			}
		}},
		{livepage.Saturated, "6 workers instead of 2 would keep up", func(t *testing.T, p pool) {
			go func() {
				for range p.Results() { // to make room
				}
			}()
			for range 100 { // 3 a second of 2 s each
				go func() { _ = p.Submit(t.Context(), sleeps(2*time.Second)) }()
				time.Sleep(time.Second / 3)
			}
		}},
		{livepage.Blocked, "Nobody reads the results", func(t *testing.T, p pool) {
			for range 40 {
				_ = p.TrySubmit(sleeps(time.Millisecond))
				time.Sleep(time.Second)
			}
		}},
		{livepage.Failing, "100% of the jobs fail", func(t *testing.T, p pool) {
			for i := range 40 {
				_, _ = p.Do(t.Context(), fails(fmt.Sprintf("row %d: bad", i)))
				time.Sleep(time.Second / 4)
			}
		}},
		{livepage.Stuck, "Nothing ends", func(t *testing.T, p pool) {
			for range 100 {
				_, err := p.Do(t.Context(), sleeps(10*time.Millisecond))
				assert.NoError(t, err)
			}
			assert.NoError(t, p.TrySubmit(sleeps(time.Hour)))
			assert.NoError(t, p.TrySubmit(sleeps(time.Hour)))
			time.Sleep(20 * time.Second)
		}},
	} {
		t.Run(string(c.state), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				page := livepage.New(livepage.Options{})
				p := newPool(t, page)
				looking := make(chan struct{})
				go func() { // as somebody does who has the page open
					for {
						select {
						case <-looking:
							return
						case <-time.After(time.Second):
							view(t, page)
						}
					}
				}()
				view(t, page)
				c.load(t, p)
				synctest.Wait()
				close(looking)
				time.Sleep(time.Second)
				v := view(t, page)
				assert.Equal(t, c.state, v.Pools[0].State, v.Pools[0].Say)
				assert.Contains(t, v.Pools[0].Say, c.say)
				p.Stop()
			})
		})
	}
}

func TestNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page)
		defer p.Stop()
		view(t, page)
		for i := range 1200 { // for 10 minutes
			_, _ = p.Do(t.Context(), sleeps(100*time.Millisecond))
			if i%4 == 0 {
				_, _ = p.Do(t.Context(), fails(fmt.Sprintf("row %d of 0x1f: bad", i)))
			}
			time.Sleep(400 * time.Millisecond)
			if i%2 == 0 {
				get(page, "HEAD", "/", "")
			}
		}
		q := view(t, page).Pools[0]
		assert.InDelta(t, 2.5, q.Rates.Completed, 0.3)
		assert.InDelta(t, 0.5, q.Rates.Failed, 0.2)
		assert.InEpsilon(t, 0.1, q.Run.P95, 1.0/16)
		assert.InDelta(t, 150, float64(q.Run.Count), 25, "of the last minute")
		assert.InDelta(t, 0.2, q.Need, 0.05)
		require.Len(t, q.Errors, 1, "they differ in numbers only")
		assert.Equal(t, 300, q.Errors[0].Count)
		assert.Equal(t, "row 1196 of 0x1f: bad", q.Errors[0].Text)
		span := q.History[len(q.History)-1].Time.Sub(q.History[0].Time)
		assert.InDelta(t, 5*time.Minute, span, float64(3*time.Second))
	})
}

func TestErrorsAreBounded(t *testing.T) {
	page := livepage.New(livepage.Options{})
	for name := range 200 {
		p := newPool(t, page, workerpool.WithName(strings.Repeat("n", name+1)))
		for e := range 30 {
			_, _ = p.Do(t.Context(), fails(strings.Repeat("e", 10*e+1)))
		}
		p.Stop()
	}
	v := view(t, page)
	assert.Empty(t, v.Pools[99].Errors, "those of the latest hundred names are kept")
	assert.Len(t, v.Pools[100].Errors, 20)
	assert.Len(t, v.Pools[199].Errors, 20)
	assert.Len(t, []rune(v.Pools[199].Errors[0].Text), 200)
}

func TestPanicsHaveStacks(t *testing.T) {
	page := livepage.New(livepage.Options{})
	p := newPool(t, page)
	defer p.Stop()
	_, err := p.Do(t.Context(), func() error { panic("at the disco") })
	assert.Error(t, err)
	e := view(t, page).Pools[0].Errors[0]
	assert.Equal(t, "workerpool: job panicked: at the disco", e.Text)
	assert.Contains(t, e.Stack, "TestPanicsHaveStacks")
}

func TestDescribeThatPanics(t *testing.T) {
	page := livepage.New(livepage.Options{Describe: func(any) string { panic("no") }})
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, page)
		assert.NoError(t, p.TrySubmit(sleeps(time.Second)))
		synctest.Wait()
		assert.Equal(t, "job 1 (Describe panicked)", view(t, page).Pools[0].Running[0].Text)
		p.Stop()
		page.Remove(p)
		assert.Empty(t, view(t, page).Pools)
		page.Remove(p)
	})
}

// inspected counts how often it is looked at.
type inspected struct {
	workerpool.Inspector
	looks atomic.Int64
}

func (i *inspected) Stats() workerpool.Stats {
	i.looks.Add(1)
	return i.Inspector.Stats()
}

// viewer is somebody who gets events, and takes his time over each.
type viewer struct {
	slow   time.Duration
	mu     sync.Mutex
	header http.Header
	events int
}

func (v *viewer) Header() http.Header { return v.header }
func (v *viewer) WriteHeader(int)     {}
func (v *viewer) Flush()              {}
func (v *viewer) Write(b []byte) (int, error) {
	time.Sleep(v.slow)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.events += strings.Count(string(b), "data: ")
	return len(b), nil
}

func (v *viewer) had() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.events
}

// A hundred viewers cost one look each interval, slow ones hold nobody up, and when they
// have left nothing is left.
func TestViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page)
		defer p.Stop()
		page.Remove(p)
		i := &inspected{Inspector: p}
		page.Add(i)
		ctx, leave := context.WithCancel(t.Context())
		var gone sync.WaitGroup
		var viewers []*viewer
		for n := range 100 {
			v := &viewer{header: http.Header{}}
			if n%10 == 0 {
				v.slow = 20 * time.Second
			}
			viewers = append(viewers, v)
			time.Sleep(7 * time.Millisecond) // they do not come at once
			gone.Go(func() { page.ServeHTTP(v, httptest.NewRequestWithContext(ctx, "GET", "/?format=events", nil)) })
		}
		time.Sleep(100 * time.Second)
		assert.InDelta(t, 101, i.looks.Load(), 12, "of 100 s")
		for n, v := range viewers {
			if n%10 == 0 {
				assert.LessOrEqual(t, v.had(), 6)
			} else {
				assert.InDelta(t, 100, v.had(), 12)
			}
		}
		begin := time.Now()
		_, err := p.Do(t.Context(), sleeps(time.Second))
		assert.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(begin))
		leave()
		gone.Wait()
		looks := i.looks.Load()
		time.Sleep(time.Hour)
		assert.Equal(t, looks, i.looks.Load(), "nobody looks")
	})
}

// A server whose WriteTimeout is shorter than a visit does not cut viewers off, and one
// that shuts down does not wait for them.
func TestEventsBehindAServer(t *testing.T) {
	page := livepage.New(livepage.Options{Interval: 100 * time.Millisecond})
	p := newPool(t, page)
	defer p.Stop()
	mux := http.NewServeMux()
	mux.Handle("/some/where/", http.StripPrefix("/some/where", page))
	server := httptest.NewUnstartedServer(mux)
	server.Config.WriteTimeout = 250 * time.Millisecond
	server.Config.RegisterOnShutdown(page.Close)
	server.Start()
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/some/where/", nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	resp, err := server.Client().Do(r)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	begin, events := time.Now(), 0
	for time.Since(begin) < time.Second && lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			var v livepage.View
			assert.NoError(t, json.Unmarshal([]byte(text), &v))
			assert.NotEmpty(t, v.Pools[0].History)
			events++
		}
	}
	assert.GreaterOrEqual(t, time.Since(begin), time.Second, "cut off: %v", lines.Err())
	assert.GreaterOrEqual(t, events, 4)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	assert.NoError(t, server.Config.Shutdown(ctx))
	server.Client().CloseIdleConnections()
}

func TestIntervalHasABound(t *testing.T) {
	for given, want := range map[time.Duration]float64{0: 1, time.Nanosecond: 0.1, -5: 1, time.Minute: 60} {
		assert.Equal(t, want, view(t, livepage.New(livepage.Options{Interval: given})).Every)
	}
}

// What nobody has looked at for long is judged by what has been since.
func TestFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, timing := range []bool{true, false} {
			page := livepage.New(livepage.Options{})
			opts := []workerpool.Option{workerpool.WithWorkers(2), workerpool.WithBuffer(8)}
			if timing {
				opts = append(opts, workerpool.WithTiming())
			}
			p, err := workerpool.New(func(context.Context, int) (int, error) {
				time.Sleep(time.Second)
				return 0, nil
			}, opts...)
			require.NoError(t, err)
			page.Add(p)
			go func() {
				for range p.Results() {
					time.Sleep(time.Second / 4)
				}
			}()
			go func() {
				for p.Submit(t.Context(), 1) == nil {
				}
			}()
			time.Sleep(100*time.Second + 100*time.Millisecond)
			q := view(t, page).Pools[0]
			assert.Equal(t, livepage.Saturated, q.State, q.Say)
			assert.InDelta(t, 2, q.Rates.Completed, 0.1)
			p.Stop()
			q = view(t, page).Pools[0]
			assert.Equal(t, livepage.Closed, q.State, q.Say)
			time.Sleep(time.Minute) // for the reader
		}
	})
}

// A hang stays one for as long as it lasts.
func TestHangs(t *testing.T) {
	for what, before := range map[string]int{"after some jobs": 100, "from the beginning": 0} {
		synctest.Test(t, func(t *testing.T) {
			page := livepage.New(livepage.Options{})
			p := newPool(t, page)
			for range before {
				_, _ = p.Do(t.Context(), sleeps(10*time.Millisecond))
			}
			for range 6 {
				assert.NoError(t, p.TrySubmit(sleeps(time.Hour)))
				synctest.Wait()
			}
			for i := range 30 {
				for range 10 {
					time.Sleep(time.Second)
					get(page, "HEAD", "/", "")
				}
				time.Sleep(time.Second)
				q := view(t, page).Pools[0]
				switch {
				case i == 0:
				case before > 0:
					assert.Equal(t, livepage.Stuck, q.State, what)
				default:
					assert.Contains(t, q.Say, "nothing has ended for", what)
				}
			}
			p.Close()
			time.Sleep(time.Second)
			q := view(t, page).Pools[0]
			if before == 0 {
				assert.Equal(t, livepage.Draining, q.State)
			}
			p.Stop()
		})
	}
}

// Whether nobody reads is known of a pool with WithTiming, with any buffer.
func TestBlocked(t *testing.T) {
	for _, buffer := range []int{0, 4} {
		synctest.Test(t, func(t *testing.T) {
			page := livepage.New(livepage.Options{})
			p := newPool(t, page, workerpool.WithBuffer(buffer))
			for range 2 + buffer {
				assert.NoError(t, p.Submit(t.Context(), sleeps(time.Millisecond)))
			}
			time.Sleep(time.Minute)
			q := view(t, page).Pools[0]
			assert.Equal(t, livepage.Blocked, q.State, q.Say)
			p.Stop()
		})
	}
}

func TestNoPool(t *testing.T) {
	page := livepage.New(livepage.Options{})
	page.Add(nil, (*workerpool.Pool[int, int])(nil))
	assert.Empty(t, view(t, page).Pools)
}

func TestAPoolIsShownOnce(t *testing.T) {
	page := livepage.New(livepage.Options{})
	p := newPool(t, page)
	defer p.Stop()
	page.Add(p, p)
	assert.Len(t, view(t, page).Pools, 1)
}

// A Describe that blocks keeps viewers, and nobody else.
func TestDescribeThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var page *livepage.Page
		page = livepage.New(livepage.Options{Describe: func(any) string {
			<-gate
			page.Add(nil)
			return strings.Repeat("long ", 1<<20)
		}})
		p := newPool(t, page)
		assert.NoError(t, p.TrySubmit(sleeps(time.Minute)))
		synctest.Wait()
		looked := make(chan livepage.View)
		go func() { looked <- view(t, page) }()
		synctest.Wait()
		page.Add(p)
		page.Remove(p)
		close(gate)
		assert.Len(t, []rune((<-looked).Pools[0].Running[0].Text), 200)
		p.Stop()
	})
}

// A pool keeps its history when another one is removed.
func TestPoolsHaveIDs(t *testing.T) {
	page := livepage.New(livepage.Options{})
	first, second := newPool(t, page), newPool(t, page)
	defer first.Stop()
	defer second.Stop()
	id := view(t, page).Pools[1].ID
	page.Remove(first)
	v := view(t, page)
	require.Len(t, v.Pools, 1)
	assert.Equal(t, id, v.Pools[0].ID)
	assert.GreaterOrEqual(t, len(v.Pools[0].History), 3)
}

// What guards the page may ask for parameters of its own.
func TestOtherParametersStay(t *testing.T) {
	html := get(livepage.New(livepage.Options{}), "GET", "/?token=s%22e%26c", "text/html").Body.String()
	assert.Contains(t, html, `src="?asset=page.js&amp;token=s%22e%26c"`)
	assert.Contains(t, html, `href="?format=json&amp;token=s%22e%26c"`)
}

func TestNoEventsAfterClose(t *testing.T) {
	page := livepage.New(livepage.Options{})
	page.Close()
	page.Close()
	assert.Equal(t, http.StatusNoContent, get(page, "GET", "/?format=events", "").Code)
	assert.Equal(t, http.StatusOK, get(page, "GET", "/", "").Code)
}
