package natspool

import (
	"context"
	"errors"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// run is a job that this process holds.
type run struct {
	address
	worker    *worker
	hold      *hold
	credits   *credits // where one was taken for it
	seq       uint64   // in its stream
	delivered uint64   // how often the server gave it to somebody
	key       string
	submitted time.Time

	note  note // what is known of earlier attempts
	noted bool // there is one on the server
	state atomic.Int32
	alone bool // in the lane for suspects, which waits for done
	done  chan struct{}

	started, finished time.Time
	wait              time.Duration // until the next attempt,
	again             bool          // if there is to be one
}

// States of a run, from when it is in the queue of the pool in this process.
const (
	waits    = 1
	begun    = 2
	returned = 3 // to the server, while it was in the queue
)

// newRun reads what the server says of a message.
func newRun(w *worker, msg *nats.Msg, from *credits) (*run, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	a, ok := addressOf(msg.Subject)
	if !ok {
		return nil, errors.New("subject without an address: " + clip(msg.Subject))
	}
	r := &run{
		address: a, worker: w, credits: from,
		seq: meta.Sequence.Stream, delivered: meta.NumDelivered, submitted: meta.Timestamp,
	}
	if h := msg.Header; h != nil {
		r.key, _ = url.QueryUnescape(h.Get(headerKey)) // what is not ours has none
		if at := h.Get(headerSubmitted); at != "" {    // few have it, and to find out otherwise costs an error
			if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
				r.submitted = t
			}
		}
	}
	r.hold = w.leases.take(msg)
	r.hold.run.Store(r)
	return r, nil
}

// Headers of stored jobs, where there is something to say.
const (
	headerKey       = "Wp-Key"
	headerSubmitted = "Wp-Submitted" // of a job that is stored once more: one that was delayed, or is found again
)

// mine reports whether whoever asks, on the way of the job, has to see to it. The other one is
// giveBack, which takes it out of the queue.
func (r *run) mine() bool {
	return r.state.CompareAndSwap(waits, begun) || r.state.Load() == begun
}

// attempts is how many times the job has been tried, once this one is over.
func (r *run) attempts() int { return r.note.Attempts + 1 }

type runKey struct{}

// runOf finds the job whose context ctx is.
func runOf(ctx context.Context) *run {
	if ctx == nil {
		return nil
	}
	r, _ := ctx.Value(runKey{}).(*run)
	return r
}

// JobID returns the id of the job that runs under ctx, as the pool gave it to the handler, and
// "" if none does. A handler that must not do its work twice keeps it together with what it
// has done.
func JobID(ctx context.Context) string {
	if r := runOf(ctx); r != nil {
		return r.id
	}
	return ""
}

// Attempt returns which attempt of the job runs under ctx: 1 for the first, and 0 if none does.
// It counts those that have ended before. One that was cut short, because its process ended,
// does not count, so two may have the same number.
func Attempt(ctx context.Context) int {
	if r := runOf(ctx); r != nil {
		return r.attempts()
	}
	return 0
}
