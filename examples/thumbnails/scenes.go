package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// share has three clients at once.
func (s *show) share() {
	all := make([]string, len(allSamples))
	for i, sample := range allSamples {
		all[i] = sample.name
	}
	var clients sync.WaitGroup
	clients.Go(func() { s.visit("ann", all...) })
	clients.Go(func() { s.visit("bob", "chart.png", "slow.jpeg", "photo.jpeg", "badge.gif") })
	clients.Go(func() { s.visit("cat", "logo.png", "slow.jpeg", "tall.jpeg") })
	clients.Wait()
}

// leave has a client that goes away when some of its pictures are being fetched.
func (s *show) leave() {
	const lines, busy = 2, 2
	names := []string{"photo.jpeg", "badge.gif", held, held, held, held, held, held}
	var others sync.WaitGroup
	others.Go(func() { s.visit("ed", "photo.jpeg", "slow.jpeg", "slow.jpeg", "logo.png", "chart.png") })
	n := 0
	_, err := ask(s.ctx, s.http, s.server.url, s.urls("dora", names), func(l line) error {
		s.show("dora", l)
		if n++; n < lines {
			return nil
		}
		s.await("some of dora's pictures are being fetched", func() bool { return s.samples.asked("dora").begun >= lines+busy })
		return errEnough
	})
	s.check(errors.Is(err, errEnough), "dora got no %d lines: %v", lines, err)
	s.say("dora", "goes away")
	s.await("nobody fetches for dora any more", s.doraHasLeft)
	a := s.samples.asked("dora")
	s.say("dora", "of the other %d, %d were being fetched and are cancelled, %d never began", len(names)-lines, a.cancelled, len(names)-a.begun)
	s.check(a.cancelled >= busy && a.complete == lines, "of dora's pictures %d were cancelled and %d came", a.cancelled, a.complete)
	others.Wait()
	s.check(s.samples.asked("ed").cancelled == 0, "%d of ed's pictures were cancelled", s.samples.asked("ed").cancelled)
}

// doraHasLeft reports whether the server has seen that, and nothing is fetched for her.
func (s *show) doraHasLeft() bool {
	requests, _ := s.server.tally.counts()
	return requests[left] == 1 && s.samples.asked("dora").open() == 0
}

// fill fills the pool, so that it has no place for one more client.
func (s *show) fill() {
	pool, c := s.server.pool, s.server.config
	s.await("the pool is idle", func() bool { return pool.Stats().Busy == 0 && pool.Stats().Queued == 0 })
	var crowd sync.WaitGroup
	join := func(n int) {
		for range n {
			crowd.Go(func() { s.quietVisit("crowd", held) })
		}
	}
	join(c.workers)
	s.await("all workers are busy", func() bool { return pool.Stats().Busy == c.workers })
	join(c.buffer)
	s.await("the queue is full", func() bool { return pool.Stats().Queued == c.buffer })
	s.say("crowd", "%d clients wait: %d pictures are being fetched, %d are in the queue", c.workers+c.buffer, pool.Stats().Busy, pool.Stats().Queued)

	a, err := ask(s.ctx, s.http, s.server.url, s.urls("fay", []string{"photo.jpeg"}), nil)
	s.checkRefusal("fay", "full", a, err)
	s.samples.release("crowd")
	crowd.Wait()
	s.say("crowd", "all have their picture")
	seconds, err := strconv.Atoi(a.retry)
	s.check(err == nil, "fay was not told when to come again: %v", err)
	until(s.ctx, time.After(time.Duration(seconds)*time.Second))
	s.visit("fay", "photo.jpeg")
}

// drain has the server end while a client waits.
func (s *show) drain() {
	const waiting = 3
	var clients sync.WaitGroup
	clients.Go(func() { s.visit("gil", "photo.jpeg", held, held, held, "chart.png") })
	s.await("gil's pictures are being fetched", func() bool { return s.samples.asked("gil").begun >= 1+waiting })
	s.signals <- syscall.SIGTERM
	s.await("the server is shutting down", s.server.entrance.isClosed)
	s.say("", "the server is shutting down")
	a, err := ask(s.ctx, s.http, s.server.url, s.urls("hal", []string{"photo.jpeg"}), nil)
	s.checkRefusal("hal", "closing", a, err)
	s.samples.release("gil")
	clients.Wait()
	if until(s.ctx, s.ended) {
		s.say("", "the server has ended")
		s.check(s.err == nil, "the server has ended with: %v", s.err)
		s.checkCounts()
	}
}

// checkCounts compares what the server, the pool and the origin have counted.
func (s *show) checkCounts() {
	p := s.server.pool.Stats()
	s.check(p.Busy == 0 && p.Queued == 0 && p.Accepted == p.Completed+p.NotRun, "the pool has lost something: %+v", p)
	requests, lines := s.server.tally.counts()
	s.check(requests[answered] == s.requests, "the server has answered %d requests, and %d were", requests[answered], s.requests)
	n := lines[kindInterrupted] + lines[kindNotRun]
	s.check(n == 0, "%d pictures were cut off by the drain", n)
	o := s.samples.total()
	s.check(o.cancelled == s.samples.asked("dora").cancelled, "%d pictures were cancelled that were not dora's", o.cancelled-s.samples.asked("dora").cancelled)
}

// urls returns the URLs of samples for somebody.
func (s *show) urls(who string, names []string) []string {
	urls := make([]string, len(names))
	for i, name := range names {
		urls[i] = s.samples.url(name, who)
	}
	return urls
}

// visit asks for samples, shows the lines as they come, and checks them.
func (s *show) visit(who string, names ...string) {
	s.checkedVisit(who, names, func(l line) { s.show(who, l) })
}

func (s *show) quietVisit(who string, names ...string) {
	s.checkedVisit(who, names, func(line) { s.count() })
}

func (s *show) checkedVisit(who string, names []string, each func(line)) {
	a, err := ask(s.ctx, s.http, s.server.url, s.urls(who, names), func(l line) error {
		each(l)
		return nil
	})
	if err != nil || a.status != http.StatusOK {
		s.check(false, "%s got status %d: %v", who, a.status, err)
		return
	}
	s.mu.Lock()
	s.requests++
	s.mu.Unlock()
	s.check(len(a.lines) == len(names), "%s got %d lines for %d pictures", who, len(a.lines), len(names))
	seen := make(map[int]bool)
	for _, l := range a.lines {
		if seen[l.Index] || l.Index < 0 || l.Index >= len(names) {
			s.check(false, "%s got index %d twice, or too many", who, l.Index)
			continue
		}
		seen[l.Index] = true
		s.check(sampleNamed(names[l.Index]).matches(l), "%s got for %s: %d x %d, %s, %s %s", who, names[l.Index], l.Width, l.Height, l.Type, l.Kind, l.Error)
	}
}

func (s *show) checkRefusal(who, kind string, a answer, err error) {
	s.say(who, "%d %s, Retry-After: %s: %s", a.status, http.StatusText(a.status), a.retry, a.problem.Error)
	s.check(err == nil && a.status == http.StatusServiceUnavailable && a.problem.Kind == kind && a.retry != "",
		"%s got status %d, %s, and not 503, %s, with Retry-After: %v", who, a.status, a.problem.Kind, kind, err)
}

// show shows a line.
func (s *show) show(who string, l line) {
	s.count()
	name := l.URL
	if u, err := url.Parse(l.URL); err == nil {
		name = u.Path[1:]
	}
	what := fmt.Sprintf("%s: %s", l.Kind, l.Error)
	if l.Kind == "" {
		what = fmt.Sprintf("%d x %d, %s of %d bytes", l.Width, l.Height, l.Type, len(l.Data))
	}
	s.say(who, "%2d  %-13s %s", l.Index, name, what)
}

func (s *show) count() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines++
}
