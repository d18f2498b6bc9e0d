package workerpool_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/conformance"
)

// TestConformance runs what every implementation of the pool has to pass, see
// package conformance.
func TestConformance(t *testing.T) {
	conformance.Run(t, conformance.Maker{New: newConforming})
}

func newConforming(t testing.TB, handler workerpool.Func[conformance.Job, conformance.Value], s conformance.Settings) conformance.Pool {
	opts := sized(s.Workers, s.Buffer)
	if s.Retry != nil {
		opts = append(opts, workerpool.WithRetry(s.Retry))
	}
	if s.JobTimeout > 0 {
		opts = append(opts, workerpool.WithJobTimeout(s.JobTimeout))
	}
	if s.Limiter != nil {
		opts = append(opts, workerpool.WithLimiter(s.Limiter))
	}
	p, err := workerpool.New(handler, opts...)
	require.NoError(t, err)
	return p
}
