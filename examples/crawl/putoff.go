package main

import "sync"

// putOff holds pages that are submitted later. It needs no bound of its own: a page is
// found once, so it never holds more than -max-pages.
type putOff struct {
	mu    sync.Mutex
	pages []page
}

func (l *putOff) put(p page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages = append(l.pages, p)
}

// take empties the list.
func (l *putOff) take() []page {
	l.mu.Lock()
	defer l.mu.Unlock()
	pages := l.pages
	l.pages = nil
	return pages
}
