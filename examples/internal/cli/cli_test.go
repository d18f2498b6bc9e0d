package cli

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestComplainHasALineForEachError(t *testing.T) {
	var b bytes.Buffer
	Complain(&b, "burst", errors.Join(errors.New("one"), errors.New("two")))
	assert.Equal(t, "burst: one\nburst: two\n", b.String())
}

func TestPlural(t *testing.T) {
	assert.Equal(t, "0 jobs", Plural(0, "job"))
	assert.Equal(t, "1 job", Plural(1, "job"))
	assert.Equal(t, "2 jobs", Plural(2, "job"))
}

func TestSeconds(t *testing.T) {
	assert.Equal(t, "40 ms", Seconds(40*time.Millisecond))
	assert.Equal(t, "1.50 s", Seconds(1500*time.Millisecond))
}

func TestIsTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer func() { assert.NoError(t, file.Close()) }()
	assert.False(t, IsTerminal(file))
	assert.False(t, IsTerminal(new(bytes.Buffer)))
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		stop := Every(time.Second, func() { calls++ })
		time.Sleep(3500 * time.Millisecond)
		stop()
		assert.Equal(t, 3, calls)
		time.Sleep(time.Minute)
		assert.Equal(t, 3, calls)
	})
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{"-h"}, 0, "the flags", ""},
		{[]string{"-n=x"}, ExitUsage, "", "burst: invalid value \"x\" for flag -n: parse error\nburst -h lists the flags.\n"},
		{[]string{"-no"}, ExitUsage, "", "burst: flag provided but not defined: -no\nburst -h lists the flags.\n"},
	} {
		fs := flag.NewFlagSet("burst", flag.ContinueOnError)
		fs.Int("n", 0, "")
		var stdout, stderr bytes.Buffer
		err := Parse(fs, c.args, &stdout, func(fs *flag.FlagSet) { Printf(fs.Output(), "the flags") })
		assert.Equal(t, c.status, FlagStatus(&stderr, "burst", err))
		assert.Equal(t, c.stdout, stdout.String())
		assert.Equal(t, c.stderr, stderr.String())
	}
	fs := flag.NewFlagSet("burst", flag.ContinueOnError)
	fs.Int("n", 0, "")
	fs.Int("m", 0, "")
	require.NoError(t, Parse(fs, []string{"-n=0"}, io.Discard, nil))
	assert.Equal(t, map[string]bool{"n": true}, Given(fs))
}

func TestCheck(t *testing.T) {
	assert.NoError(t, Check(true, "-n %d: must be at least 1", 1))
	assert.EqualError(t, Check(false, "-n %d: must be at least 1", 0), "-n 0: must be at least 1")
}

func TestShortKeepsCharactersWhole(t *testing.T) {
	for n := range 4 {
		s := Short(strings.Repeat("a", n) + strings.Repeat("é", MaxText))
		assert.True(t, utf8.ValidString(s), n)
		assert.LessOrEqual(t, len(s), MaxText+len("…"))
	}
}
