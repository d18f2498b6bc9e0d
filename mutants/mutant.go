package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutant is one break.
type mutant struct {
	name  string // of its file, without .patch
	what  string // its first line
	patch []byte
}

func readMutant(file string) (mutant, error) {
	patch, err := os.ReadFile(file)
	what, _, _ := strings.Cut(string(patch), "\n")
	return mutant{strings.TrimSuffix(filepath.Base(file), ".patch"), what, patch}, err
}

// apply applies the patch in dir.
func (m mutant) apply(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "git", "apply", "-")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(m.patch)
	// A copy inside a repository is not to be taken for a part of it.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the patch does not apply: %w\n%s", err, out)
	}
	return nil
}

// copyLibrary copies what the tests need: the packages of the root module, and the model.
func copyLibrary(root, to string) error {
	return filepath.WalkDir(root, func(dir string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		if dir != root && (strings.HasPrefix(e.Name(), ".") || e.Name() != "modeltest" && exists(filepath.Join(dir, "go.mod"))) {
			return fs.SkipDir
		}
		if code, err := filepath.Glob(filepath.Join(dir, "*.go")); err != nil || len(code) == 0 {
			return err
		}
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		return copyFiles(dir, filepath.Join(to, rel))
	})
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// copyFiles copies the files of a directory, without those further down.
func copyFiles(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
