package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool/examples/internal/cli"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		binary.Remove()
		os.Exit(status)
	}))
}

// runWith runs the program with a context that nobody ends.
func runWith(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

// figures are the cells of the table in out, by the label of their row.
func figures(t *testing.T, out string) map[string][]string {
	t.Helper()
	cells := make(map[string][]string)
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if label, rest, found := strings.Cut(strings.TrimPrefix(line, "  "), "   "); found && label != "" {
			for cell := range strings.SplitSeq(rest, "   ") {
				if cell = strings.TrimSpace(cell); cell != "" {
					cells[label] = append(cells[label], cell)
				}
			}
		}
	}
	return cells
}

// small makes the default run fast.
var small = []string{"-requests=20", "-limit=4", "-latency=20ms", "-delay=5ms", "-max-delay=40ms", "-attempts=1000"}

func TestRun_ComparesAllWays(t *testing.T) {
	status, out, errs := runWith(t, small...)
	assert.Zero(t, status, out)
	assert.Empty(t, errs)
	cells := figures(t, out)
	assert.Equal(t, []string{"20 / 20", "20 / 20", "20 / 20", "20 / 20"}, cells["results right / expected"], out)
	assert.Len(t, cells["wall time"], 4)
	assert.Equal(t, "20", cells["requests the API received"][1], "the pool needs no retries")
	assert.Equal(t, "0", cells["of them rejected with 429"][1])
	assert.Contains(t, out, "For the same 20 results, a goroutine per request took ")
	assert.Contains(t, out, "and 0 of the pool's 20.")
	assert.Contains(t, out, "A pool that was told no limit took ")
	assert.Contains(t, out, "A pool that was told nothing took ")
}

func TestRun_WritesNoEscapesWhereThereIsNoTerminal(t *testing.T) {
	_, out, _ := runWith(t, small...)
	assert.NotContains(t, out, "\x1b")
	assert.NotContains(t, out, "\r")
	assert.Contains(t, out, " 20/20 ")
}

func TestRun_OneWay(t *testing.T) {
	for mode, name := range map[string]string{modeNaive: nameNaive, modePool: namePool, modeGated: nameGated, modeTuned: nameTuned} {
		t.Run(mode, func(t *testing.T) {
			status, out, _ := runWith(t, append(small, "-mode", mode)...)
			assert.Zero(t, status, out)
			assert.Equal(t, []string{"20 / 20"}, figures(t, out)["results right / expected"])
			assert.Contains(t, out, name)
			assert.Contains(t, out, "to get 20 of 20 right results.")
		})
	}
}

func TestRun_ReportsWhatFails(t *testing.T) {
	tests := map[string]struct {
		status int
		want   string
	}{
		"error":    {http.StatusInternalServerError, "7 requests failed, the first of them: the API answered 500 Internal Server Error."},
		"rejected": {http.StatusTooManyRequests, "7 requests failed, the first of them: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "no", tt.status)
			}))
			defer server.Close()
			status, out, errs := runWith(t, "-url", server.URL, "-mode=all", "-requests=7", "-workers=2", "-attempts=3", "-delay=1ms")
			assert.Equal(t, exitFailed, status)
			assert.Empty(t, errs)
			assert.Contains(t, out, "goroutine per request: "+tt.want)
			assert.Contains(t, out, "\npool: "+tt.want)
			assert.Contains(t, out, "pool, told no limit: "+tt.want)
			assert.Contains(t, out, "pool, told nothing: "+tt.want)
			assert.Contains(t, out, "They do not compare, since not all results are right.")
			if tt.status == http.StatusTooManyRequests {
				assert.Equal(t, 2, strings.Count(out, ": gave up after 3 attempts: HTTP status 429 Too Many Requests"))
				assert.Equal(t, 2, strings.Count(out, ": after 3 attempts: HTTP status 429 Too Many Requests"))
			}
			assert.Equal(t, []string{"0 / 7", "0 / 7", "0 / 7", "0 / 7"}, figures(t, out)["results with a status of 2xx / expected"])
		})
	}
}

func TestRun_WithAnotherAPI(t *testing.T) {
	var mu sync.Mutex
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.URL.Path)
	}))
	defer server.Close()
	status, out, _ := runWith(t, "-url", server.URL+"/items/{id}", "-requests=3", "-workers=1")
	assert.Zero(t, status, out)
	assert.Equal(t, []string{"/items/1", "/items/2", "/items/3"}, paths, "one worker sends them in order")
	cells := figures(t, out)
	assert.Equal(t, []string{"n/a (not our API)"}, cells["requests the API received"], "only the pool, and unknown")
	assert.Equal(t, []string{"3"}, cells["requests the client sent"])
	assert.Equal(t, []string{"0"}, cells["of them answered with 429"])
	assert.Equal(t, []string{"1"}, cells["most the client had out at once"])
	assert.NotContains(t, out, "impolite")

	_, out, _ = runWith(t, "-url", server.URL, "-requests=1", "-mode=naive")
	assert.Contains(t, out, "NOTE: to send all requests at once is impolite")
}

func TestRun_Interrupted(t *testing.T) {
	for _, mode := range []string{modeNaive, modePool, modeGated, modeTuned, modeAll} {
		t.Run(mode, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				interrupt()
				<-r.Context().Done()
			}))
			defer server.Close()
			var out, errs bytes.Buffer
			status := run(ctx, []string{"-url", server.URL, "-mode", mode, "-requests=9", "-workers=2"}, &out, &errs)
			assert.Equal(t, exitInterrupted, status)
			assert.Empty(t, errs.String())
			assert.Equal(t, []string{"0 / 9"}, figures(t, out.String())["results with a status of 2xx / expected"], "no second run")
			assert.Contains(t, out.String(), "Interrupted: this is how far it came.")
			assert.NotContains(t, out.String(), "failed")
		})
	}
	t.Run("before it began", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		interrupt()
		var out bytes.Buffer
		assert.Equal(t, exitInterrupted, run(ctx, nil, &out, &out))
	})
}

func TestRun_Flags(t *testing.T) {
	tests := map[string]string{
		"-requests=0":                       "-requests 0: must be at least 1",
		"-requests=x":                       `invalid value "x" for flag -requests`,
		"-limit=0":                          "-limit 0: must be at least 1",
		"-workers=0":                        "-workers 0: must be at least 1",
		"-latency=-1s":                      "-latency -1s: must not be negative",
		"-delay=0s":                         "-delay 0s: must be positive",
		"-max-delay=1ms":                    "-max-delay 1ms: must be at least -delay, which is 500ms",
		"-attempts=0":                       "-attempts 0: must be at least 1",
		"-timeout=0s":                       "-timeout 0s: must be positive",
		"-timeout=1s":                       "-timeout 1s: must be more than -latency, which is 2s",
		"-mode=fast":                        `-mode "fast": must be all, naive, pool, gated or tuned`,
		"-url=localhost":                    `-url "localhost": must be like https://host/path`,
		"-url=":                             `-url "": must be like https://host/path`,
		"-url=http://localhost -limit=3":    "-limit: is only for our own API",
		"-url=http://localhost -latency=3s": "-latency: is only for our own API",
		"-unknown":                          "flag provided but not defined: -unknown",
		"pool":                              `unexpected argument "pool"`,
		"-requests=0 -limit=0 -attempts=-1": "burst: -limit 0: must be at least 1\nburst: -attempts -1",
	}
	for args, want := range tests {
		t.Run(args, func(t *testing.T) {
			status, out, errs := runWith(t, strings.Fields(args)...)
			assert.Equal(t, cli.ExitUsage, status)
			assert.Empty(t, out)
			assert.Contains(t, errs, want)
			assert.Contains(t, errs, "burst -h lists the flags.")
		})
	}
}

func TestRun_SaysWhatThePoolRefuses(t *testing.T) {
	status, _, errs := runWith(t, "-workers=2000000", "-mode=pool")
	assert.Equal(t, exitFailed, status)
	assert.Contains(t, errs, "burst: workerpool: WithWorkers(2000000): must be at most ")
}

func TestRun_Help(t *testing.T) {
	status, out, errs := runWith(t, "-h")
	assert.Zero(t, status)
	assert.Empty(t, errs)
	for _, name := range []string{"-requests", "-limit", "-latency", "-workers", "-url", "-mode", "-delay", "-max-delay", "-attempts", "-timeout"} {
		assert.Contains(t, out, "  "+name+" ")
	}
}

func TestParseFlags_Defaults(t *testing.T) {
	c, err := parseFlags([]string{"-limit=7"}, nil)
	require.NoError(t, err)
	assert.Equal(t, 7, c.workers, "as many workers as the API has places")
	assert.Equal(t, modeAll, c.mode)

	c, err = parseFlags([]string{"-url=http://localhost"}, nil)
	require.NoError(t, err)
	assert.Equal(t, modePool, c.mode, "another API gets no burst by accident")
}
