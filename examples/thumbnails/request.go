package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// maxURL is how many bytes a URL may have. What is longer is no URL of a picture.
const maxURL = 2048

// readPictures returns the pictures that a request wants, or what is wrong with it.
func readPictures(w http.ResponseWriter, r *http.Request, c config) ([]picture, *problem) {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
		// It also keeps pages of other sites from posting here with somebody's browser.
		return nil, refuse(http.StatusUnsupportedMediaType, "media-type", "the Content-Type must be application/json, not %q", cli.Short(r.Header.Get("Content-Type")))
	}
	body, p := readBody(w, r, c.maxBody)
	if p != nil {
		return nil, p
	}
	return parsePictures(body, c.maxURLs)
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *problem) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return body, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refuse(http.StatusRequestEntityTooLarge, "too-large", "the body has more than %d bytes", limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, refuse(http.StatusRequestTimeout, "timeout", "the body did not come in time")
	}
	return nil, badRequest("the body did not come to its end")
}

func parsePictures(body []byte, maxURLs int) ([]picture, *problem) {
	var elements []json.RawMessage
	err := json.Unmarshal(body, &elements)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil, badRequest("the body must be an array of URLs, not %s", e.Value)
	}
	switch {
	case len(body) == 0:
		return nil, badRequest("the body is empty: it must be a JSON array of URLs")
	case err != nil:
		return nil, badRequest("the body must be a JSON array of URLs: %v", err)
	case len(elements) == 0:
		return nil, badRequest("the body must be an array of at least one URL")
	case len(elements) > maxURLs:
		return nil, refuse(http.StatusRequestEntityTooLarge, "too-many-urls", "%d URLs are more than the %d of a request", len(elements), maxURLs)
	}
	pictures := make([]picture, len(elements))
	for i, e := range elements {
		if e[0] != '"' || json.Unmarshal(e, &pictures[i].url) != nil {
			return nil, badRequest("element %d must be a string, not %s", i, cli.Short(string(e)))
		}
		if n := len(pictures[i].url); n > maxURL {
			return nil, badRequest("element %d has %d bytes, more than the %d of a URL", i, n, maxURL)
		}
		pictures[i].index = i
	}
	return pictures, nil
}
