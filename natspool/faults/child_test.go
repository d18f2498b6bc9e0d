package faults_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	roleVariable = "NATSPOOL_FAULTS_ROLE"
	specVariable = "NATSPOOL_FAULTS_SPEC"
)

// event is a line that a child writes on its standard output.
type event struct {
	What string
	Text string          `json:",omitempty"`
	N    int             `json:",omitempty"`
	Data json.RawMessage `json:",omitempty"`
}

// say tells the parent something. One write is one line, also when the process is killed.
func say(what, text string, n int, data any) {
	e := event{What: what, Text: text, N: n}
	if data != nil {
		e.Data, _ = json.Marshal(data)
	}
	line, _ := json.Marshal(e)
	_, _ = os.Stdout.Write(append(line, '\n'))
}

// commands calls do for each line that the parent sends. When the parent is gone, so is this
// process.
func commands(do func(string)) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		do(lines.Text())
	}
	os.Exit(1)
}

// child is a process that this one has started.
type child struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr tail

	mu     sync.Mutex
	events []event
	more   chan struct{} // closed and made anew for each event, and at the end
	over   bool
	code   int
	done   chan struct{}
}

// spawn starts a process in a role. It ends with the test at the latest.
func spawn(t testing.TB, role, name string, spec any) *child {
	t.Helper()
	data, err := json.Marshal(spec)
	require.NoError(t, err)
	c := &child{t: t, name: name, more: make(chan struct{}), done: make(chan struct{})}
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role, specVariable+"="+string(data))
	c.cmd.Stderr = &c.stderr
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go c.follow(out)
	t.Cleanup(func() {
		c.kill()
		if s := c.stderr.String(); t.Failed() && s != "" {
			t.Logf("stderr of %s:\n%s", name, s)
		}
	})
	return c
}

func (c *child) follow(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.What != "" {
			c.mu.Lock()
			c.events = append(c.events, e)
			close(c.more)
			c.more = make(chan struct{})
			c.mu.Unlock()
		}
	}
	_ = c.cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over, c.code = true, c.cmd.ProcessState.ExitCode()
	close(c.more)
	close(c.done)
}

// await returns the first event of a kind.
func (c *child) await(what string) event {
	c.t.Helper()
	return c.awaitNth(what, 1)
}

// awaitNth returns the n-th event of a kind.
func (c *child) awaitNth(what string, n int) event {
	c.t.Helper()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		found := 0
		for _, e := range c.events {
			if e.What != what {
				continue
			}
			if found++; found == n {
				c.mu.Unlock()
				return e
			}
		}
		more, over := c.more, c.over
		c.mu.Unlock()
		if over {
			require.FailNowf(c.t, "process ended", "%s ended with %d before it said %q\n%s", c.name, c.code, what, c.stderr.String())
		}
		select {
		case <-more:
		case <-limit:
			require.FailNowf(c.t, "too late", "%s did not say %q\n%s", c.name, what, c.stderr.String())
		}
	}
}

// said returns all events of a kind so far.
func (c *child) said(what string) []event {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []event
	for _, e := range c.events {
		if e.What == what {
			all = append(all, e)
		}
	}
	return all
}

func (c *child) tell(command string) {
	_, _ = io.WriteString(c.stdin, command+"\n")
}

// ask sends a command, and waits for the answer, whose kind is the command.
func (c *child) ask(command string) event {
	c.t.Helper()
	before := len(c.said(command))
	c.tell(command)
	return c.awaitNth(command, before+1)
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
	_ = c.stdin.Close()
}

func (c *child) freeze() { require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGSTOP)) }
func (c *child) thaw()   { require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGCONT)) }

// end waits until the process has ended by itself, and returns its exit code.
func (c *child) end() int {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		require.FailNowf(c.t, "too late", "%s did not end\n%s", c.name, c.stderr.String())
	}
	return c.code
}

// tail keeps the last of what was written.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (w *tail) Write(p []byte) (int, error) {
	const most = 16 << 10
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.buf = append(w.buf, p...); len(w.buf) > 2*most {
		w.buf = bytes.Clone(w.buf[len(w.buf)-most:])
	}
	return len(p), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.buf)
}

// patience is how long anything may take that happens within moments, or within some leases,
// unless something is broken.
const patience = 90 * time.Second
