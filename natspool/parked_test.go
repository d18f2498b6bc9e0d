package natspool

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// fakeQueue has places that come with time, and answers a moment later.
type fakeQueue struct {
	parked parked

	mu       sync.Mutex
	free     int
	accepted int
	refused  int
}

// send is for one job.
func (q *fakeQueue) send(turn bool) {
	time.AfterFunc(100*time.Microsecond, func() {
		switch {
		case !q.take():
			q.parked.refuse(func() { q.send(true) }, turn)
		case turn:
			q.parked.accept()
		}
	})
}

func (q *fakeQueue) take() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free == 0 {
		q.refused++
		return false
	}
	q.free--
	q.accepted++
	return true
}

func (q *fakeQueue) counts() (accepted, refused int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accepted, q.refused
}

func (q *fakeQueue) makeRoom(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free += n
}

// Jobs that find no place are sent again about as often as there are places, and not each of
// them all the time: of those there are many more.
func TestParkedJobsAreSentInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q fakeQueue
		for range batchAhead {
			q.send(false)
		}
		time.Sleep(time.Millisecond)
		_, first := q.counts()
		assert.Equal(t, batchAhead, first, "each once")
		time.Sleep(10 * time.Second)
		_, waited := q.counts()
		assert.Less(t, waited-first, 120, "while there is no place, one asks now and then")
		assert.Greater(t, waited-first, 30)

		begin := time.Now()
		for n := 0; n < batchAhead && time.Since(begin) < time.Minute; n, _ = q.counts() {
			q.makeRoom(10)
			time.Sleep(time.Millisecond)
		}
		assert.Less(t, time.Since(begin), 700*time.Millisecond, "at 10 places a millisecond, and a wait before")
		_, refused := q.counts()
		assert.Less(t, refused-waited, batchAhead/3)
		time.Sleep(time.Second)
		assert.False(t, q.parked.join(nil), "nobody waits any more")
	})
}

// New jobs come behind those that wait.
func TestParkedJobsKeepTheirPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p parked
		sent := make(chan int, 100)
		job := func(n int) func() {
			return func() {
				sent <- n
				time.AfterFunc(time.Microsecond, p.accept)
			}
		}
		assert.False(t, p.join(job(0)), "nobody waits")
		p.refuse(job(1), false)
		for n := 2; n <= 20; n++ {
			assert.True(t, p.join(job(n)))
		}
		time.Sleep(time.Second)
		for n := 1; n <= 20; n++ {
			assert.Equal(t, n, <-sent)
		}
		assert.False(t, p.join(job(0)))
	})
}

// Once nothing is sent any more, all that wait are told so at once.
func TestParkedJobsAreFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p parked
		sent := 0
		for range 100 {
			p.refuse(func() { sent++; p.accept() }, false)
		}
		p.flush()
		assert.Equal(t, 100, sent)
		time.Sleep(time.Second)
		assert.Equal(t, 100, sent)
	})
}
