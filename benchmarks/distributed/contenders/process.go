package contenders

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// ChildEnv is set in processes that Start has started. Without it a program of tests would not
// know that it is one.
const ChildEnv = "DISTRIBUTED_CHILD"

// Process is another process of this program. It ends when its standard input does: so it does
// not outlive this one, however that ends.
type Process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

// Start runs this program with other arguments.
func Start(args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), ChildEnv+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a process: %w", err)
	}
	return &Process{cmd, stdin, bufio.NewReader(out)}, nil
}

// Line returns the next line that the process prints.
func (p *Process) Line() (string, error) {
	line, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("process %d has ended too early: %w", p.cmd.Process.Pid, err)
	}
	return strings.TrimSpace(line), nil
}

// End asks the process to end, and waits for that.
func (p *Process) End() error {
	_ = p.stdin.Close() // which is closed already after Kill
	return p.cmd.Wait()
}

// Kill leaves the process no time for anything.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = p.cmd.Wait() // it was killed, which is what that says
	return nil
}

// UntilInputEnds returns a context that ends when the process is asked to end.
func UntilInputEnds(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx, cancel
}
