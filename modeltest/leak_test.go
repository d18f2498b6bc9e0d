//go:build leaks

package modeltest

import (
	"context"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/boundedgo/workerpool"
)

// TestLeak asks the garbage collector: a goroutine that waits for something which
// nothing alive can reach waits for ever. goleak only sees that one is there.
//
// Go 1.26 has it with GOEXPERIMENT=goroutineleakprofile, later versions always. It is
// not among the other tests because it leaves a leak behind, on purpose.
func TestLeak(t *testing.T) {
	for range 200 {
		p := drawHistory(rand.Uint64())
		if err := live(p); err != nil {
			t.Fatalf("%v\n%#v", err, p)
		}
	}
	if leaks := leaked(t); leaks != "" {
		t.Fatalf("goroutines of the pool have leaked:\n%s", leaks)
	}
	drop(t)
	if leaked(t) == "" {
		t.Error("no leak found, though a pool was dropped: this test can't fail")
	}
}

//go:noinline // nothing of the pool may be left on the caller's stack
func drop(t *testing.T) {
	double := func(_ context.Context, n int) (int, error) { return 2 * n, nil }
	if _, err := workerpool.New(double, workerpool.WithWorkers(3)); err != nil {
		t.Fatal(err)
	}
}

// leaked returns the stacks of leaked goroutines of the pool.
func leaked(t *testing.T) string {
	t.Helper()
	runtime.GC()
	profile := pprof.Lookup("goroutineleak")
	if profile == nil {
		t.Fatal("the runtime has no profile of leaked goroutines: set GOEXPERIMENT=goroutineleakprofile")
	}
	var b strings.Builder
	if err := profile.WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "boundedgo/workerpool.(") {
		return s
	}
	return ""
}
