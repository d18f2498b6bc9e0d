package natspool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Codec turns jobs and values into bytes and back. [JSON] is the one that pools have unless
// WithCodec gives another. All processes of a pool must have the same. Its methods are called
// from many goroutines at once. A codec that panics has failed with that panic as its error.
type Codec interface {
	Marshal(v any) ([]byte, error)
	Unmarshal(data []byte, v any) error
}

// JSON is the codec of package encoding/json.
type JSON struct{}

// Marshal calls json.Marshal.
func (JSON) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Unmarshal calls json.Unmarshal.
func (JSON) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// safeCodec fences a codec.
type safeCodec struct{ Codec }

func (c safeCodec) marshal(v any) (data []byte, err error) {
	defer func() { err = recovered(recover(), err) }()
	return c.Marshal(v)
}

func (c safeCodec) unmarshal(data []byte, v any) (err error) {
	defer func() { err = recovered(recover(), err) }()
	return c.Unmarshal(data, v)
}

// recovered turns a panic into an error.
func recovered(value any, err error) error {
	if value == nil {
		return err
	}
	return fmt.Errorf("codec panicked: %v", value)
}

// outcome is a result as it is stored: the bytes of the job are with it, so that the reader
// has both, as from a pool in the process.
type outcome struct {
	job, value []byte
	failure    []byte // of encodeError; empty if there is none
	attempts   int
	key        string
	worker     string // the name of the process that ran it
	submitted  time.Time
	started    time.Time
	finished   time.Time
}

// outcomeVersion is the first byte of each stored outcome.
const outcomeVersion = 1

// encode writes the fields one behind the other, each with its length before it; the value,
// which may be large, goes last. A result per job is written and read, so that headers or
// JSON around JSON would be a good part of all that a tiny job costs.
func (o *outcome) encode() []byte {
	b := make([]byte, 0, len(o.job)+len(o.value)+len(o.failure)+len(o.key)+len(o.worker)+64)
	b = append(b, outcomeVersion)
	b = binary.AppendUvarint(b, uint64(o.attempts))
	for _, t := range []time.Time{o.submitted, o.started, o.finished} {
		b = binary.AppendVarint(b, nanos(t))
	}
	for _, field := range [][]byte{o.job, o.failure, []byte(o.key), []byte(o.worker)} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return append(b, o.value...)
}

var errOutcome = errors.New("not an outcome of this version")

func decodeOutcome(b []byte) (*outcome, error) {
	if len(b) == 0 || b[0] != outcomeVersion {
		return nil, errOutcome
	}
	r := reader{rest: b[1:]}
	o := &outcome{attempts: int(r.uvarint())}
	for _, t := range []*time.Time{&o.submitted, &o.started, &o.finished} {
		if n := r.varint(); n != 0 {
			*t = time.Unix(0, n)
		}
	}
	o.job, o.failure = r.field(), r.field()
	o.key, o.worker = string(r.field()), string(r.field())
	o.value = r.rest
	if r.bad || o.attempts < 0 {
		return nil, errOutcome
	}
	return o, nil
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// reader takes fields off the front of some bytes, and remembers if one was not there.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) {
	if n <= 0 {
		r.bad, r.rest = true, nil
		return
	}
	r.rest = r.rest[n:]
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.take(n)
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.take(n)
	return v
}

func (r *reader) field() []byte {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	field := r.rest[:n:n]
	r.rest = r.rest[n:]
	return field
}
