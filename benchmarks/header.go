package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/boundedgo/workerpool/benchmarks/contenders"
)

// The revisions of this library and of the contender "previous", set by the linker.
var libraryRevision, previousRevision string

// writeHeader says what was measured, where, and with which versions, in the form of the
// configuration of benchmarks: a key, which is lower case, and a value.
func writeHeader(w io.Writer, rounds int, seed uint64) error {
	var b strings.Builder
	say := func(key string, value any) { fmt.Fprintf(&b, "%s: %v\n", key, value) }
	say("goos", runtime.GOOS)
	say("goarch", runtime.GOARCH)
	say("pkg", "github.com/boundedgo/workerpool/benchmarks")
	say("cpu", cpu())
	say("go-version", runtime.Version())
	say("gomaxprocs", runtime.GOMAXPROCS(0))
	say("date", time.Now().UTC().Format(time.DateOnly))
	say("rounds", rounds)
	say("seed", seed)
	for _, c := range contenders.All() {
		if c.Module != "" {
			say("lib-"+c.Name, c.Module+" "+version(c.Name, c.Module))
		}
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// version is the version of a module in this program, or the revision of this library.
func version(contender, module string) string {
	switch {
	case contender == contenders.Ours && libraryRevision != "":
		return libraryRevision
	case contender == "previous" && previousRevision != "":
		return previousRevision
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
