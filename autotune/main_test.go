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

var seedsFlag = flag.Int("autotune.seeds", 0, "how many `seeds` each simulation runs with; 0: one, and some of them shorter")

// seeds is how many runs each simulation has. The bars hold in every one.
func seeds() int { return max(1, *seedsFlag) }

// brief says to leave out what a test of every change does not need: what is long, or there
// to compare with. With the race detector all of it takes minutes.
func brief() bool { return *seedsFlag == 0 }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble runs f in a synctest bubble, where half an hour takes a second or so.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// simulation is for tests that take seconds, and run beside each other. In virtual time it does
// not matter how many processors there are, and a seed is the same run each time: of several
// numbers given to -cpu one is enough, and so is one time of -count.
func simulation(t *testing.T) {
	t.Helper()
	cpus := strings.Split(flag.Lookup("test.cpu").Value.String(), ",")
	if last := cpus[len(cpus)-1]; last != "" && last != strconv.Itoa(runtime.GOMAXPROCS(0)) {
		t.Skip("runs with the last number of -cpu only")
	}
	if testing.Short() || flag.Lookup("test.count").Value.String() != "1" {
		t.Skip("takes long, and would be the same again")
	}
	t.Parallel()
}
