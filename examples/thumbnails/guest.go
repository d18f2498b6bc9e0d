package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// errEnough is for a client that goes away before it has all its lines.
var errEnough = errors.New("this client has seen enough")

// answer is what a client got for a request.
type answer struct {
	status  int
	retry   string // Retry-After
	problem problem
	lines   []line
}

// ask posts URLs and hands each line to each as it comes, which may return an error to go
// away. With an error the answer is what came until then.
func ask(ctx context.Context, c *http.Client, server string, urls []string, each func(line) error) (answer, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave() // closes the connection, if there is more to come
	body, err := json.Marshal(urls)
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, retry: resp.Header.Get("Retry-After")}
	if a.status != http.StatusOK {
		return a, json.NewDecoder(resp.Body).Decode(&a.problem)
	}
	err = a.read(resp.Body, each)
	return a, err
}

func (a *answer) read(body io.Reader, each func(line) error) error {
	for in := bufio.NewReader(body); ; {
		text, err := in.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("the answer is not complete: %w", err)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return err
		}
		a.lines = append(a.lines, l)
		if err := each(l); err != nil {
			return err
		}
	}
}
