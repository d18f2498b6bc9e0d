package faults_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

// An id is submitted a hundred times at once: before there is a worker, when the job is done,
// and after the server has forgotten what it has seen.
func TestHundredOfOne(t *testing.T) {
	repeat(t, func(t *testing.T, jobs int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		rounds := max(4, min(jobs/100, 200))
		at := func(n, want int) {
			j := job{N: n}
			g.oracle.offer(j)
			var all sync.WaitGroup
			var stored, known atomic.Int64
			clients := []*pool{g.client, g.join()}
			defer clients[1].Stop()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for i := range 100 {
				all.Go(func() {
					err := clients[i%2].Submit(ctx, j, natspool.ID(jobID(n)))
					switch {
					case err == nil:
						stored.Add(1)
						g.oracle.accept(n)
					case errors.Is(err, natspool.ErrDuplicate):
						known.Add(1)
					default:
						assert.NoError(t, err)
					}
				})
			}
			all.Wait()
			require.EqualValues(t, want, stored.Load(), fmt.Sprint("stored of job ", n))
			require.EqualValues(t, 100-want, known.Load(), "ErrDuplicate")
		}
		for n := range rounds / 4 {
			at(n, 1)
		}
		g.read(0)
		w := g.worker(workerSpec{})
		for n := range rounds { // of those that are new, the first ones may be done before the last is submitted
			want := 0
			if n >= rounds/4 {
				want = 1
			}
			at(n, want)
		}
		g.complete()
		g.drained()
		for n := range rounds / 4 {
			at(n, 0)
		}
		s.shutDown()
		s.start()
		for n := range rounds / 4 {
			at(n, 0)
		}
		bounce(s, 0)
		for n := range rounds / 4 {
			at(n, 0)
		}
		g.finish()
		assert.EqualValues(t, rounds, stats(w).Local.Attempts, "each was run once")
	})
}
