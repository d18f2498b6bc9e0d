package main

import (
	"crypto/sha256"
	"sync"
)

// seen is the set of the URLs that were found. It has a bound, so that a site without
// end takes no memory without end.
//
// It holds 16 bytes of a hash instead of the URL, which would be most of what the whole
// crawl takes. Two URLs of the same hash would lose a page, silently; with 128 bits
// that takes some 2^64 pages, and as the hash is SHA-256 nobody can make such two.
type seen struct {
	mu    sync.Mutex
	set   map[urlHash]struct{}
	bound int
}

type urlHash [16]byte

// The answers of seen.add.
const (
	isNew  = iota // nobody else is told so
	isOld         // was found before
	isMore        // new, but the set is full
)

func newSeen(bound int) *seen { return &seen{set: make(map[urlHash]struct{}), bound: bound} }

// add says what url is, and adds it if it is new. url has to be normalised.
func (s *seen) add(url string) int {
	sum := sha256.Sum256([]byte(url))
	hash := urlHash(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, old := s.set[hash]; old {
		return isOld
	}
	if len(s.set) == s.bound {
		return isMore
	}
	s.set[hash] = struct{}{}
	return isNew
}

func (s *seen) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.set)
}
