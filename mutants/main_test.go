package main

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A patch that no longer fits, or does not compile, is a test that no longer tests. It breaks the
// pool's own code and nothing else.
func TestPatches(t *testing.T) {
	mutants, err := readMutants("patches", "")
	require.NoError(t, err)
	files := token.NewFileSet()
	imports := importer.ForCompiler(files, "source", nil) // once, for all
	assert.GreaterOrEqual(t, len(mutants), 30)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, copyLibrary("..", dir))
			require.NoError(t, m.apply(t.Context(), dir))
			if !testing.Short() {
				assert.NoError(t, check(files, imports, dir))
			}
			assert.Regexp(t, `^[A-Z].*\.$`, m.what)
			for line := range strings.Lines(string(m.patch)) {
				if file, ok := strings.CutPrefix(line, "+++ b/"); ok {
					assert.Regexp(t, `^[a-z]+\.go\n$`, file)
				}
			}
		})
	}
}

// check says what the compiler would have against the package in dir, much faster.
func check(files *token.FileSet, imports types.Importer, dir string) error {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return err
	}
	var code []*ast.File
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(files, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		code = append(code, f)
	}
	_, err = (&types.Config{Importer: imports}).Check(dir, files, code, nil)
	return err
}

func TestPatchThatDoesNotFit(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, copyLibrary("..", dir))
	m := mutant{name: "no", patch: []byte("What.\n\n--- a/pool.go\n+++ b/pool.go\n@@ -1,1 +1,1 @@\n-no such line\n+nor this\n")}
	assert.ErrorContains(t, m.apply(t.Context(), dir), "the patch does not apply")
}

func TestCopyHasWhatTheTestsNeed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, copyLibrary("..", dir))
	for _, file := range []string{"go.mod", "pool.go", "stress_test.go", "modeltest/go.mod", "modeltest/model_test.go"} {
		assert.FileExists(t, filepath.Join(dir, file))
	}
	for _, other := range []string{".git", "bin", "natspool"} {
		assert.NoDirExists(t, filepath.Join(dir, other))
	}
	for _, module := range []string{dir, filepath.Join(dir, "modeltest")} {
		out, err := goCommand(t.Context(), module, "test", "-run=^$", ".").CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

func TestOnlyPatchesThatMatch(t *testing.T) {
	some, err := readMutants("patches", "^goexit-")
	require.NoError(t, err)
	for _, m := range some {
		assert.True(t, strings.HasPrefix(m.name, "goexit-"), m.name)
	}
	_, err = readMutants("patches", "^no such patch$")
	assert.ErrorContains(t, err, "no patch in patches")
	_, err = readMutants("patches", "(")
	assert.Error(t, err)
}

func TestFirstFailure(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		failed string
		ran    int
	}{
		"all pass": {
			`{"Action":"run","Test":"TestA"}{"Action":"pass","Test":"TestA"}{"Action":"pass"}`, "", 1,
		},
		"a subtest": {
			`{"Action":"run","Test":"TestA"}{"Action":"run","Test":"TestA/x"}{"Action":"fail","Test":"TestA/x"}{"Action":"fail","Test":"TestA"}`,
			"TestA", 2,
		},
		"a panic outside of tests": {
			`{"Action":"run","Test":"TestA"}{"Action":"pass","Test":"TestA"}{"Action":"run","Test":"TestB"}{"Action":"fail"}`,
			"TestB", 2,
		},
		"none ran":     {`{"Action":"start"}{"Action":"pass"}`, "", 0},
		"not compiled": {`{"Action":"build-fail"}{"Action":"fail"}`, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			failed, ran := firstFailure(strings.NewReader(c.events))
			assert.Equal(t, c.failed, failed)
			assert.Equal(t, c.ran, ran)
		})
	}
}

func TestReport(t *testing.T) {
	of := func(name string, killers ...string) verdict {
		return verdict{mutant{name: name, what: "What is broken."}, killers}
	}
	for name, c := range map[string]struct {
		verdicts []verdict
		err      string
	}{
		"well":            {[]verdict{of("a", "TestA", "TestModel"), of("b", "TestB")}, ""},
		"a survivor":      {[]verdict{of("a", "TestA", "TestModel"), of("b")}, "no test notices: b"},
		"by one kind all": {[]verdict{of("a", "TestA"), of("b", "TestB")}, "fewer than half"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			err := report(&b, c.verdicts)
			if c.err == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.err)
			}
			for _, v := range c.verdicts {
				assert.Contains(t, b.String(), "| "+v.name+" | What is broken. | ")
			}
		})
	}
}
