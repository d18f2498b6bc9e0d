// Package built builds an example program for the tests that start it as a process.
package built

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Program is the program in the current directory, built when it is first asked for.
type Program struct {
	once sync.Once
	dir  string
	err  error
}

// Path builds the program, once, and returns the path of the executable.
func (p *Program) Path() (string, error) {
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "built"); p.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", p.file(), ".").CombinedOutput(); err != nil {
			p.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	return p.file(), p.err
}

func (p *Program) file() string {
	return filepath.Join(p.dir, "program.exe") // a name that is good everywhere
}

// Start starts the program. wait waits for its end and returns the exit status.
func (p *Program) Start(t *testing.T, args ...string) (process *os.Process, wait func() (status int, stdout, stderr string)) {
	t.Helper()
	path, err := p.Path()
	require.NoError(t, err)
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Start())
	return cmd.Process, func() (int, string, string) {
		_ = cmd.Wait() // its error says no more than the status
		return cmd.ProcessState.ExitCode(), out.String(), errs.String()
	}
}

// Remove removes what Path has built, if it was called.
func (p *Program) Remove() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}
