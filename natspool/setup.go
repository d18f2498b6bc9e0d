package natspool

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// remote is what a pool has on the server.
type remote struct {
	names
	js      jetstream.JetStream
	jobs    jetstream.Stream
	delayed jetstream.Stream
	results jetstream.Stream
	dead    jetstream.Stream // nil: none
	notes   jetstream.Stream

	hadResults bool // there were some when we came
}

// formatVersion is stored with the queue: processes that write another format must not share it.
const formatVersion = "1"

// memory is how long the server remembers the ids of stored messages beside the messages
// themselves. It covers a publish that is sent again since its answer was lost.
//
// Rejected: the two minutes that the server has by default. At 30,000 jobs a second that is
// several 100 MB, and what has to hold is kept by subject.
const memory = 20 * time.Second

func (c config) streams(n names) []jetstream.StreamConfig {
	streams := []jetstream.StreamConfig{{
		Name:      n.jobs(),
		Subjects:  []string{n.subject("job", ">")},
		Retention: jetstream.WorkQueuePolicy,
		MaxMsgs:   int64(c.capacity),
		// One message a subject, and new ones refused: a job that is in the queue is not
		// stored twice, however long it waits there.
		MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
		Discard:  jetstream.DiscardNew,
		Metadata: map[string]string{"workerpool-format": formatVersion, "workerpool-partitions": strconv.Itoa(c.partitions), "workerpool-codec": fmt.Sprintf("%T", c.codec), "workerpool-dead-letters": strconv.Itoa(c.deadLetters), "workerpool-lease": c.lease.String(), "workerpool-in-flight": strconv.Itoa(c.maxInFlight)},
	}, {
		// The server's schedules don't work on a stream that refuses new messages, so they
		// are on one of their own, and workers take what is due from there.
		Name:              n.delayed(),
		Subjects:          []string{n.subject("later", ">"), n.subject("due", ">")},
		Retention:         jetstream.WorkQueuePolicy,
		AllowMsgSchedules: true,
	}, {
		// Not a work queue, where a result is gone once it was read: then a late second
		// run of the job could have another.
		Name:              n.results(),
		Subjects:          []string{n.subject("res", ">")},
		Retention:         jetstream.LimitsPolicy,
		MaxMsgs:           int64(c.resultCapacity),
		MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
		Discard:     jetstream.DiscardNew,
		AllowMsgTTL: true, // for those of Do, whose reader may be gone
	}, {
		Name:              n.notes(),
		Subjects:          []string{n.subject("note", ">")},
		Retention:         jetstream.LimitsPolicy,
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardOld,
		MaxAge:            notesAge,
		AllowMsgTTL:       true,
	}}
	if c.deadLetters > 0 {
		streams = append(streams, jetstream.StreamConfig{
			Name:      n.dead(),
			Subjects:  []string{n.subject("dead", ">")},
			Retention: jetstream.LimitsPolicy,
			MaxMsgs:   int64(c.deadLetters),
			// A later one replaces that of the same job: one that is requeued may fail again
			// before its old dead letter is removed.
			MaxMsgsPerSubject: 1,
			Discard:           jetstream.DiscardNew,
		})
	}
	for i := range streams {
		if c.memory {
			streams[i].Storage = jetstream.MemoryStorage // file storage is 0
		}
		streams[i].Replicas = c.replicas
		streams[i].Duplicates = memory
		streams[i].MaxConsumers = maxConsumers
	}
	return streams
}

// maxConsumers is how many consumers a stream may have: each partition, each mailbox and each process
// that calls Do has one. Where a stream says nothing, a server allows 1,000 and then refuses partitions,
// and the reader of a mailbox. It is no setting of the queue: of streams that are there it is as it is.
const maxConsumers = 1 << 16

// notesAge is after how long a note is forgotten whose job has vanished without anybody who
// removed it.
const notesAge = 30 * 24 * time.Hour

// consumers are those from which workers take jobs: each job goes to one.
func (c config) consumers(n names) map[string]jetstream.ConsumerConfig {
	worker := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy,
		AckWait:   c.lease,
		// Never: the server would leave the job in the queue, where nobody gets it. How often
		// a job is tried is decided by the worker that has it.
		MaxDeliver:    -1,
		MaxAckPending: c.maxInFlight,
		MaxWaiting:    maxWaiting,
	}
	at := func(durable, filter string, inFlight int) jetstream.ConsumerConfig {
		w := worker
		w.Durable, w.FilterSubject, w.MaxAckPending = durable, filter, inFlight
		return w
	}
	rest := n.subject("job", laneAny, ">")
	if c.partitions == 0 {
		rest = "" // all jobs there are: without a filter the server has less to look at
	}
	all := map[string]jetstream.ConsumerConfig{laneAny: at("workers", rest, c.maxInFlight)}
	for i := range c.partitions {
		// One at a time is what keeps the order of a key, over all processes.
		all[lane(i)] = at("workers-"+lane(i), n.subject("job", lane(i), ">"), 1)
	}
	return all
}

// maxWaiting is how many requests for jobs may stand at once, of all processes.
const maxWaiting = 1 << 14

func (c config) dueConsumer(n names) jetstream.ConsumerConfig {
	due := c.consumers(n)[laneAny]
	due.FilterSubject = n.subject("due", ">")
	return due
}

// setUp makes what is not there yet, and compares what is. It asks again for as long as ctx
// lasts when the server does not answer: a cluster that has just been started needs its time.
func setUp(ctx context.Context, c config, js jetstream.JetStream) (*remote, error) {
	r := &remote{names: names{c.name}, js: js}
	places := []*jetstream.Stream{&r.jobs, &r.delayed, &r.results, &r.notes, &r.dead}
	for i, want := range c.streams(r.names) {
		s, err := ensure(ctx, c, func(ctx context.Context) (jetstream.Stream, error) { return ensureStream(ctx, c, js, want) })
		if err != nil {
			return nil, err
		}
		*places[i] = s
	}
	r.hadResults = r.results.CachedInfo().State.Msgs > 0
	return r, nil
}

// ensure calls f until it succeeds, fails for good, or ctx ends.
func ensure[S any](ctx context.Context, c config, f func(context.Context) (S, error)) (S, error) {
	for n := 1; ; n++ {
		attempt, cancel := context.WithTimeout(ctx, setupTimeout)
		s, err := f(attempt)
		cancel()
		if err == nil || !passing(err) {
			return s, err
		}
		if n%10 == 5 { // some seconds between one and the next
			c.logger.Warn("natspool: waiting for the server", "pool", c.name, "error", err)
		}
		if !sleep(ctx, 10*pause(n)) {
			return s, c.error(append(contextErrors(ctx), ErrUnavailable, err), "setting up on the server: %v: %v", context.Cause(ctx), err)
		}
	}
}

const setupTimeout = 5 * time.Second

// passing reports whether err may be gone the next time.
func passing(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		// Replicas without a cluster, files on a server that stores none: those stay.
		return (api.Code == 503 || api.Code == 500) && api.ErrorCode != codeNoCluster && api.ErrorCode != codeNoStorage
	}
	return !errors.Is(err, ErrMismatch) && answerTo(err) != never && !errors.Is(err, jetstream.ErrJetStreamNotEnabled)
}

func ensureStream(ctx context.Context, c config, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = createStream(ctx, js, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			s, err = js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("natspool %q: stream %s: %w", c.name, want.Name, err)
	}
	return s, c.compareStream(want, s.CachedInfo().Config)
}

// createStream leaves the number of consumers to an account that allows fewer.
func createStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := js.CreateStream(ctx, want)
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == jetstream.JSErrCodeMaximumConsumersLimit {
		want.MaxConsumers = 0
		return js.CreateStream(ctx, want)
	}
	return s, err
}

// compareStream says which settings differ, by the names of the options.
func (c config) compareStream(want, have jetstream.StreamConfig) error {
	var d differences
	if want.Name == (names{c.name}).jobs() {
		d.add("format", want.Metadata["workerpool-format"], have.Metadata["workerpool-format"])
		d.add("WithPartitions", want.Metadata["workerpool-partitions"], have.Metadata["workerpool-partitions"])
		d.add("WithLease", want.Metadata["workerpool-lease"], have.Metadata["workerpool-lease"])
		d.add("WithMaxInFlight", want.Metadata["workerpool-in-flight"], have.Metadata["workerpool-in-flight"])
		d.add("WithDeadLetters", want.Metadata["workerpool-dead-letters"], have.Metadata["workerpool-dead-letters"])
		d.add("WithCodec", want.Metadata["workerpool-codec"], have.Metadata["workerpool-codec"])
	}
	limit := "size of " + want.Name
	switch want.Name {
	case names{c.name}.jobs():
		limit = "WithCapacity"
	case names{c.name}.results():
		limit = "WithResultCapacity"
	}
	d.add(limit, want.MaxMsgs, max(0, have.MaxMsgs)) // the server has -1 for no limit
	d.add("WithReplicas", want.Replicas, have.Replicas)
	d.add("subjects", want.Subjects, have.Subjects)
	d.add("retention", want.Retention, have.Retention)
	return d.err(c)
}

func ensureConsumer(ctx context.Context, c config, s jetstream.Stream, want jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	cons, err := s.Consumer(ctx, want.Durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		cons, err = s.CreateConsumer(ctx, want)
		if errors.Is(err, jetstream.ErrConsumerExists) {
			cons, err = s.Consumer(ctx, want.Durable)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("natspool %q: consumer %s: %w", c.name, want.Durable, err)
	}
	var d differences
	have := cons.CachedInfo().Config
	d.add("WithLease", want.AckWait, have.AckWait)
	d.add("WithMaxInFlight", want.MaxAckPending, have.MaxAckPending)
	d.add("filter", want.FilterSubject, have.FilterSubject)
	return cons, d.err(c)
}

type differences []string

func (d *differences) add(what string, want, have any) {
	if w, h := fmt.Sprint(want), fmt.Sprint(have); w != h {
		*d = append(*d, fmt.Sprintf("%s: %s wanted, %s there", what, w, h))
	}
}

func (d differences) err(c config) error {
	if len(d) == 0 {
		return nil
	}
	return c.error([]error{ErrMismatch}, "exists on the server with other settings: %s", strings.Join(d, "; "))
}

// sleep waits for d, and reports whether ctx was there that long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
