package natspool_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/internal/conformance"
	"github.com/boundedgo/workerpool/natspool"
	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// What the verbs mean is written once, for the pool in the process and for this one.
func TestConformance(t *testing.T) {
	server, err := natsembed.Start(natsembed.Options{Memory: true})
	require.NoError(t, err)
	defer server.Shutdown()
	nc, err := server.Connect()
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.AccountInfo(t.Context()) // so that what this connection has is there
	require.NoError(t, err)
	m := &maker{server: server, js: js, names: map[conformance.Pool]string{}}
	conformance.Run(t, conformance.Maker{
		New:    m.make,
		Reopen: m.reopen,
		Traits: conformance.Traits{
			Stores:          true,
			ErrorsAsText:    true,
			TryWithin:       5 * time.Second,
			DetachedDo:      true,
			NestedMayRefuse: true,
			KeyedOrder:      true,
			// Results that are stored, jobs that are, and one whose job is being acknowledged.
			Holds:      func(s conformance.Settings) int { return heldResults + s.Workers + s.Buffer + 1 },
			Goroutines: ofTheServer(),
		},
	})
}

// ofTheServer exempts what the server in this process has for each stream, consumer and
// connection. Those of the pools' own are not among them.
func ofTheServer() (all []goleak.Option) {
	const server = "github.com/nats-io/nats-server/v2/server"
	for _, name := range []string{
		".(*stream).internalLoop", ".(*stream).signalConsumersLoop", ".(*consumer).processInboundNextMsgReqs",
		".(*consumer).loopAndGatherMsgs", ".(*consumer).processInboundAcks", ".(*Server).startGoRoutine.func1", "/ats.Register.func1",
	} {
		all = append(all, goleak.IgnoreAnyFunction(server+name))
	}
	return append(all, goleak.IgnoreCurrent())
}

// heldResults is how many results are stored at most while nobody reads.
const heldResults = 300

// maker makes pools with names of their own on one server.
type maker struct {
	server *natsembed.Server
	js     jetstream.JetStream
	made   atomic.Int64

	mu    sync.Mutex
	names map[conformance.Pool]string
}

func (m *maker) make(t testing.TB, fn workerpool.Func[conformance.Job, conformance.Value], s conformance.Settings) conformance.Pool {
	name := fmt.Sprintf("suite-%d", m.made.Add(1))
	// Goroutines are counted again and again, and the server has a dozen for each pool.
	t.Cleanup(func() { m.remove(t, name) })
	return m.open(t, name, fn, s)
}

func (m *maker) remove(t testing.TB, name string) {
	for _, stream := range []string{"JOBS", "DELAYED", "RESULTS", "DEAD", "NOTES"} {
		assert.NoError(t, m.js.DeleteStream(context.Background(), "WP_"+name+"_"+stream))
	}
}

func (m *maker) reopen(t testing.TB, previous conformance.Pool, fn workerpool.Func[conformance.Job, conformance.Value], s conformance.Settings) conformance.Pool {
	m.mu.Lock()
	name := m.names[previous]
	m.mu.Unlock()
	return m.open(t, name, fn, s)
}

func (m *maker) open(t testing.TB, name string, fn workerpool.Func[conformance.Job, conformance.Value], s conformance.Settings) conformance.Pool {
	opts := []natspool.Option{
		natspool.WithServer(m.server), natspool.WithWorkers(s.Workers), natspool.WithPrefetch(0),
		natspool.WithCapacity(s.Workers + s.Buffer), natspool.WithLease(2 * time.Second), natspool.WithResultCapacity(heldResults),
		natspool.WithPartitions(4),
	}
	if s.Retry != nil {
		opts = append(opts, natspool.WithRetry(s.Retry))
	}
	if s.JobTimeout > 0 {
		opts = append(opts, natspool.WithJobTimeout(s.JobTimeout))
	}
	if s.Limiter != nil {
		opts = append(opts, natspool.WithLimiter(s.Limiter))
	}
	for name, err := range s.Errors {
		opts = append(opts, natspool.WithError(name, err))
	}
	p, err := natspool.New(t.Context(), name, fn, opts...)
	require.NoError(t, err)
	c := &conformant{p}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names[c] = name
	return c
}

// conformant has the suite's methods.
type conformant struct {
	*natspool.Pool[conformance.Job, conformance.Value]
}

func (c *conformant) options(job conformance.Job) (opts []natspool.SubmitOption) {
	if job.Key != "" {
		opts = append(opts, natspool.Key(job.Key))
	}
	return opts
}

func (c *conformant) Submit(ctx context.Context, job conformance.Job) error {
	return c.Pool.Submit(ctx, job, c.options(job)...)
}

func (c *conformant) TrySubmit(job conformance.Job) error {
	return c.Pool.TrySubmit(job, c.options(job)...)
}

func (c *conformant) Do(ctx context.Context, job conformance.Job) (conformance.Value, error) {
	return c.Pool.Do(ctx, job, c.options(job)...)
}
