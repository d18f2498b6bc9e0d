package contenders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/boundedgo/workerpool/natspool/natsembed"
)

// What a good programmer writes who has nats.go and no pool: streams and consumers of the same
// settings as natspool has, the fastest calls of the client library, and nothing that is needed
// when something fails. So it shows what that costs.
func byHand() Contender {
	return Contender{
		Name: ByHand, Group: Second, Title: "JetStream by hand, embedded",
		Durability: "SyncEvery 1 s",
		Done:       "a consumer has received its result, and acknowledged it",
		Batch:      "PublishMsgAsync",
		Call:       "PublishMsg, then the consumer of the results",
		Module:     "github.com/nats-io/nats.go",
		open:       openByHand,
	}
}

const (
	handJobs, handResults = "hand.job.", "hand.res."
	handAhead             = 2048 // jobs on their way to be stored
	// From time to time Consume asks for nothing until its last request has expired. That takes
	// half a minute by default.
	handExpiry = time.Second
)

type handSession struct {
	js      jetstream.JetStream // for jobs
	results jetstream.JetStream
	done    counter
	values  chan int // nil: nobody wants them
	jobs    chan jetstream.Msg
	sent    chan handResult
	cleanup []func() error
}

// handResult is a result on its way to be stored.
type handResult struct {
	job    jetstream.Msg
	stored jetstream.PubAckFuture
}

type handValue struct{ Job, Value int }

func openByHand(ctx context.Context, s Setting) (Session, error) {
	dir := filepath.Join(s.Dir, "hand")
	server, err := natsembed.Start(natsembed.Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	h := &handSession{jobs: make(chan jetstream.Msg, ahead), sent: make(chan handResult, ahead)}
	h.cleanup = append(h.cleanup, func() error { server.Shutdown(); return os.RemoveAll(dir) })
	if s.Calls {
		h.values = make(chan int, 1)
	}
	if err := h.begin(ctx, s, server); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *handSession) begin(ctx context.Context, s Setting, server *natsembed.Server) error {
	nc, err := server.Connect()
	if err != nil {
		return err
	}
	h.cleanup = append(h.cleanup, func() error { nc.Close(); return nil })
	if h.js, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(handAhead)); err != nil {
		return err
	}
	if h.results, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(handAhead)); err != nil {
		return err
	}
	jobs, err := h.consumer(ctx, "HAND_JOBS", handJobs, jetstream.WorkQueuePolicy)
	if err != nil {
		return err
	}
	results, err := h.consumer(ctx, "HAND_RESULTS", handResults, jetstream.LimitsPolicy)
	if err != nil {
		return err
	}
	return h.work(s, jobs, results)
}

// consumer makes a stream of unique subjects, and its consumer.
func (h *handSession) consumer(ctx context.Context, name, subject string, keep jetstream.RetentionPolicy) (jetstream.Consumer, error) {
	s, err := h.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{subject + ">"}, Retention: keep,
		MaxMsgs: 100_000, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true, Discard: jetstream.DiscardNew,
	})
	if err != nil {
		return nil, err
	}
	return s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: "readers", FilterSubject: subject + "box.*", AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1, MaxAckPending: 20_000,
	})
}

func (h *handSession) work(s Setting, jobs, results jetstream.Consumer) error {
	incoming, err := jobs.Consume(func(m jetstream.Msg) { h.jobs <- m }, jetstream.PullMaxMessages(ahead+s.Workers), jetstream.PullExpiry(handExpiry))
	if err != nil {
		return err
	}
	var workers, acks sync.WaitGroup
	for range s.Workers {
		workers.Go(func() { h.worker(s) })
	}
	acks.Go(h.acknowledge)
	h.cleanup = append(h.cleanup, func() error {
		incoming.Stop()
		<-incoming.Closed()
		close(h.jobs)
		workers.Wait()
		close(h.sent)
		acks.Wait()
		return nil
	})
	read, err := results.Consume(h.read, jetstream.PullMaxMessages(512), jetstream.PullExpiry(handExpiry))
	if err != nil {
		return err
	}
	h.cleanup = append(h.cleanup, func() error { read.Stop(); <-read.Closed(); return nil })
	return nil
}

func (h *handSession) worker(s Setting) {
	for m := range h.jobs {
		if err := h.run(s, m); err != nil {
			h.done.add(err)
		}
	}
}

func (h *handSession) run(s Setting, m jetstream.Msg) error {
	var n int
	if err := json.Unmarshal(m.Data(), &n); err != nil {
		return err
	}
	value, err := double(context.Background(), n, s.Work)
	if err != nil {
		return err
	}
	data, err := json.Marshal(handValue{n, value})
	if err != nil {
		return err
	}
	id := strings.TrimPrefix(m.Subject(), handJobs)
	stored, err := h.results.PublishMsgAsync(&nats.Msg{Subject: handResults + id, Data: data})
	if err != nil {
		return err
	}
	h.sent <- handResult{m, stored}
	return nil
}

// acknowledge tells the server that jobs are done whose results are stored.
func (h *handSession) acknowledge() {
	for r := range h.sent {
		select {
		case <-r.stored.Ok():
			if err := r.job.Ack(); err != nil {
				h.done.add(err)
			}
		case err := <-r.stored.Err():
			h.done.add(err)
		}
	}
}

func (h *handSession) read(m jetstream.Msg) {
	var v handValue
	err := errors.Join(json.Unmarshal(m.Data(), &v), m.Ack())
	if err == nil && v.Value != 2*v.Job {
		err = fmt.Errorf("by hand: the result of %d is %d", v.Job, v.Value)
	}
	h.done.add(err)
	if h.values != nil {
		h.values <- v.Value
	}
}

func (h *handSession) job(n int) (*nats.Msg, error) {
	data, err := json.Marshal(n)
	return &nats.Msg{Subject: handJobs + "box." + nuid.Next(), Data: data}, err
}

func (h *handSession) Submit(ctx context.Context, n int) error {
	m, err := h.job(n)
	if err != nil {
		return err
	}
	_, err = h.js.PublishMsg(ctx, m)
	return err
}

// SubmitAll waits for a place where too many are on their way, as natspool does.
func (h *handSession) SubmitAll(ctx context.Context, jobs int) error {
	places := make(chan jetstream.PubAckFuture, handAhead/2)
	stored := make(chan error, 1)
	go func() {
		var failed error
		for f := range places {
			select {
			case <-f.Ok():
			case err := <-f.Err():
				failed = errors.Join(failed, err)
			case <-ctx.Done():
				failed = context.Cause(ctx)
			}
		}
		stored <- failed
	}()
	var failed error
	for n := 0; n < jobs && failed == nil; n++ {
		m, err := h.job(n)
		if err == nil {
			var f jetstream.PubAckFuture
			if f, err = h.js.PublishMsgAsync(m); err == nil {
				places <- f
			}
		}
		failed = err
	}
	close(places)
	return errors.Join(failed, <-stored)
}

func (h *handSession) Await(ctx context.Context, n int) error { return h.done.await(ctx, n) }

func (h *handSession) Call(ctx context.Context, n int) (int, error) {
	if err := h.Submit(ctx, n); err != nil {
		return 0, err
	}
	select {
	case v := <-h.values:
		return v, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (h *handSession) Address() string { return "" }

func (h *handSession) Close() error {
	var errs []error
	for _, f := range slices.Backward(h.cleanup) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}
