// Package faults_test injects faults into pools that are spread over processes: it kills and
// freezes workers and servers, cuts connections, fills what can be full, and looks whether every
// job that was accepted has exactly one correct result in the end.
//
// The test binary starts itself again for each process: an environment variable says as what.
package faults_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	jobsFlag  = flag.Int("faults.jobs", 400, "jobs of each fault")
	timesFlag = flag.Int("faults.times", 1, "how often each fault is repeated")
	soakFlag  = flag.Duration("faults.soak", 15*time.Second, "how long random faults go on")
	seedFlag  = flag.Uint64("faults.seed", 0, "seed of the random faults; 0 for one that is chosen")
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role, os.Getenv(specVariable)))
	}
	flag.Parse()
	sideBySide()
	goleak.VerifyTestMain(m)
}

// sideBySide has more tests run at once than there are processors, unless told: most of the
// time they wait for the end of a lease.
func sideBySide() {
	told := false
	flag.Visit(func(f *flag.Flag) { told = told || f.Name == "test.parallel" })
	if !told {
		_ = flag.Set("test.parallel", "5")
	}
}

// fewJobs is up to how many jobs faults are injected beside each other.
const fewJobs = 1000

// repeat runs a fault as often as the flag says.
func repeat(t *testing.T, fault func(t *testing.T, jobs int)) {
	t.Helper()
	if *jobsFlag <= fewJobs {
		t.Parallel()
	}
	for i := range max(1, *timesFlag) {
		if *timesFlag <= 1 {
			fault(t, *jobsFlag)
			return
		}
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			begin := time.Now()
			fault(t, *jobsFlag)
			t.Logf("%d jobs in %v", *jobsFlag, time.Since(begin).Round(time.Millisecond))
		})
	}
}
