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

// previousRevision is the revision of the contender "previous", set when it is linked.
var previousRevision string

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

// version is the version of a module in this program, or of this repository's, its
// revision.
func version(contender, module string) string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case contender == "previous" && previousRevision != "":
		return previousRevision
	case !ok:
		return "unknown"
	case contender == contenders.Ours || contender == "previous":
		return revision(info)
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown" // as in a test
}

func revision(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	rev := settings["vcs.revision"]
	if rev == "" {
		return "unknown" // go run does not say
	}
	if settings["vcs.modified"] == "true" {
		return rev + " with changes"
	}
	return rev
}

// cpu is the model of the processor, where the system tells in a file.
func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
