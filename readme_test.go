package workerpool_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write into the README what is cut from other files")

// block is a code block of the README that is cut from a file: a comment that says
// which, and of a Go file which function, then the block.
var block = regexp.MustCompile("(?s)(<!-- (code|file): (\\S+)(?: (\\S+))? -->\n```[a-z]*\n)(.*?)(```\n)")

// TestReadme fails when the README shows code that is not what is compiled and run,
// or figures that are not those of the run which is in the repository.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	blocks := 0
	cut := block.ReplaceAllFunc(readme, func(b []byte) []byte {
		blocks++
		m := block.FindSubmatch(b)
		text := fileText(t, string(m[3]))
		if string(m[2]) == "code" {
			text = functionText(t, string(m[3]), string(m[4]))
		}
		return bytes.Join([][]byte{m[1], text, m[6]}, nil)
	})
	assert.Equal(t, 10, blocks)
	if *update {
		require.NoError(t, os.WriteFile("README.md", cut, 0o600))
		return
	}
	assert.Equal(t, string(cut), string(readme), "go test -run TestReadme -update . brings it up to date")
}

func fileText(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	require.NoError(t, err)
	return text
}

// functionText returns the body of an example, as the documentation shows it, or a
// whole function that isn't one.
func functionText(t *testing.T, file, name string) []byte {
	t.Helper()
	src := fileText(t, file)
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != name {
			continue
		}
		from, to := fn.Pos(), fn.End()
		if strings.HasPrefix(name, "Example") {
			from, to = fn.Body.Lbrace+1, fn.Body.Rbrace
		}
		text := string(src[fset.Position(from).Offset:fset.Position(to).Offset])
		if at := strings.Index(text, "\t// Output:"); at >= 0 {
			text = text[:at]
		}
		if at := strings.Index(text, "\t// Unordered output:"); at >= 0 {
			text = text[:at]
		}
		out, err := format.Source([]byte(strings.TrimSpace(text)))
		require.NoError(t, err)
		return append(out, '\n')
	}
	t.Fatalf("%s has no function %s", file, name)
	return nil
}
