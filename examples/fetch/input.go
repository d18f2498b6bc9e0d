package main

import (
	"context"
	"io"
	"os"
)

// input is a file or standard input, whose reads end when ctx does.
type input struct {
	ctx  context.Context
	from io.Reader
	file *os.File // to be closed; nil for standard input

	// What a read fills for which nobody may wait any more. It is small, since what was
	// read ahead has to be listed when the program is stopped.
	buf [4 << 10]byte
}

// openInput opens the file of that name, or takes stdin if it is "-".
func openInput(ctx context.Context, name string, stdin io.Reader) (*input, error) {
	in := &input{ctx: ctx, from: stdin}
	if name == "-" {
		return in, nil
	}
	file, err := await(ctx, func() (*os.File, error) { return os.Open(name) }) // a named pipe may wait for its writer
	if err == nil {
		in.from, in.file = file, file
	}
	return in, err
}

func (in *input) close() {
	if in.file != nil {
		_ = in.file.Close() // what was read is read
	}
}

// Read implements io.Reader. When the context ends it returns its cause, at once.
func (in *input) Read(p []byte) (int, error) {
	buf := in.buf[:min(len(p), len(in.buf))]
	n, err := await(in.ctx, func() (int, error) { return in.from.Read(buf) })
	return copy(p, buf[:n]), err
}

// await returns what f returns, or when ctx ends first, its cause.
//
// NOTE: f is left behind then, with what it may yet return. Nothing can end a read of a
// terminal or of a pipe to which nobody writes, and it must not keep the program from
// ending.
func await[T any](ctx context.Context, f func() (T, error)) (value T, err error) {
	if ctx.Err() != nil {
		return value, context.Cause(ctx)
	}
	done := make(chan struct{})
	var late T
	var lateErr error
	go func() {
		defer close(done)
		late, lateErr = f()
	}()
	select {
	case <-done:
		return late, lateErr
	case <-ctx.Done():
	}
	select {
	case <-done: // both at once: what was read must not be lost
		return late, lateErr
	default:
		return value, context.Cause(ctx)
	}
}
