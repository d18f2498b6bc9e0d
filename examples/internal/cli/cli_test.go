package cli

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

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
