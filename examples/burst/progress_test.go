package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func noCounts() counts { return counts{} }

// lineWriter hands over every line that is written.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

func TestLines_PrintsWhileItWaits(t *testing.T) {
	out := make(lineWriter)
	l := newLines(out, "pool", 20, func() counts { return counts{total: 7, rejected: 5} }, time.Millisecond)
	assert.Contains(t, <-out, " 0/20 ")
	l.increment()
	var line string
	for range 3 { // the first may have been on its way before the increment
		line = <-out
	}
	assert.Contains(t, line, " 1/20 ")
	assert.Contains(t, line, ", 7 sent, 5 rejected\n")
	go func() {
		defer close(out)
		l.finish()
	}()
	for line = range out {
		assert.Contains(t, line, " 1/20 ")
	}
}

func TestBar_DrawsOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := screen{out: &out, live: true}.progress("pool", 3, noCounts)
	for range 3 {
		p.increment()
	}
	p.finish()
	assert.Contains(t, out.String(), "3/3 [====")
	assert.Contains(t, out.String(), "0 sent, 0 rejected")
}

func TestBar_EndsWhenTheRunIsCutShort(t *testing.T) {
	var out bytes.Buffer
	p := screen{out: &out, live: true}.progress("pool", 3, noCounts)
	p.increment()
	p.finish()
	assert.Contains(t, out.String(), "1/3 [")
}
