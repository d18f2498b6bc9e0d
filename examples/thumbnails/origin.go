package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// origin serves the samples, and counts who asks for what: each of its URLs may name
// somebody for whom it is.
type origin struct {
	host  string
	files map[string][]byte
	slow  time.Duration

	server *http.Server
	cancel context.CancelFunc // ends the contexts of the requests
	served sync.WaitGroup

	mu       sync.Mutex
	visitors map[string]*visitor // whom url has named; all others are ""
}

// visitor is somebody for whom pictures are asked for.
type visitor struct {
	asked
	gate chan struct{} // closed when what is held is released
	once sync.Once
}

// asked is what was asked for somebody.
type asked struct {
	begun     int
	cancelled int // nobody waited for the answer
	complete  int
}

func (a asked) open() int { return a.begun - a.cancelled - a.complete }

// startOrigin starts an origin. It has to be closed.
func startOrigin(addr string, slow time.Duration) (*origin, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &origin{
		host:     listener.Addr().String(),
		files:    sampleFiles(),
		slow:     slow,
		cancel:   cancel,
		visitors: make(map[string]*visitor),
	}
	o.admit("")
	o.server = &http.Server{
		Handler:           o,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	o.served.Go(func() { _ = o.server.Serve(listener) }) // its error says only that close was called
	return o, nil
}

// close ends the origin, and what it is still serving.
func (o *origin) close() {
	o.cancel()
	_ = o.server.Close()
	o.served.Wait()
}

// url returns the URL of a sample for somebody.
func (o *origin) url(name, whose string) string {
	u := url.URL{Scheme: "http", Host: o.host, Path: "/" + name}
	if whose != "" {
		o.admit(whose)
		u.RawQuery = url.Values{"for": {whose}}.Encode()
	}
	return u.String()
}

// ServeHTTP implements http.Handler.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	whose := r.FormValue("for")
	o.note(whose, func(a *asked) { a.begun++ })
	if o.serve(w, r, whose) {
		o.note(whose, func(a *asked) { a.complete++ })
	} else {
		o.note(whose, func(a *asked) { a.cancelled++ })
	}
}

// serve answers a request, and reports whether the client has waited for that.
func (o *origin) serve(w http.ResponseWriter, r *http.Request, whose string) bool {
	name := r.URL.Path[1:]
	switch name {
	case "away.jpeg": // where some clouds hand out credentials
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	case "large.jpeg":
		o.serveEndless(w)
	case "slow.jpeg":
		if !until(r.Context(), time.After(o.slow)) {
			return false
		}
		_, _ = w.Write(o.files[name])
	case held:
		if !until(r.Context(), o.visitor(whose).gate) {
			return false
		}
		_, _ = w.Write(o.files[name])
	default:
		file, ok := o.files[name]
		if !ok {
			http.NotFound(w, r)
			return true
		}
		_, _ = w.Write(file)
	}
	return true
}

// until waits for what, and reports whether it came before ctx ended.
func until[T any](ctx context.Context, what <-chan T) bool {
	select {
	case <-what:
		return true
	case <-ctx.Done():
		return false
	}
}

// serveEndless sends a picture for as long as somebody reads it.
func (o *origin) serveEndless(w http.ResponseWriter) {
	for more := o.files["photo.jpeg"]; ; {
		if _, err := w.Write(more); err != nil {
			return
		}
	}
}

func (o *origin) admit(whose string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.visitors[whose] == nil {
		o.visitors[whose] = &visitor{gate: make(chan struct{})}
	}
}

func (o *origin) visitor(whose string) *visitor {
	o.mu.Lock()
	defer o.mu.Unlock()
	if v, ok := o.visitors[whose]; ok {
		return v
	}
	return o.visitors[""]
}

func (o *origin) note(whose string, change func(*asked)) {
	v := o.visitor(whose)
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&v.asked)
}

// asked returns what was asked for somebody.
func (o *origin) asked(whose string) asked {
	v := o.visitor(whose)
	o.mu.Lock()
	defer o.mu.Unlock()
	return v.asked
}

// total returns what was asked for all together.
func (o *origin) total() (sum asked) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, v := range o.visitors {
		sum.begun += v.begun
		sum.cancelled += v.cancelled
		sum.complete += v.complete
	}
	return sum
}

// release releases what is held for somebody, for good.
func (o *origin) release(whose string) {
	o.admit(whose)
	v := o.visitor(whose)
	v.once.Do(func() { close(v.gate) })
}
