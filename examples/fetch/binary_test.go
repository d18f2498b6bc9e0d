package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/examples/internal/built"
)

var binary built.Program

// process is the built program, running.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser // which stays open until the test closes it
	out   *os.File       // its standard output, which nobody reads but the test
	lines *bufio.Reader  // of out
	errs  bytes.Buffer
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := binary.Path()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), path, args...)}
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, stdout, err := os.Pipe()
	require.NoError(t, err)
	p.out, p.lines = out, bufio.NewReader(out)
	p.cmd.Stdout, p.cmd.Stderr = stdout, &p.errs
	require.NoError(t, p.cmd.Start())
	require.NoError(t, stdout.Close()) // the program has it now
	t.Cleanup(func() { _ = out.Close() })
	return p
}

func (p *process) write(input string) {
	p.t.Helper()
	_, err := io.WriteString(p.stdin, input)
	require.NoError(p.t, err)
}

func (p *process) result() record {
	p.t.Helper()
	text, err := p.lines.ReadString('\n')
	require.NoError(p.t, err)
	return decodeLine(p.t, text)
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// wait waits for the end, and does not read the output.
func (p *process) wait() (status int) {
	_ = p.cmd.Wait() // its error says no more than the status
	return p.cmd.ProcessState.ExitCode()
}

// rest reads the rest of the output, and waits for the end.
func (p *process) rest() outcome {
	p.t.Helper()
	out, err := io.ReadAll(p.lines)
	require.NoError(p.t, err)
	return outcome{p.wait(), decode(p.t, string(out)), p.errs.String()}
}

func skipOnWindows(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt on Windows")
	}
}

func TestBinary_RunsToItsEnd(t *testing.T) {
	p := start(t, "-workers=2")
	p.write(strings.Repeat(served(hello)(t)+"\n", 10))
	require.NoError(t, p.stdin.Close())
	got := p.rest()
	assert.Zero(t, got.status)
	assert.Equal(t, upTo(10), lineNumbers(got.records))
	assert.Equal(t, map[kind]int{"": 10}, byKind(got.records))
	assert.Regexp(t, `^fetch: 10 ok, 0 failed, \S+$`, lastLine(got.errs))
}

func TestBinary_BadFlag(t *testing.T) {
	got := start(t, "-workers=0").rest()
	assert.Equal(t, outcome{2, nil, "fetch: -workers 0: must be from 1 to 10000\nfetch -h lists the flags.\n"}, got)
}

func TestBinary_CtrlC(t *testing.T) {
	skipOnWindows(t)
	const urls, workers = 300, 4
	for signal, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(signal.String(), func(t *testing.T) {
			arrived, left := make(chan struct{}, urls), make(chan struct{}, urls)
			p := start(t, fmt.Sprint("-workers=", workers))
			p.write(served(hello)(t) + "\n")
			assert.Equal(t, 200, p.result().Status)
			p.write(strings.Repeat(hanging(arrived, left)(t)+"\n", urls-1)) // and the input stays open
			for range workers {
				<-arrived
			}
			p.signal(signal)
			got := p.rest()
			assert.Equal(t, status, got.status)
			n := len(got.records)
			assert.Equal(t, upTo(n + 1)[1:], lineNumbers(got.records), "every line up to the last that was read, once")
			assert.Equal(t, map[kind]int{kindInterrupted: workers, kindNotRun: n - workers}, byKind(got.records))
			assert.Greater(t, n, 2*workers, "more was read than fits the pool")
			assert.Regexp(t, fmt.Sprintf(`^fetch: 1 ok, %d failed, %d not run, \S+$`, workers, n-workers), lastLine(got.errs))
		})
	}
}

func TestBinary_CtrlCWhileTheInputIsIdle(t *testing.T) {
	skipOnWindows(t)
	p := start(t)
	p.write(served(hello)(t) + "\n")
	assert.Equal(t, 200, p.result().Status)
	p.signal(os.Interrupt)
	got := p.rest()
	assert.Equal(t, 130, got.status)
	assert.Empty(t, got.records)
}

func TestBinary_ASecondCtrlCEndsItAtOnce(t *testing.T) {
	skipOnWindows(t)
	arrived, left := make(chan struct{}, 1), make(chan struct{}, 1)
	file := filepath.Join(t.TempDir(), "urls.txt")
	input := hanging(arrived, left)(t) + "\n" + strings.Repeat("x\n", 10000)
	require.NoError(t, os.WriteFile(file, []byte(input), 0o600))
	p := start(t, "-workers=2", file)
	<-arrived
	p.signal(os.Interrupt)
	<-left // the first has had its effect; but the output is more than the pipe holds
	p.signal(os.Interrupt)
	assert.Equal(t, -1, p.wait(), "it ended by the signal")
}

func TestBinary_ClosedOutput(t *testing.T) {
	skipOnWindows(t)
	arrived, left := make(chan struct{}, 1), make(chan struct{}, 1)
	p := start(t)
	p.write(hanging(arrived, left)(t) + "\n")
	<-arrived
	p.write("nowhere\n")
	assert.Equal(t, 2, p.result().Line)
	require.NoError(t, p.out.Close())
	p.write("nowhere\n") // and the input stays open
	assert.Equal(t, exitFailed, p.wait())
	<-left
	assert.Regexp(t, `^fetch: 0 ok, 3 failed, \S+$`, lastLine(p.errs.String()), "as head ends, no complaint")
}
