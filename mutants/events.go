package main

import (
	"encoding/json"
	"io"
	"strings"
)

// firstFailure reads what go test -json prints. It returns the first test that failed,
// without its subtests' names, and how many tests have run. A test binary that ends by
// a panic outside of any test, as that of a goroutine of the pool's is, says nothing
// of a test: then it is the last one that was running.
func firstFailure(r io.Reader) (failed string, ran int) {
	var last string
	for d := json.NewDecoder(r); ; {
		var e struct{ Action, Test string }
		if d.Decode(&e) != nil {
			return failed, ran
		}
		name, _, _ := strings.Cut(e.Test, "/")
		switch {
		case e.Action == "run":
			last = name
			ran++
		case e.Action == "fail" && name != "":
			return name, ran
		case e.Action == "fail":
			failed = last
		}
	}
}
