package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/distributed/contenders"
)

// The revision of this library, set by the linker.
var revision string

// writeHeader says what was measured, where, and with which versions, in the form of the
// configuration of benchmarks.
func (s *session) writeHeader(ctx context.Context, w io.Writer) error {
	var b strings.Builder
	say := func(key string, value any) { fmt.Fprintf(&b, "%s: %v\n", key, value) }
	say("goos", runtime.GOOS)
	say("goarch", runtime.GOARCH)
	say("pkg", "github.com/boundedgo/workerpool/benchmarks/distributed")
	say("cpu", cpu())
	say("go-version", runtime.Version())
	say("gomaxprocs", runtime.GOMAXPROCS(0))
	say("date", time.Now().UTC().Format(time.DateOnly))
	say("rounds", s.rounds)
	say("seed", s.seed)
	seen := map[string]bool{}
	for _, c := range s.contenders() {
		if !seen[c.Module] {
			seen[c.Module] = true
			say("lib-"+c.Name, c.Module+" "+version(c.Module))
		}
	}
	say("server-nats", "github.com/nats-io/nats-server/v2 "+version("github.com/nats-io/nats-server/v2"))
	versions, err := contenders.Versions(ctx, s.servers)
	if err != nil {
		return err
	}
	for _, v := range versions {
		say("server-"+v.Name, v.Version)
	}
	sync, err := syncTime(s.dir)
	if err != nil {
		return err
	}
	say("sync-us", fmt.Sprintf("%.0f", float64(sync.Nanoseconds())/1000))
	_, err = io.WriteString(w, b.String()+"\n")
	return err
}

// version is the version of a module in this program, or the revision of this library.
func version(module string) string {
	if revision != "" && strings.HasPrefix(module, "github.com/boundedgo/") {
		return revision
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	for _, m := range info.Deps {
		if m.Path == module && m.Replace == nil {
			return m.Version
		}
	}
	return unknown // as in a test
}

// unknown is what cannot be found out.
const unknown = "unknown"

// cpu is the model of the processor, where the system tells in a file.
func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

// syncTime is the median of how long it takes to force 4 KiB to the disk: without it, figures
// of those who lose nothing say little.
func syncTime(dir string) (median time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	block := make([]byte, 4096)
	took := make([]time.Duration, 51)
	for i := range took {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		begin := time.Now()
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(begin)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
