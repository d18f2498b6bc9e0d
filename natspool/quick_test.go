package natspool_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// startLocal starts a server that stores on disk and listens nowhere.
func startLocal(t testing.TB) *natsembed.Server {
	t.Helper()
	s, err := natsembed.Start(natsembed.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	return s
}

func TestQuick(t *testing.T) {
	s := startLocal(t)
	ctx := context.Background()
	p, err := natspool.New(ctx, "q", func(_ context.Context, n int) (int, error) { return 2 * n, nil }, natspool.WithServer(s), natspool.WithWorkers(4), natspool.WithPrefetch(256))
	require.NoError(t, err)
	const n = 100000
	begin := time.Now()
	go func() {
		got, err := p.SubmitAll(ctx, func(yield func(int) bool) {
			for i := range n {
				if !yield(i) {
					return
				}
			}
		})
		fmt.Println(got, err, time.Since(begin))
		p.Close()
	}()
	seen := map[int]bool{}
	for r := range p.Results() {
		if r.Err != nil || r.Value != 2*r.Job {
			t.Fatal(r)
		}
		seen[r.Job] = true
	}
	require.Len(t, seen, n)
	fmt.Println(float64(n)/time.Since(begin).Seconds(), "jobs/s")
	fmt.Printf("%+v\n", p.Stats())
	p.Stop()
}
