package natspool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

// BenchmarkRoundTrip is tiny jobs from SubmitAll to Results, on a server in the process that
// stores on disk and forces it there each second. It is of use with some hundred thousand jobs:
// -benchtime=200000x.
func BenchmarkRoundTrip(b *testing.B) {
	p := newPool(b, startLocal(b), double, natspool.WithWorkers(8), natspool.WithPrefetch(1024))
	results := p.Results()
	b.ReportAllocs()
	b.ResetTimer()
	stored := make(chan error, 1)
	go func() {
		_, err := p.SubmitAll(b.Context(), func(yield func(int) bool) {
			for i := range b.N {
				if !yield(i) {
					return
				}
			}
		})
		stored <- err
	}()
	for range b.N {
		r := <-results
		if r.Err != nil || r.Value != 2*r.Job {
			b.Fatal(r)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	require.NoError(b, <-stored)
}
