package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// request asks a site for a path, without a network.
func request(s *site, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}

func TestGraph_IsTheSameEachTime(t *testing.T) {
	one, same, other := newGraph(100, 1, "h", "o"), newGraph(100, 1, "h", "o"), newGraph(100, 2, "h", "o")
	assert.Equal(t, one.answer("/tree/7"), same.answer("/tree/7"))
	assert.NotEqual(t, one.answer("/tree/7"), other.answer("/tree/7"))
	assert.Equal(t, one.reachable(), same.reachable())
}

func TestGraph_HasOneOfEach(t *testing.T) {
	pages := newGraph(300, 1, "h", "o").reachable()
	statuses := make(map[int]int)
	for _, status := range pages {
		statuses[status]++
	}
	assert.Equal(t, 3, statuses[http.StatusNotFound])
	assert.Equal(t, 1, statuses[http.StatusInternalServerError])
	assert.Greater(t, statuses[http.StatusMovedPermanently], 3)
	assert.Contains(t, pages, "/tree/269")
	assert.Contains(t, pages, "/chain/29")
	for uri := range pages {
		assert.False(t, strings.HasPrefix(uri, "/private") || strings.HasPrefix(uri, "/orphan") || strings.HasPrefix(uri, "/trap"), uri)
	}
}

func TestSite_Serves(t *testing.T) {
	s := newSite(newGraph(50, 1, "example.com", "o"), 0)
	home := request(s, "/")
	assert.Equal(t, http.StatusOK, home.Code)
	assert.Contains(t, home.Body.String(), `<a class="link" href="/find?in=tree&amp;q=a+b">`)
	assert.Equal(t, http.StatusNotFound, request(s, "/missing/1").Code)
	assert.Equal(t, http.StatusInternalServerError, request(s, "/error").Code)
	assert.Equal(t, "http://o/from/redirect", request(s, "/away").Header().Get("Location"))
	assert.Equal(t, "text/plain", request(s, "/notes.txt").Header().Get("Content-Type"))
}

// The check is worth something only if it notices what is wrong.
func TestSite_Check(t *testing.T) {
	const pages = 20
	all := func(s *site) {
		for uri := range s.graph.reachable() {
			if uri != "/endless" {
				request(s, uri)
			}
		}
		s.enter("/endless") // it has no end without a client that leaves
		s.leave()
	}
	broken := make([]problem, 1)
	failed := make([]problem, 1)
	tests := map[string]struct {
		crawl  func(*site)
		report report
		want   string
	}{
		"all well":        {all, report{tally: &tally{broken: broken, failed: failed}}, ""},
		"nothing":         {func(*site) {}, report{tally: &tally{broken: broken, failed: failed}}, "30 pages never requested, such as /"},
		"interrupted":     {func(s *site) { request(s, "/") }, report{tally: &tally{}, interrupted: true}, ""},
		"stopped early":   {func(s *site) { request(s, "/") }, report{tally: &tally{total: fetched{beyond: 1}}}, ""},
		"twice":           {func(s *site) { all(s); request(s, "/%74ree/1") }, report{tally: &tally{broken: broken, failed: failed}}, "1 page requested more than once, such as /tree/1"},
		"a trap":          {func(s *site) { all(s); request(s, "/trap/text") }, report{tally: &tally{broken: broken, failed: failed}}, "such as /trap/text"},
		"a private page":  {func(s *site) { all(s); request(s, "/private/0") }, report{tally: &tally{broken: broken, failed: failed}}, "such as /private/0"},
		"another host":    {func(s *site) { all(s); request(s, "http://o/x") }, report{tally: &tally{broken: broken, failed: failed}}, "1 requests to the other host instead of 0"},
		"not reported":    {all, report{tally: &tally{failed: failed}}, "0 broken links reported instead of 1"},
		"wrongly failed":  {all, report{tally: &tally{broken: broken, failed: make([]problem, 2)}}, "2 pages reported as failed instead of 1"},
		"too many a time": {func(s *site) { all(s); s.enter("/"); s.enter("/"); s.enter("/") }, report{tally: &tally{broken: broken, failed: failed}}, "3 requests at once"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(newGraph(pages, 1, "example.com", "o"), 0)
			tt.crawl(s)
			v := s.check(2, tt.report)
			if tt.want == "" {
				assert.Empty(t, v.wrong)
				assert.Contains(t, v.String(), "and agrees: ")
				return
			}
			require.NotEmpty(t, v.wrong)
			assert.Contains(t, v.String(), "WRONG: ")
			assert.Contains(t, v.String(), tt.want)
			tt.report.site = &v
			assert.False(t, tt.report.ok())
		})
	}
}
