package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// line is what a client gets for a picture.
type line struct {
	Index  int    `json:"index"`
	URL    string `json:"url"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	Type   string `json:"type,omitempty"`
	Data   []byte `json:"data,omitempty"` // in base64
	Kind   kind   `json:"kind,omitempty"`
	Error  string `json:"error,omitempty"`
}

func newLine(r result) line {
	l := line{Index: r.Job.index, URL: r.Job.url}
	if f := failureOf(r); f != nil {
		l.Kind, l.Error = f.kind, f.text
		return l
	}
	t := r.Value
	l.Width, l.Height, l.Type, l.Data = t.width, t.height, t.mime, t.data
	return l
}

// lines writes lines to a client, each at once.
type lines struct {
	conn *http.ResponseController
	json *json.Encoder
	time time.Duration // that writing one may take
}

func newLines(w http.ResponseWriter, limit time.Duration) *lines {
	l := &lines{http.NewResponseController(w), json.NewEncoder(w), limit}
	l.json.SetEscapeHTML(false) // many a URL has an &
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return l
}

// write writes a line. An error says that the client has left, or is too slow.
func (l *lines) write(v line) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.time)); err != nil {
		return err
	}
	if err := l.json.Encode(v); err != nil {
		return err
	}
	return l.conn.Flush()
}

// problem is why a request gets no lines.
type problem struct {
	status int
	retry  bool
	Kind   string `json:"kind"`
	Error  string `json:"error"`
}

func refuse(status int, kind, format string, args ...any) *problem {
	return &problem{status: status, Kind: kind, Error: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, "bad-request", format, args...)
}

// unavailable is for a request that may come again.
func unavailable(kind, text string) *problem {
	return &problem{http.StatusServiceUnavailable, true, kind, text}
}

// retryAfter is when, in seconds. By then some of what fills the pool is finished.
const retryAfter = "1"

// write writes p. Nobody is there to be told of an error.
func (p *problem) write(w http.ResponseWriter) {
	if p.retry {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(p)
}
