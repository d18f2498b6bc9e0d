package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/examples/internal/built"
	"github.com/boundedgo/workerpool/natspool"
)

func TestFlags(t *testing.T) {
	for args, text := range map[string]string{
		"-jobs 0":    "-jobs 0: must be from 1",
		"-lease 1ms": "-lease 1ms: must be from 1s",
		"-work -1s":  "-work -1s: must be from 0",
		"x":          `unexpected argument "x"`,
	} {
		var b bytes.Buffer
		_, err := parse(strings.Fields(args), &b)
		assert.Error(t, err)
		assert.Contains(t, b.String(), text)
	}
}

func TestTallySeesWhatIsWrong(t *testing.T) {
	deliver := func(job, value int) *natspool.Delivery[int, int] {
		d := &natspool.Delivery[int, int]{Worker: "w"}
		d.Job, d.Value = job, value
		return d
	}
	count := func(all ...*natspool.Delivery[int, int]) *tally {
		c := &tally{jobs: 2, seen: map[int]int{}, by: map[string]int{}, last: time.Now()}
		for _, d := range all {
			c.take(d)
		}
		return c
	}
	require.NoError(t, count(deliver(2, 4), deliver(3, 9)).verdict())
	assert.ErrorContains(t, count(deliver(2, 4)).verdict(), "1 results missing, 0 seen twice, 0 wrong")
	assert.ErrorContains(t, count(deliver(2, 4), deliver(3, 9), deliver(3, 9)).verdict(), "0 results missing, 1 seen twice, 0 wrong")
	assert.ErrorContains(t, count(deliver(2, 5), deliver(3, 9)).verdict(), "1 wrong")
}

var binary built.Program

func TestMain(m *testing.M) {
	code := m.Run()
	binary.Remove()
	os.Exit(code)
}

func TestAWorkerIsKilledAndNothingIsLost(t *testing.T) {
	path, err := binary.Path()
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), path, "-jobs", "400", "-lease", "1s").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "kill -9  worker ")
	assert.Contains(t, string(out), "400 jobs, 400 results: 0 missing, 0 seen twice, 0 wrong\n")
	assert.Equal(t, 2, strings.Count(string(out), " by "), "%s", out)
}
