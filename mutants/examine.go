package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A kind is a way of testing. Two tests of one kind that notice a break are much the
// same; of two kinds they are independent evidence.
type kind struct {
	name   string
	dir    string
	args   []string
	chance bool // what it notices depends on what threads happen to do
}

// A break that shows only when two threads meet within some instructions may escape one
// run. Where no test has noticed, the kinds that depend on it run so many times more.
const moreRuns = 30

// So many kinds are evidence enough: the others are not run.
const enoughKinds = 2

// The tests that read other files than the library's own can't run on a copy of it.
var kinds = []kind{
	{"case", ".", []string{"-skip=^(TestStress|TestReadme|TestDependabot)"}, false},
	{"stress", ".", []string{"-run=^TestStress"}, true},
	{"model", "modeltest", []string{"-run=^TestModel$", "-model.plans=30000", "-rapid.shrinktime=1s", "-rapid.nofailfile"}, false},
	{"history", "modeltest", []string{"-run=^TestHistory$", "-history.count=500", "-history.patience=5s"}, true},
	{"linear", "modeltest", []string{"-run=^TestLinear$"}, true},
}

// verdict is what the tests say of a mutant.
type verdict struct {
	mutant
	killers []string // the first test that failed, of the first kinds that noticed
}

// examiner examines mutants of the library in root.
type examiner struct {
	root   string
	limits map[string]time.Duration // by the name of the kind
}

// calibrate examines the library as it is: the tests have to pass, and the time that
// they take says how long to wait for tests that hang.
func (e *examiner) calibrate(ctx context.Context) error {
	limits := make(map[string]time.Duration)
	for _, k := range kinds {
		begun := time.Now()
		failed, err := k.run(ctx, e.root, 10*time.Minute)
		if err != nil {
			return err
		}
		if failed != "" {
			return fmt.Errorf("%s fails without any break", failed)
		}
		limits[k.name] = 2*time.Since(begun) + 10*time.Second
	}
	e.limits = limits
	return nil
}

// examine breaks a copy of the library and tests it.
func (e *examiner) examine(ctx context.Context, m mutant) (verdict, error) {
	v := verdict{mutant: m}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return v, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := copyLibrary(e.root, dir); err != nil {
		return v, err
	}
	if err := m.apply(ctx, dir); err != nil {
		return v, err
	}
	if out, err := goCommand(ctx, dir, "build", ".").CombinedOutput(); err != nil {
		return v, fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	v.killers, err = e.test(ctx, dir, func(kind) bool { return true })
	for n := 0; err == nil && len(v.killers) == 0 && n < moreRuns; n++ {
		v.killers, err = e.test(ctx, dir, func(k kind) bool { return k.chance })
		for i := range v.killers {
			v.killers[i] += fmt.Sprintf(" (in run %d)", n+2)
		}
	}
	return v, err
}

// test returns which tests in dir fail first, of the first kinds among those that notice.
func (e *examiner) test(ctx context.Context, dir string, among func(kind) bool) (killers []string, err error) {
	for _, k := range kinds {
		if len(killers) == enoughKinds {
			break
		}
		if !among(k) {
			continue
		}
		killer, err := k.run(ctx, dir, e.limits[k.name])
		if err != nil {
			return nil, err
		}
		if killer != "" {
			killers = append(killers, killer)
		}
	}
	return killers, nil
}

// run returns the name of the first test of its kind that failed in dir, if one did.
// One that takes longer than the limit has failed.
func (k kind) run(ctx context.Context, dir string, limit time.Duration) (string, error) {
	args := append([]string{"test", "-json", "-vet=off", "-count=1", "-failfast", "-timeout=" + limit.String()}, k.args...)
	out, err := goCommand(ctx, filepath.Join(dir, k.dir), append(args, ".")...).Output()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	failed, ran := firstFailure(bytes.NewReader(out))
	if bytes.Contains(out, []byte("panic: test timed out after")) {
		failed += " (hangs)"
	}
	var exit *exec.ExitError
	switch {
	case err == nil && ran > 0:
		return "", nil
	case err == nil:
		return "", fmt.Errorf("no test of the kind %q ran", k.name)
	case !errors.As(err, &exit):
		return "", err
	case failed == "":
		return "", fmt.Errorf("go test failed, and no test did:\n%s\n%s", tail(out), exit.Stderr)
	}
	return failed, nil
}

func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.WaitDelay = 10 * time.Second // a test that is still running has what the command writes to
	return cmd
}

func tail(out []byte) string {
	lines := strings.Split(string(out), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
