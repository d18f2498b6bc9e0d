package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

// survey crawls the site that the flags say, and reports on it.
func (c config) survey(ctx context.Context, stdout io.Writer, p progress) (report, error) {
	if c.start != nil {
		cli.Printf(stdout, "The site is %s.\n%s", c.start, c.intro())
		return c.surveyFrom(ctx, c.start, p)
	}
	own, err := serveSite(c.pages, c.seed, c.latency)
	if err != nil {
		return report{}, err
	}
	defer own.close()
	cli.Printf(stdout, "The site is our own, %s, of some %s.\n%s", own.home, cli.Plural(c.pages, "page"), c.intro())
	r, err := c.surveyFrom(ctx, own.home, p)
	if err == nil {
		v := own.check(c.perHost, r)
		r.site = &v
	}
	return r, err
}

// intro says how the site is going to be crawled.
func (c config) intro() string {
	return fmt.Sprintf("%s, a queue of %d; for each host no more than %s at once, at least %v apart.\n",
		cli.Plural(c.workers, "worker"), c.buffer, cli.Plural(c.perHost, "request"), c.delay)
}

// surveyFrom crawls from start.
func (c config) surveyFrom(ctx context.Context, start *url.URL, p progress) (report, error) {
	client := newClient(c.perHost)
	defer client.CloseIdleConnections()
	hosts, err := c.meetHosts(ctx, client, start)
	if err != nil {
		return report{}, err
	}
	f := &fetcher{client: client, hosts: hosts, seen: newSeen(c.maxPages), maxBody: int64(c.maxBody)}
	t := &tally{}
	first, ok := f.sift(&t.total, start)
	if !ok {
		return report{}, fmt.Errorf("%s: its robots.txt forbids it", start)
	}
	cr := newCrawler(c, f.get, f.seen)
	p.begin = time.Now()
	if err := cr.run(ctx, first, t, p); err != nil {
		return report{}, err
	}
	p.finish(t, f.seen.len())
	r := newReport(cr, t, hosts)
	r.wall, r.interrupted = time.Since(p.begin), ctx.Err() != nil
	return r, nil
}

// meetHosts prepares all hosts that are crawled, and asks them for their rules.
func (c config) meetHosts(ctx context.Context, client *http.Client, start *url.URL) (map[string]*host, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	hosts := make(map[string]*host)
	for _, name := range append([]string{start.Host}, c.hosts...) {
		root := &url.URL{Scheme: start.Scheme, Host: name}
		h := newHost(c.perHost, c.delay)
		var err error
		if h.rules, err = readRobots(ctx, client, h, root); err != nil {
			return nil, err
		}
		hosts[hostKey(root)] = h
	}
	return hosts, nil
}
