//go:build linux

package faults_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool/natspool"
)

type otherCodec struct{}

func (otherCodec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (otherCodec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

func TestMismatch(t *testing.T) {
	repeat(t, func(t *testing.T, _ int) {
		s := startServer(t, serverSpec{})
		g := setStage(t, setting{URL: s.url()})
		g.worker(workerSpec{})
		g.read(0)
		double := func(context.Context, job) (value, error) { return value{}, nil }
		for option, other := range map[string]natspool.Option{
			"WithCapacity": natspool.WithCapacity(7), "WithMaxInFlight": natspool.WithMaxInFlight(7),
			"WithLease": natspool.WithLease(7 * time.Second), "WithPartitions": natspool.WithPartitions(7),
			"WithReplicas": natspool.WithReplicas(3), "WithResultCapacity": natspool.WithResultCapacity(700),
			"WithDeadLetters": natspool.WithDeadLetters(0), "WithCodec": natspool.WithCodec(otherCodec{}),
		} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			_, err := natspool.New(ctx, g.setting.Pool, double, append(g.setting.options(), other)...)
			cancel()
			require.ErrorIs(t, err, natspool.ErrMismatch, option)
			require.ErrorContains(t, err, option)
		}
		// Nothing was changed: others join as before, and it works.
		g.worker(workerSpec{})
		g.submit(plain(0, 100, 0))
		g.finish()
	})
}

func TestWrongCredentials(t *testing.T) {
	repeat(t, func(t *testing.T, _ int) {
		s := startServer(t, serverSpec{User: "somebody", Password: "secret"})
		right := s.url()
		s.spec.Password = "guess"
		for _, url := range []string{s.url(), (&serverProcess{spec: serverSpec{Port: s.spec.Port}}).url()} {
			begin := time.Now()
			_, err := natspool.NewClient[job, value](t.Context(), "credentials", natspool.WithURL(url))
			require.NotErrorIs(t, err, natspool.ErrUnavailable, "to try again is of no use")
			require.ErrorIs(t, err, nats.ErrAuthorization)
			assert.Less(t, time.Since(begin), 10*time.Second)
		}
		g := setStage(t, setting{URL: right})
		g.worker(workerSpec{})
		g.read(0)
		g.submit(plain(0, 100, 0))
		g.finish()
	})
}
