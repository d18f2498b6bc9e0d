package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// graph is what our own site consists of: which pages there are, and which links are on
// them. All of it follows from its fields, so nothing of it is kept.
//
// Nine tenths of the pages are a tree with links across, which makes cycles. One tenth is a
// chain, each page with the only link to the next. And there is one of each thing that a
// crawler stumbles over.
type graph struct {
	tree, chain int
	seed        uint64
	host        string // of the site
	other       string // another host, which is not to be crawled
}

func newGraph(pages int, seed uint64, host, other string) graph {
	return graph{tree: pages - pages/10, chain: pages / 10, seed: seed, host: host, other: other}
}

// link is a link on a page.
type link struct {
	to   string // the path of a page; empty when it is none of this site
	href string // how the link is written
}

// answer is what the site answers to a request.
type answer struct {
	status      int
	contentType string
	links       []link // where it is a redirect, the only one is where to
	endless     bool   // the page goes on for as long as somebody reads
}

// home is the path of the page where a crawl begins.
const home = "/"

// answer returns what the site answers to a request for uri, a path and a query.
func (g graph) answer(uri string) answer {
	switch uri {
	case home:
		return htmlPage(g.index()...)
	case "/find?in=tree&q=a+b":
		return htmlPage(g.to(uri, "/tree/1"))
	case "/away":
		return redirectTo(g.away("/from/redirect"))
	case "/circle/a":
		return redirectTo(plain("/circle/b"))
	case "/circle/b":
		return redirectTo(plain("/circle/a"))
	case "/endless":
		a := htmlPage(plain(home))
		a.endless = true
		return a
	case "/error":
		return answer{status: http.StatusInternalServerError}
	case "/notes.txt":
		return answer{status: http.StatusOK, contentType: "text/plain", links: []link{plain("/trap/text")}}
	}
	kind, number, _ := strings.Cut(uri[1:], "/")
	i, err := strconv.Atoi(number)
	switch {
	case err != nil || i < 0:
	case kind == "tree" && i < g.tree:
		return htmlPage(g.treeLinks(uri, i)...)
	case kind == "chain" && i < g.chain-1:
		return htmlPage(g.to(uri, fmt.Sprintf("/chain/%d", i+1)))
	case kind == "chain" && i == g.chain-1, kind == "orphan", kind == "private":
		return htmlPage(g.to(uri, home))
	case kind == "moved":
		return redirectTo(g.to(uri, fmt.Sprintf("/tree/%d", i%g.tree)))
	}
	return answer{status: http.StatusNotFound}
}

func htmlPage(links ...link) answer {
	return answer{status: http.StatusOK, contentType: "text/html; charset=utf-8", links: links}
}

func redirectTo(l link) answer {
	return answer{status: http.StatusMovedPermanently, links: []link{l}}
}

// index returns the links of the start page.
func (g graph) index() []link {
	links := []link{
		g.to(home, "/tree/0"),
		plain("/find?in=tree&q=a+b"), plain("/away"), plain("/circle/a"), plain("/endless"),
		plain("/error"), plain("/notes.txt"), plain("/private/0"),
		{href: "mailto:webmaster@" + g.host},
		{href: "javascript:history.back()"},
	}
	if g.chain > 0 {
		links = append(links, g.to(home, "/chain/0"))
	}
	return links
}

// treeLinks returns the links of page i of the tree.
func (g graph) treeLinks(uri string, i int) []link {
	var links []link
	for child := 3*i + 1; child <= 3*i+3 && child < g.tree; child++ {
		links = append(links, g.to(uri, fmt.Sprintf("/tree/%d", child)))
	}
	r := g.random(uri)
	for range 3 {
		links = append(links, g.to(uri, fmt.Sprintf("/tree/%d", r.IntN(g.tree))))
	}
	if i%7 == 0 {
		links = append(links, g.to(uri, uri), link{uri, "#here"})
	}
	if i%23 == 0 {
		links = append(links, g.to(uri, fmt.Sprintf("/moved/%d", i+1)))
	}
	if i%31 == 0 {
		links = append(links, g.away(uri))
	}
	if i%97 == 0 {
		links = append(links, plain(fmt.Sprintf("/missing/%d", i%388))) // some on several pages
	}
	return links
}

// random returns numbers that are always the same for a page.
func (g graph) random(uri string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(uri)) // it has no errors
	return rand.New(rand.NewPCG(g.seed, h.Sum64()))
}

func plain(to string) link { return link{to, to} }

func (g graph) away(path string) link { return link{href: "http://" + g.other + path} }

// to returns a link from one page to another, written in one of the many ways.
func (g graph) to(from, to string) link {
	if to == home {
		return plain(to)
	}
	ways := []string{
		to,
		to + "#part-2",
		to + "?",
		" " + to + "\n",
		"/." + to,
		"/elsewhere/.." + to,
		"//" + g.host + to,
		"HTTP://" + g.host + to,
		"http://somebody@" + g.host + to,
		fmt.Sprintf("/%%%02x%s", to[1:2], to[2:]),
	}
	if strings.Count(from, "/") == 2 {
		ways = append(ways, ".."+to)
	}
	return link{to, ways[g.random(from+" "+to).IntN(len(ways))]}
}

// reachable returns the status of every page that can be reached from the start without
// breaking the rules of robots.txt.
func (g graph) reachable() map[string]int {
	found := map[string]int{home: 0}
	for queue := []string{home}; len(queue) > 0; queue = queue[1:] {
		a := g.answer(queue[0])
		found[queue[0]] = a.status
		if a.status >= 400 || a.status == http.StatusOK && !strings.HasPrefix(a.contentType, "text/html") {
			continue
		}
		for _, l := range a.links {
			if _, old := found[l.to]; !old && l.to != "" && !strings.HasPrefix(l.to, "/private/") {
				found[l.to] = 0
				queue = append(queue, l.to)
			}
		}
	}
	return found
}
