package natspool

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// note is what is known of a job that did not go through at the first attempt. It is written
// only then: a job that does costs none.
//
// The server counts how often it gave a job to somebody. That is not how often it was tried:
// jobs that were only fetched ahead, by a process that ended, were given out too. So attempts
// are counted here, and what the server has counted without an explanation here is a process
// that ended, or was cut off, and said nothing.
type note struct {
	Seq       uint64    `json:"seq"` // of the job; another one means that the note is of an older job of that id
	Attempts  int       `json:"attempts,omitempty"`
	Explained uint64    `json:"explained,omitempty"` // the last delivery of which we know how it ended
	Open      bool      `json:"open,omitempty"`      // begun alone, and not ended as far as is known
	Crashes   int       `json:"crashes,omitempty"`
	After     time.Time `json:"after,omitzero"` // not to be tried before
}

// writeNote stores what is known of r, and calls then when it is stored, or given up.
func (w *worker) writeNote(r *run, then func()) {
	r.note.Seq, r.noted = r.seq, true
	data, err := json.Marshal(r.note)
	if err != nil { // cannot be: numbers and a time
		w.cfg.logger.Error("natspool: note", "pool", w.cfg.name, "error", err)
	}
	w.outbox.send(&parcel{
		subject: w.r.subject("note", r.String()), data: data,
		owner: ownerFunc(func(a answer, _ error) bool {
			if a != taken && a != givenUp {
				return true
			}
			then()
			return false
		}),
	})
}

// removeNote has the server forget it, a moment later. Nobody waits for that: a note without a
// job does no harm, and is forgotten some day.
func (w *worker) removeNote(r *run) {
	if !r.noted {
		return
	}
	w.outbox.send(&parcel{
		subject: w.r.subject("note", r.String()), data: []byte("{}"),
		header: nats.Header{jetstream.MsgTTLHeader: {time.Second.String()}},
		owner:  ownerFunc(func(a answer, _ error) bool { return a != taken && a != never }),
	})
}

// readNote finds what is known of r.
func (w *worker) readNote(ctx context.Context, r *run) error {
	msg, err := w.r.notes.GetLastMsgForSubject(ctx, w.r.subject("note", r.String()))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var n note
	if err := json.Unmarshal(msg.Data, &n); err != nil || n.Seq != r.seq {
		return nil
	}
	r.note, r.noted = n, true
	return nil
}
