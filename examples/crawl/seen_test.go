package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSeen_TheBound(t *testing.T) {
	s := newSeen(2)
	assert.Equal(t, isNew, s.add("a"))
	assert.Equal(t, isOld, s.add("a"))
	assert.Equal(t, isNew, s.add("b"))
	assert.Equal(t, isMore, s.add("c"))
	assert.Equal(t, isMore, s.add("c"), "what is not in the set is not remembered")
	assert.Equal(t, isOld, s.add("b"))
	assert.Equal(t, 2, s.len())
}

func TestSeen_OfManyWhoFindAPageOneIsTheFirst(t *testing.T) {
	const pages = 500
	s := newSeen(pages)
	var first atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range pages {
				if s.add(fmt.Sprint(i)) == isNew {
					first.Add(1)
				}
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, pages, first.Load())
	assert.Equal(t, pages, s.len())
}
