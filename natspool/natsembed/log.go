package natsembed

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// plaintextWarning is about configuration files, which could be read by others
// than the server. Here passwords come from the program.
const plaintextWarning = "Plaintext passwords detected"

// A serverLog is the server's logger. The server expects that a fatal error ends
// the process. Here the first one ends Start instead.
type serverLog struct {
	to      *slog.Logger
	notices bool
	ignore  string // fatal errors with this in them are meant to happen

	fatal chan struct{} // closed by the first fatal error
	once  sync.Once
	cause string // set before fatal is closed
}

func newServerLog(to *slog.Logger) *serverLog {
	l := &serverLog{to: to, notices: true, fatal: make(chan struct{})}
	if to == nil {
		l.to, l.notices = slog.Default(), false
	}
	l.to = l.to.With("component", "natsembed")
	return l
}

func (l *serverLog) log(level slog.Level, format string, args []any) {
	l.to.Log(context.Background(), level, fmt.Sprintf(format, args...))
}

// Noticef logs what the server does.
func (l *serverLog) Noticef(format string, args ...any) {
	if l.notices {
		l.log(slog.LevelInfo, format, args)
	}
}

// Warnf logs a warning.
func (l *serverLog) Warnf(format string, args ...any) {
	if !strings.HasPrefix(format, plaintextWarning) {
		l.log(slog.LevelWarn, format, args)
	}
}

// Errorf logs an error.
func (l *serverLog) Errorf(format string, args ...any) {
	l.log(slog.LevelError, format, args)
}

// Fatalf logs an error that the server cannot go on after.
func (l *serverLog) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	if l.ignore != "" && strings.Contains(msg, l.ignore) {
		return
	}
	l.log(slog.LevelError, "%s", []any{msg})
	l.once.Do(func() {
		l.cause = msg
		close(l.fatal)
	})
}

// Debugf is never called: the server is not told to debug.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef is never called: the server is not told to trace.
func (l *serverLog) Tracef(string, ...any) {}
