package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/examples/internal/built"
)

var program built.Program

// process is the built program, running.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	log *bufio.Reader // its standard error
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	path, err := program.Path()
	require.NoError(t, err)
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), path, args...)}
	errs, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	p.log = bufio.NewReader(errs)
	require.NoError(t, p.cmd.Start())
	return p
}

// said waits for a line of standard error that begins so, and returns the rest of it.
func (p *process) said(beginning string) string {
	p.t.Helper()
	for {
		text, err := p.log.ReadString('\n')
		require.NoError(p.t, err, beginning)
		if rest, ok := strings.CutPrefix(text, "thumbnails: "+beginning); ok {
			return strings.TrimSuffix(rest, "\n")
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// rest waits for the end, and returns the exit status and the rest of standard error.
func (p *process) rest() (status int, errs string) {
	p.t.Helper()
	text, err := io.ReadAll(p.log)
	require.NoError(p.t, err)
	_ = p.cmd.Wait() // its error says no more than the status
	return p.cmd.ProcessState.ExitCode(), string(text)
}

func skipOnWindows(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent a signal on Windows")
	}
}

// inFlight starts the program, and a request that has had one line and waits for two held
// pictures, while two more wait for a worker.
func inFlight(t *testing.T, args ...string) (*process, *origin, *reply) {
	t.Helper()
	skipOnWindows(t)
	samples := startSamples(t)
	p := startProcess(t, append(args, "-addr=127.0.0.1:0", "-workers=2", "-hosts="+samples.host)...)
	url := p.said("listening on ")
	got := send(t, newHTTPClient(t), url, arrayOf(samples.urls("ann", "badge.gif", held, held, held, held)))
	assert.Equal(t, 0, got.next().Index)
	eventually(t, "both workers are busy", func() bool { return samples.asked("ann").open() == 2 })
	return p, samples, got
}

func TestBinary_Signal(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			p, samples, got := inFlight(t)
			p.signal(signal)
			assert.Equal(t, "requests in flight have 20s to finish; a second signal cuts them off", p.said(signal.String()+": "))
			samples.release("ann")
			assert.Equal(t, map[int]kind{1: "", 2: "", 3: "", 4: ""}, kindsOf(got.rest()))
			status, errs := p.rest()
			assert.Zero(t, status)
			assert.Equal(t, `thumbnails: 1 request answered, 0 refused, 0 left by their clients; 5 thumbnails made
thumbnails: pool: 5 pictures accepted, 5 completed (0 failed), 0 not run, 0 calls refused
`, errs)
		})
	}
}

func TestBinary_IsCutOff(t *testing.T) {
	tests := map[string]struct {
		args  []string
		cause string
	}{
		"by a second signal": {nil, "stopped by a second signal: terminated"},
		"by the deadline":    {[]string{"-drain=1ms"}, "not finished within -drain 1ms"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, _, got := inFlight(t, tt.args...)
			p.signal(syscall.SIGTERM)
			p.said("terminated: requests in flight have ")
			if tt.args == nil {
				p.signal(syscall.SIGTERM)
			}
			assert.Equal(t, map[int]kind{1: kindInterrupted, 2: kindInterrupted, 3: kindNotRun, 4: kindNotRun}, kindsOf(got.rest()))
			status, errs := p.rest()
			assert.Equal(t, exitFailed, status)
			assert.Contains(t, errs, "1 thumbnail made, 2 interrupted, 2 not-run\n")
			assert.Contains(t, errs, `thumbnails: workerpool "thumbnails": Shutdown: `+tt.cause+" (2 running, 0 not run, 0 results unread, 1 bulk call)\n")
		})
	}
}

func TestBinary_Samples(t *testing.T) {
	skipOnWindows(t)
	p := startProcess(t, "-addr=127.0.0.1:0", "-samples=127.0.0.1:0")
	sample := p.said("sample ")
	url := p.said("listening on ")
	got := send(t, newHTTPClient(t), url, arrayOf([]string{sample})).rest()
	assert.True(t, allSamples[0].matches(got[0]))
	p.signal(syscall.SIGTERM)
	status, _ := p.rest()
	assert.Zero(t, status)
}

func TestBinary_Demo(t *testing.T) {
	_, wait := program.Start(t, "-demo")
	status, out, errs := wait()
	assert.Zero(t, status, out)
	assert.Contains(t, out, "All is as it should be: 26 requests had all their lines, 52 in all.\n")
	assert.Equal(t, "thumbnails: terminated: requests in flight have 20s to finish; a second signal cuts them off\n", errs)
}

func TestBinary_CtrlCInTheDemo(t *testing.T) {
	skipOnWindows(t)
	path, err := program.Path()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, "-demo")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(out)
	for range 2 {
		_, err := lines.ReadString('\n')
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	_ = cmd.Wait()
	assert.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode())
	assert.NotContains(t, string(rest), "should be")
}

func TestBinary_BadFlag(t *testing.T) {
	_, wait := program.Start(t, "-hosts=example.org", "-workers=0")
	status, out, errs := wait()
	assert.Equal(t, 2, status)
	assert.Empty(t, out)
	assert.Equal(t, "thumbnails: -workers 0: must be from 1 to 1000\nthumbnails -h lists the flags.\n", errs)
}
