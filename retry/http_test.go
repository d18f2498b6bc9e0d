package retry_test

import (
	"errors"
	"io"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/retry"
)

// wait is how long an error says to wait, as limiters learn it.
func wait(t *testing.T, err error) time.Duration {
	t.Helper()
	var after interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &after)
	return after.RetryAfter()
}

// turnedAway is a response with status 429 and these headers, in pairs.
func turnedAway(headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: http.StatusTooManyRequests, Status: "429 Too Many Requests", Header: h}
}

func TestAfterResponse_Status(t *testing.T) {
	assert.NoError(t, retry.AfterResponse(nil, time.Minute))
	for status := 100; status < 600; status++ {
		resp := turnedAway("Retry-After", "7")
		resp.StatusCode, resp.Status = status, ""
		err := retry.AfterResponse(resp, time.Minute)
		if status != 429 && status != 503 {
			assert.NoError(t, err, status)
			continue
		}
		assert.Equal(t, 7*time.Second, wait(t, err))
		var is *retry.StatusError
		require.ErrorAs(t, err, &is)
		assert.Equal(t, status, is.StatusCode)
	}
}

func TestStatusError(t *testing.T) {
	assert.EqualError(t, &retry.StatusError{StatusCode: 429, Status: "429 Slow Down"}, "HTTP status 429 Slow Down")
	assert.EqualError(t, &retry.StatusError{StatusCode: 503}, "HTTP status 503 Service Unavailable")
	assert.EqualError(t, &retry.StatusError{StatusCode: 599}, "HTTP status 599")
}

func TestAfterResponse_Seconds(t *testing.T) {
	const most = 48 * time.Hour
	for text, want := range map[string]time.Duration{
		"":                     0,
		"0":                    0,
		"00":                   0,
		"1":                    time.Second,
		" 120 ":                2 * time.Minute,
		"0120":                 2 * time.Minute,
		"172800":               most,
		"172801":               most,
		"9223372036":           most,
		"9223372037":           most, // more than a Duration has
		"18446744073709551616": most, // more than an uint64 has
		"-1":                   0,
		"+1":                   0,
		"0.5":                  time.Second,
		"1.337":                2 * time.Second,
		" 3.000 ":              3 * time.Second,
		"0.0":                  0,
		"0.0000000000000001":   time.Second,
		"172799.1":             most,
		"172800.1":             most,
		"9223372035.5":         most,
		"9223372036.5":         most, // more than a Duration has, rounded up
		"9223372037.5":         most,
		"1.":                   0,
		".5":                   0,
		".":                    0,
		"1.5.5":                0,
		"1,5":                  0,
		"-0.5":                 0,
		"+0.5":                 0,
		"1.5e3":                0,
		"1.-5":                 0,
		"NaN":                  0,
		"Inf":                  0,
		"+Inf":                 0,
		"Infinity":             0,
		"1e3":                  0,
		"0x10":                 0,
		"1_000":                0,
		"2 s":                  0,
		"١":                    0,
		"soon":                 0,
	} {
		assert.Equal(t, want, wait(t, retry.AfterResponse(turnedAway("Retry-After", text), most)), "%q", text)
	}
}

// A date is relative to that of the server, whose clock may be years off.
func TestAfterResponse_Date(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock begins with the year 2000
		const most = 48 * time.Hour
		for _, c := range []struct {
			after, date string
			want        time.Duration
		}{
			{"Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:29 GMT", 30 * time.Second},
			{"Friday, 31-Dec-99 23:59:59 GMT", "Fri Dec 31 23:59:29 1999", 30 * time.Second},
			{"Sat, 01 Jan 2000 00:00:30 GMT", "", 30 * time.Second},
			{"Sat, 01 Jan 2000 00:00:30 GMT", "yesterday", 30 * time.Second},
			{"Sat, 01 Jan 2000 00:00:00 GMT", "", 0},
			{"Fri, 31 Dec 1999 23:59:59 GMT", "", 0},
			{"Fri, 31 Dec 1999 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", 0},
			{"Fri, 31 Dec 9999 23:59:59 GMT", "", most},
			{"Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", most},
			{"Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", 0},
			{"2000-01-01T00:00:30Z", "", 0},
		} {
			err := retry.AfterResponse(turnedAway("Retry-After", c.after, "Date", c.date), most)
			assert.Equal(t, c.want, wait(t, err), "%+v", c)
		}
	})
}

// Rounded up, the longest that a Duration has is not exceeded.
func TestAfterResponse_FractionsDoNotOverflow(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"9223372035.5": 9223372036 * time.Second,
		"9223372036.0": 9223372036 * time.Second,
		"9223372036.5": math.MaxInt64,
		"9223372037.5": math.MaxInt64,
	} {
		assert.Equal(t, want, wait(t, retry.AfterResponse(turnedAway("Retry-After", text), math.MaxInt64)), text)
	}
}

func TestAfterResponse_NoBoundIsNoHint(t *testing.T) {
	for _, most := range []time.Duration{0, -1, math.MinInt64} {
		assert.Zero(t, wait(t, retry.AfterResponse(turnedAway("Retry-After", "7"), most)))
	}
}

// Several headers are nonsense. The first one counts, as for most of net/http.
func TestAfterResponse_SeveralHeaders(t *testing.T) {
	assert.Equal(t, 7*time.Second, wait(t, retry.AfterResponse(turnedAway("Retry-After", "7", "Retry-After", "9"), time.Minute)))
	none := turnedAway()
	none.Header = nil
	assert.Zero(t, wait(t, retry.AfterResponse(none, time.Minute)))
}

// Over a network, where the server adds its Date, and the body is the caller's.
func TestAfterResponse_OverHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/seconds":
			w.Header().Set("Retry-After", "3")
		case "/date": // by a clock that is a year behind
			now := time.Now().AddDate(-1, 0, 0)
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
			w.Header().Set("Retry-After", now.Add(time.Hour).UTC().Format(http.TimeFormat))
		case "/fine":
			return
		}
		http.Error(w, "not now", http.StatusServiceUnavailable)
	}))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	for path, want := range map[string]time.Duration{"/seconds": 3 * time.Second, "/date": time.Hour, "/nothing": 0} {
		resp, err := server.Client().Get(server.URL + path)
		require.NoError(t, err)
		err = retry.AfterResponse(resp, 2*time.Hour)
		assert.Equal(t, want, wait(t, err), path)
		assert.ErrorContains(t, err, "HTTP status 503 Service Unavailable")
		body, err := io.ReadAll(resp.Body)
		assert.NoError(t, err)
		assert.Equal(t, "not now\n", string(body), "it is unread")
		assert.NoError(t, resp.Body.Close())
	}
	resp, err := server.Client().Get(server.URL + "/fine")
	require.NoError(t, err)
	assert.NoError(t, retry.AfterResponse(resp, time.Minute))
	assert.NoError(t, resp.Body.Close())
}

// FuzzAfterResponse checks for any headers that the wait is within its bounds, and exact for
// a number of seconds.
func FuzzAfterResponse(f *testing.F) {
	for _, text := range []string{"", "0", "120", "9223372036", "99999999999999999999", "-1", "0.5", "1.337", "9223372036.5", "NaN", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"} {
		f.Add(text, "Sun, 06 Nov 1994 08:48:37 GMT", int64(time.Hour))
	}
	f.Fuzz(func(t *testing.T, after, date string, bound int64) {
		most := time.Duration(bound)
		err := retry.AfterResponse(turnedAway("Retry-After", after, "Date", date), most)
		d := wait(t, err)
		if d < 0 || d > max(0, most) {
			t.Fatalf("%v is not from 0 to %v", d, most)
		}
		var is *retry.StatusError
		if !errors.As(err, &is) || !strings.Contains(err.Error(), "429") {
			t.Fatalf("no status in %v", err)
		}
		if n, ok := new(big.Int).SetString(after, 10); ok && strings.Trim(after, "0123456789") == "" {
			n.Mul(n, big.NewInt(int64(time.Second)))
			if want := min(max(0, most), saturated(n)); d != want {
				t.Fatalf("%v seconds, and at most %v, came out as %v instead of %v", after, most, d, want)
			}
		}
	})
}

// saturated is n, which is not negative, or as much of it as a Duration has.
func saturated(n *big.Int) time.Duration {
	if !n.IsInt64() {
		return math.MaxInt64
	}
	return time.Duration(n.Int64())
}

// The error is what the pool wants.
func TestAfterResponse_PausesAPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answered []time.Duration
		begin := time.Now()
		pool := newPool(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if answered = append(answered, time.Since(begin)); len(answered) == 1 {
				w.Header().Set("Retry-After", "30")
				w.WriteHeader(http.StatusTooManyRequests)
			}
		}), workerpool.WithWorkers(1), workerpool.WithRetry(retry.Backoff(2, 0, 0)))
		defer pool.Stop()
		status, err := pool.Do(t.Context(), "http://api.test/")
		assert.NoError(t, err)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, []time.Duration{0, 30 * time.Second}, answered)
		assert.Equal(t, uint64(1), pool.Stats().Throttled)
	})
}
