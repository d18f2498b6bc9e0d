package autotune_test

import (
	"flag"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

// seeds is how many runs each simulation has. The bars hold in every one.
var seeds = flag.Int("autotune.seeds", 1, "how many seeds each simulation runs with")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs f in a synctest bubble, where half an hour takes a second or so.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// simulation is for tests that take seconds, and beside each other. In virtual time it does
// not matter how many processors there are: of several numbers given to -cpu one is enough.
func simulation(t *testing.T) {
	t.Helper()
	cpus := strings.Split(flag.Lookup("test.cpu").Value.String(), ",")
	if last := cpus[len(cpus)-1]; last != "" && last != strconv.Itoa(runtime.GOMAXPROCS(0)) {
		t.Skip("runs with the last number of -cpu only")
	}
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
}
