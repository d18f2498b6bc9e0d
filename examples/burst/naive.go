package main

import "context"

// getNaively gets the answers to the requests 1 to n with a goroutine for each, and
// calls collect with every result. Nothing bounds how many are sent at once.
func getNaively(ctx context.Context, get getFunc, n int, collect func(result)) {
	results := make(chan result)
	for id := 1; id <= n; id++ {
		go func() {
			answer, err := get(ctx, id)
			results <- result{Job: id, Value: answer, Err: err}
		}()
	}
	for range n {
		collect(<-results)
	}
}
