package main

import (
	"errors"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"

	"github.com/boundedgo/workerpool"
)

// service makes the thumbnails that requests ask for.
type service struct {
	config   config
	maker    *maker
	pool     *thumbnailPool
	log      *log.Logger
	tally    tally
	entrance *entrance // closed when the service ends, while the pool is open for the requests in flight

	writeTime time.Duration // how long a client may take to read a line; it is in memory until then
}

// newLog makes what concurrent requests may write to.
func newLog(to io.Writer) *log.Logger { return log.New(to, "thumbnails: ", log.Lmsgprefix) }

// newService makes a service. Its pool has to be ended.
func newService(c config, log *log.Logger) (*service, error) {
	allowed, err := newAllowList(c.hosts)
	if err != nil {
		return nil, err
	}
	m := &maker{client: newClient(c, allowed), formats: allFormats(), size: c.size, maxPixels: c.maxPixels}
	pool, err := newPool(c, m)
	if err != nil {
		return nil, err
	}
	return &service{
		config: c, maker: m, pool: pool, log: log, entrance: newEntrance(),
		writeTime: 30 * time.Second,
	}, nil
}

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /thumbnails", s.thumbnails)
	mux.HandleFunc("/thumbnails", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", http.MethodPost)
		refuse(http.StatusMethodNotAllowed, "method", "the method must be POST, not %s", cli.Short(r.Method)).write(w)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(http.StatusNotFound, "not-found", "there is nothing at %s: POST to /thumbnails", cli.Short(r.URL.Path)).write(w)
	})
	return mux
}

func (s *service) thumbnails(w http.ResponseWriter, r *http.Request) {
	if !s.entrance.enter() {
		w.Header().Set("Connection", "close") // for its next request it had better ask for another server
		s.refuse(w, unavailable("closing", "the server is shutting down"))
		return
	}
	defer s.entrance.leave()
	pictures, p := readPictures(w, r, s.config)
	if p != nil {
		s.refuse(w, p)
		return
	}
	out := newLines(w, s.writeTime)
	err := makeAll(r.Context(), s.pool, pictures, func(r result) error {
		s.logPanic(r)
		l := newLine(r)
		err := out.write(l)
		if err == nil {
			s.tally.line(l.Kind)
		}
		return err
	})
	switch {
	case err == nil:
		s.tally.request(answered)
	case r.Context().Err() == nil && errors.Is(err, workerpool.ErrFull):
		s.refuse(w, unavailable("full", "all workers are busy, and no place in the queue is free"))
	case r.Context().Err() == nil && refused(err):
		s.refuse(w, unavailable("closing", "the server is shutting down"))
	default:
		s.tally.request(left)
	}
}

func (s *service) refuse(w http.ResponseWriter, p *problem) {
	s.tally.request(turnedAway)
	p.write(w)
}

// logPanic tells who runs the server what the client is not told.
func (s *service) logPanic(r result) {
	if e, ok := errors.AsType[*workerpool.PanicError](r.Err); ok {
		s.log.Printf("picture %q: %v\n%s", r.Job.url, e, e.Stack)
	}
}
