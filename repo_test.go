package workerpool_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goList runs the go command on this package.
func goList(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return string(out)
}

// TestDependabotKnowsEveryModule fails for a module whose requirements nobody would
// be told to update.
func TestDependabotKnowsEveryModule(t *testing.T) {
	config, err := os.ReadFile(".github/dependabot.yml")
	require.NoError(t, err)
	require.NoError(t, fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.Name() == "go.mod":
			assert.Contains(t, string(config), strconv.Quote(path.Join("/", path.Dir(name))))
		}
		return nil
	}))
}
