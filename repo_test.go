package workerpool_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// goList runs the go command on this package.
func goList(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	require.NoError(t, err)
	return string(out)
}
