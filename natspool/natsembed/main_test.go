package natsembed

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// With this variable set, the test binary is a server with the childConfig that
// is in it, as JSON.
const childEnv = "NATSEMBED_TEST_CHILD"

const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if o := os.Getenv(childEnv); o != "" {
		os.Exit(child(o))
	}
	goleak.VerifyTestMain(m)
}

// A childConfig is what a child starts its server with.
type childConfig struct {
	Dir, Listen string
	Cluster     *childCluster
}

type childCluster struct {
	Name, ServerName, Listen, Username, Password string
	Routes                                       []string
}

func (c childConfig) options() Options {
	o := Options{Dir: c.Dir, Listen: c.Listen}
	if cl := c.Cluster; cl != nil {
		o.Cluster = &Cluster{
			Name: cl.Name, ServerName: cl.ServerName, Listen: cl.Listen, Routes: cl.Routes,
			Username: cl.Username, Password: cl.Password,
		}
	}
	return o
}

// child serves until the process is killed or its input ends.
func child(config string) int {
	var c childConfig
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		fmt.Println(err)
		return 1
	}
	s, err := Start(c.options())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("up")
	_, _ = io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	return 0
}

// A process is a child that serves.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *bytes.Buffer
}

func startProcess(t *testing.T, o Options) *process {
	t.Helper()
	c := childConfig{Dir: o.Dir, Listen: o.Listen}
	if cl := o.Cluster; cl != nil {
		c.Cluster = &childCluster{
			Name: cl.Name, ServerName: cl.ServerName, Listen: cl.Listen, Routes: cl.Routes,
			Username: cl.Username, Password: cl.Password,
		}
	}
	encoded, err := json.Marshal(c)
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.Command(exe), stderr: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(encoded))
	p.cmd.Stderr = p.stderr
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "up\n", line)
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// startServer starts a server that is shut down when the test ends, and checks
// that no goroutine is left then.
func startServer(t *testing.T, o Options) *Server {
	t.Helper()
	noLeak(t)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := Start(o)
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	return s
}

var watched sync.Map // the tests that noLeak was called for

// noLeak checks that the goroutines that are there when the test ends were there
// at its first call.
func noLeak(t *testing.T) {
	t.Helper()
	if _, again := watched.LoadOrStore(t, true); again {
		return
	}
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		watched.Delete(t)
		goleak.VerifyNone(t, before)
	})
}

// connect returns a connection inside the process, which is closed when the test
// ends.
func connect(t *testing.T, s *Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := s.Connect(opts...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

func stream(t *testing.T, nc *nats.Conn, c jetstream.StreamConfig) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	c.Name, c.Subjects = "JOBS", []string{"jobs"}
	st, err := js.CreateStream(t.Context(), c)
	require.NoError(t, err)
	return js, st
}

func publish(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	for i := range n {
		_, err := js.Publish(t.Context(), "jobs", fmt.Appendf(nil, "job %d", i))
		require.NoError(t, err)
	}
}

// A logBuffer keeps what was logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

func (b *logBuffer) awaitText(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(b.String(), text) }, patience, 5*time.Millisecond,
		"never logged: %s", text)
}
