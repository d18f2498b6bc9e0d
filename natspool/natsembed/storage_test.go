package natsembed

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func requireJobs(t *testing.T, nc *nats.Conn, want int) {
	t.Helper()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	st, err := js.Stream(t.Context(), "JOBS")
	require.NoError(t, err)
	require.EqualValues(t, want, st.CachedInfo().State.Msgs)
	msg, err := st.GetMsg(t.Context(), uint64(want))
	require.NoError(t, err)
	assert.Regexp(t, `^job \d+$`, string(msg.Data))
}

func TestDataSurvivesRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	s := startServer(t, Options{Dir: dir})
	js, _ := stream(t, connect(t, s), jetstream.StreamConfig{})
	publish(t, js, 100)
	for range 3 {
		s.Shutdown()
		s = startServer(t, Options{Dir: dir})
		requireJobs(t, connect(t, s), 100)
	}
}

func TestDirectoryIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no permission bits")
	}
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	created := filepath.Join(t.TempDir(), "data")
	s := startServer(t, Options{Dir: created})
	assert.EqualValues(t, 0o700, mode(created))
	assert.EqualValues(t, 0o700, mode(filepath.Join(created, "jetstream")))
	assert.EqualValues(t, 0o600, mode(filepath.Join(created, lockName)))
	s.Shutdown()

	given := t.TempDir()
	require.NoError(t, os.Chmod(given, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(given, "jetstream"), 0o755))
	startServer(t, Options{Dir: given})
	assert.EqualValues(t, 0o755, mode(given), "may belong to something else too")
	assert.EqualValues(t, 0o700, mode(filepath.Join(given, "jetstream")))
}

func TestDirectoryCannotBeUsed(t *testing.T) {
	noLeak(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Start(Options{Dir: filepath.Join(file, "data")})
	require.ErrorContains(t, err, "natsembed: creating directory")

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, lockName), 0o700))
	_, err = Start(Options{Dir: dir})
	require.ErrorContains(t, err, "natsembed: locking directory")

	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600))
	_, err = Start(Options{Dir: dir})
	require.ErrorContains(t, err, "natsembed: protecting directory")
	require.NoError(t, os.Remove(filepath.Join(dir, "jetstream")))
	startServer(t, Options{Dir: dir})
}

func TestLockInTheSameProcess(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, Options{Dir: dir})
	_, err := Start(Options{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, dir)
	other := startServer(t, Options{Dir: t.TempDir()})
	s.Shutdown()
	s = startServer(t, Options{Dir: dir})
	roundTrip(t, connect(t, s))
	roundTrip(t, connect(t, other))
}

func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	port := freePorts(t, 1)[0]
	o := Options{Dir: dir, Listen: address{host: loopback, port: port}.clientURL("nats", port)[len("nats://"):]}
	p := startProcess(t, o)
	_, err := Start(Options{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, dir)

	nc, err := nats.Connect("nats://" + o.Listen)
	require.NoError(t, err)
	js, _ := stream(t, nc, jetstream.StreamConfig{})
	publish(t, js, 100)
	nc.Close()
	p.kill()
	s := startServer(t, Options{Dir: dir})
	requireJobs(t, connect(t, s), 100)
	assert.Empty(t, p.stderr.String(), "the server's own logger")
}

func TestLockIsReleasedByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	p := startProcess(t, Options{Dir: dir})
	require.NoError(t, p.stdin.Close())
	require.NoError(t, p.cmd.Wait())
	startServer(t, Options{Dir: dir})
}
