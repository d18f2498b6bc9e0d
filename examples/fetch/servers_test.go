package main

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// target makes something for a test to fetch, and returns its URL.
type target func(t *testing.T) string

func at(url string) target { return func(*testing.T) string { return url } }

// served is a server with that handler.
func served(h http.HandlerFunc) target {
	return func(t *testing.T) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
}

// servedTLS is one whose certificate nobody knows.
func servedTLS(h http.HandlerFunc) target {
	return func(t *testing.T) string {
		server := httptest.NewUnstartedServer(h)
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // it reports that nobody does
		server.StartTLS()
		t.Cleanup(server.Close)
		return server.URL
	}
}

// raw is a server that gives each connection to talk, and then closes it.
func raw(talk func(*net.TCPConn)) target {
	return func(t *testing.T) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				talk(conn.(*net.TCPConn))
				_ = conn.Close()
			}
		}()
		t.Cleanup(func() {
			_ = listener.Close()
			<-ended
		})
		return "http://" + listener.Addr().String()
	}
}

// overTLS is the same address with https.
func overTLS(to target) target {
	return func(t *testing.T) string { return strings.Replace(to(t), "http:", "https:", 1) }
}

// answering reads a request and answers it with text.
func answering(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, text)
	}
}

// resetting does that too, and the close that follows is not a friendly one.
func resetting(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		answering(text)(c)
		_ = c.SetLinger(0)
	}
}

// silent waits until the client closes the connection.
func silent(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }

// unanswered waits for the same in a handler.
func unanswered(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

func empty(http.ResponseWriter, *http.Request) {}

// endless sends a body for as long as the client takes it.
func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 1000)); err != nil {
			return
		}
	}
}

func redirectTo(location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}
}
