package stacks_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/boundedgo/workerpool/internal/stacks"
)

func waits(started chan<- uint64, end <-chan struct{}) {
	started <- number()
	<-end
}

func number() uint64 {
	var buf [32]byte
	n, _ := strconv.ParseUint(strings.Fields(string(buf[:runtime.Stack(buf[:], false)]))[1], 10, 64)
	return n
}

func TestOf(t *testing.T) {
	started, end := make(chan uint64), make(chan struct{})
	defer close(end)
	go waits(started, end)
	n := <-started
	for range 2000 { // more than fits in the first buffer
		go waits(started, end)
		<-started
	}
	found := stacks.Of(n, number(), 1<<60)
	assert.Len(t, found, 2)
	assert.Contains(t, found[n], "stacks_test.waits")
	assert.Contains(t, found[number()], "stacks_test.TestOf")
	assert.NotContains(t, found[n], "TestOf(")
	assert.Nil(t, stacks.Of())
}
