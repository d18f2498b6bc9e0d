package retry

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/boundedgo/workerpool"
)

// StatusError says that an HTTP request was answered with a status that turns it away.
type StatusError struct {
	StatusCode int    // as 429
	Status     string // as "429 Too Many Requests"
}

// Error says the status.
func (e *StatusError) Error() string {
	if e.Status == "" {
		return "HTTP status " + strings.TrimSpace(strconv.Itoa(e.StatusCode)+" "+http.StatusText(e.StatusCode))
	}
	return "HTTP status " + e.Status
}

// AfterResponse returns an error for a response that turns the request away for now: one
// with the status 429 (Too Many Requests) or 503 (Service Unavailable). For any other status,
// and for a nil resp, it returns nil.
//
// The error is one of [workerpool.RetryAfter], so a Func that returns it pauses its pool for
// as long as the header Retry-After says, but for no longer than most. That is a number of
// seconds, of which a fraction is rounded up, or a date; a date is taken relative to that of the response, its header Date, since
// the clocks of two machines differ, or to the clock of this one if there is none. Where
// there is no such header, or no sense in it, or the time has come, the wait is 0: it pauses
// nothing, and leaves the wait to the retry policy. So it is with a most of 0 or less. In the
// error there is a [*StatusError].
//
// It neither reads nor closes the body: that is for the caller, who may want to read it to
// its end, so that the connection can be used again.
func AfterResponse(resp *http.Response, most time.Duration) error {
	if resp == nil {
		return nil
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		after := retryAfter(resp.Header, time.Now())
		return workerpool.RetryAfter(&StatusError{resp.StatusCode, resp.Status}, max(0, min(after, most)))
	}
	return nil
}

// retryAfter is the time that the header Retry-After asks for (RFC 9110, section 10.2.3), or
// 0, or less, if it asks for none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, ok := digits(text); ok {
		return seconds
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return at.Sub(now) // which does not overflow either
}

// digits is a number of seconds, or as many as a Duration can have. Some servers send a
// fraction, which is rounded up: who comes too early is turned away again.
func digits(text string) (time.Duration, bool) {
	whole, part, fraction := strings.Cut(text, ".")
	if !areDigits(whole) || fraction && !areDigits(part) {
		return 0, false
	}
	seconds, err := strconv.ParseUint(whole, 10, 64)
	if err == nil && strings.Trim(part, "0") != "" && seconds < math.MaxUint64 {
		seconds++
	}
	if err != nil || seconds > uint64(math.MaxInt64/time.Second) { // there are too many of them
		return math.MaxInt64, true
	}
	return time.Duration(seconds) * time.Second, true
}

func areDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
