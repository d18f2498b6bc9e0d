package livepage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
	"github.com/boundedgo/workerpool/livepage"
)

// tryAgain has every job tried again, a second after it failed.
func tryAgain(int, error) (time.Duration, bool) { return time.Second, true }

// throttles fails with a RetryAfter as long as its pause is positive; else it takes a while.
func throttles(pause *atomic.Int64) func() error {
	return func() error {
		if d := time.Duration(pause.Load()); d > 0 {
			return workerpool.RetryAfter(errors.New("answered 429"), d)
		}
		time.Sleep(10 * time.Second)
		return nil
	}
}

// A pause is to be seen in every form, then the probe after it, and then that all is well.
func TestThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page, workerpool.WithRetry(tryAgain))
		defer p.Stop()
		var pause atomic.Int64
		pause.Store(int64(30 * time.Second))
		until := time.Now().Add(30 * time.Second)
		assert.NoError(t, p.TrySubmit(throttles(&pause)))
		synctest.Wait()
		assert.NoError(t, p.TrySubmit(throttles(&pause)))
		pause.Store(0)
		time.Sleep(10 * time.Second)

		q := view(t, page).Pools[0]
		assert.Equal(t, livepage.Paused, q.State)
		assert.Equal(t, "The other side wants to be left alone, for 20s more: no job starts. "+
			"0 of 2 workers busy, 0 more in the queue, 1 job waits for another attempt.", q.Say)
		assert.InDelta(t, 20, q.Paused, 1e-9)
		assert.False(t, q.Probing)
		assert.Equal(t, []int{1, 1}, []int{q.Held, q.Retrying})
		assert.Equal(t, []uint64{1, 0, 1, 0}, []uint64{q.Attempts, q.Retries, q.Throttled, q.Completed})
		assert.True(t, q.History[len(q.History)-1].Paused)
		require.Len(t, q.Errors, 1)
		assert.Equal(t, []int{1, 1}, []int{q.Errors[0].Count, q.Errors[0].Retried})

		text := get(page, "GET", "/", "").Body.String()
		assert.Contains(t, text, until.Format("  paused until 15:04:05\n"))
		assert.Contains(t, text, "answered 429 (retry after 30s) (tried again)")
		html := get(page, "GET", "/", "text/html").Body.String()
		assert.Contains(t, html, `<p class="throttle"><strong>Paused</strong> until <time datetime="2000-01-01T00:00:30Z">`+until.Format(time.TimeOnly)+`</time>, 20s to go</p>`)
		assert.Contains(t, html, `<span class="state paused">paused</span>`)

		time.Sleep(21 * time.Second)
		q = view(t, page).Pools[0]
		assert.Equal(t, livepage.Probing, q.State)
		assert.True(t, q.Probing)
		assert.Zero(t, q.Paused)
		assert.Contains(t, q.Say, "a few jobs go ahead")
		assert.Contains(t, get(page, "GET", "/", "text/html").Body.String(), "<strong>Probing</strong>")

		time.Sleep(time.Minute)
		q = view(t, page).Pools[0]
		assert.Equal(t, livepage.Idle, q.State, q.Say)
		assert.True(t, q.PausedUntil.IsZero())
		assert.False(t, q.History[len(q.History)-1].Paused)
	})
}

// A pause that has ended while there was nothing to do is not worth a word.
func TestPausedAndThenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page)
		defer p.Stop()
		_, err := p.Do(t.Context(), func() error { return workerpool.RetryAfter(errors.New("answered 429"), time.Minute) })
		assert.Error(t, err)
		assert.Equal(t, livepage.Paused, view(t, page).Pools[0].State)
		time.Sleep(2 * time.Minute)
		q := view(t, page).Pools[0]
		assert.Equal(t, livepage.Idle, q.State, q.Say)
		assert.False(t, q.Probing || q.History[len(q.History)-1].Paused)
	})
}

// slowly lets one through each five seconds.
type slowly struct{}

func (slowly) Wait(context.Context) error {
	time.Sleep(5 * time.Second)
	return nil
}

// Where a limiter holds jobs back, more workers are not what helps.
func TestLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page, workerpool.WithLimiter(slowly{}), workerpool.WithoutResults())
		for range 60 {
			_ = p.TrySubmit(sleeps(time.Millisecond))
			time.Sleep(time.Second)
			get(page, "HEAD", "/", "")
		}
		synctest.Wait()
		q := view(t, page).Pools[0]
		assert.Equal(t, livepage.Limited, q.State, q.Say)
		assert.Contains(t, q.Say, "2 held back")
		assert.Contains(t, q.Say, "More comes than is done")
		assert.Contains(t, q.Say, "More workers would not help")
		p.Stop()
	})
}

// Jobs that succeed in the end may hide that most attempts do not.
func TestAttemptsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page, workerpool.WithRetry(tryAgain))
		defer p.Stop()
		for n := range 20 {
			calls := 0
			_, err := p.Do(t.Context(), func() error {
				if calls++; calls < 4 {
					return fmt.Errorf("row %d: busy", n)
				}
				return nil
			})
			assert.NoError(t, err)
			view(t, page)
		}
		q := view(t, page).Pools[0]
		assert.Equal(t, livepage.Failing, q.State, q.Say)
		assert.Equal(t, "75% of the attempts fail, and are made again. See the errors below.", q.Say)
		assert.InDelta(t, 1, q.Rates.Retried, 0.2)
		assert.Zero(t, q.Failed)
		require.Len(t, q.Errors, 1)
		assert.Equal(t, []int{60, 60}, []int{q.Errors[0].Count, q.Errors[0].Retried})
	})
}

// A pool that has been closed is not finished as long as a stream of it may go on, though that
// waits for its input.
func TestClosedWithAStreamLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page)
		defer p.Stop()
		ended := make(chan error)
		goOn := make(chan struct{})
		stream := func() {
			results, errf := p.Stream(t.Context(), func(func(func() error) bool) { <-goOn })
			for range results {
				t.Error("a result")
			}
			ended <- errf()
		}
		say := func(want livepage.State) string {
			time.Sleep(time.Second)
			q := view(t, page).Pools[0]
			assert.Equal(t, want, q.State, q.Say)
			return q.Say
		}
		go stream()
		synctest.Wait()
		p.Close()
		assert.Equal(t, "Closed. 0 of 2 workers busy, 0 more in the queue, 1 call with many jobs goes on.", say(livepage.Draining))
		close(goOn)
		assert.NoError(t, <-ended)
		say(livepage.Closed)
	})
}

// A pool that has been closed is not finished as long as a job waits for its next attempt.
func TestClosedWithRetriesLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := livepage.New(livepage.Options{})
		p := newPool(t, page, workerpool.WithRetry(tryAgain))
		assert.NoError(t, p.TrySubmit(fails("not yet")))
		p.Close()
		synctest.Wait()
		q := view(t, page).Pools[0]
		assert.Equal(t, livepage.Draining, q.State, q.Say)
		assert.Contains(t, q.Say, "1 job waits for another attempt")
		p.Stop()
		time.Sleep(time.Second)
		q = view(t, page).Pools[0]
		assert.Equal(t, livepage.Closed, q.State, q.Say)
		require.Len(t, q.Errors, 2)
	})
}

func TestNote(t *testing.T) {
	page := livepage.New(livepage.Options{})
	p := newPool(t, page)
	defer p.Stop()
	assert.Empty(t, view(t, page).Pools[0].Note)

	page.Note(p, func() string { return "<b>5 workers\x1b</b>: " + strings.Repeat("latency ", 100) })
	v := view(t, page)
	require.Len(t, v.Pools, 1, "the page shows it already")
	assert.Len(t, []rune(v.Pools[0].Note), 200)
	assert.Contains(t, get(page, "GET", "/", "text/html").Body.String(), "&lt;b&gt;5 workers")
	text := get(page, "GET", "/", "").Body.String()
	assert.Contains(t, text, "  note: <b>5 workers </b>: latency")

	page.Note(p, func() string { panic("no") })
	assert.Equal(t, "(the note panicked)", view(t, page).Pools[0].Note)
	page.Note(p, nil)
	assert.Empty(t, view(t, page).Pools[0].Note)
	page.Note(nil, func() string { return "of nothing" })

	other := livepage.New(livepage.Options{})
	other.Note(p, func() string { return "this one" })
	v = view(t, other)
	require.Len(t, v.Pools, 1)
	assert.Equal(t, "this one", v.Pools[0].Note)
	other.Remove(p)
	assert.Empty(t, view(t, other).Pools)
}

// A pool that was closed, or stopped, in a pause is not said to be paused.
func TestAnEndedPoolIsNotPaused(t *testing.T) {
	for name, end := range map[string]func(*workerpool.Pool[func() error, int]){
		"Close": (*workerpool.Pool[func() error, int]).Close,
		"Stop":  func(p *workerpool.Pool[func() error, int]) { p.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				page := livepage.New(livepage.Options{})
				p := newPool(t, page)
				defer p.Stop()
				var pause atomic.Int64
				pause.Store(int64(time.Minute))
				_, err := p.Do(t.Context(), throttles(&pause))
				require.Error(t, err)
				require.Contains(t, get(page, "GET", "/", "").Body.String(), "paused until")
				time.Sleep(2 * time.Second) // until it looks again
				end(p)
				synctest.Wait()
				text := get(page, "GET", "/", "").Body.String()
				assert.Contains(t, text, "closed")
				assert.NotContains(t, text, "paused until")
				assert.NotContains(t, get(page, "GET", "/", "text/html").Body.String(), "<strong>Paused</strong>")
				assert.Zero(t, view(t, page).Pools[0].Paused)
			})
		})
	}
}
