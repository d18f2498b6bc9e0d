package conformance

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/boundedgo/workerpool"
)

func accountChecks() []check {
	return []check{
		{"read some and Stop", checkReadSomeAndStop},
		{"Stop twice at once", checkStopTwice},
		{"Stop while somebody reads", checkStopWhileReading},
		{"Shutdown whose context ends", checkLateShutdownLosesNothing},
		{"Close while others submit", checkRace(func(tr *trial) []Result { tr.close(); return nil }, true)},
		{"Shutdown while others submit", checkRace(func(tr *trial) []Result {
			assert.NoError(tr.t, tr.shutdown(tr.t.Context()))
			return nil
		}, true)},
		{"Stop while others submit", checkRace(func(tr *trial) []Result { return tr.stop() }, false)},
		{"many readers", checkManyReaders},
	}
}

// Some jobs are over, some run and some are in the queue, and of those that are over some
// are read.
func checkReadSomeAndStop(t *testing.T, m Maker) {
	for read := range 4 {
		t.Run(fmt.Sprintf("read=%d", read), func(t *testing.T) {
			tr := try(t, m, Settings{Workers: 2, Buffer: 4})
			jobs := append(plain("", 0, 3), plain("wait", 4, 8)...)
			tr.submitAll(jobs[:4]...)
			rs := tr.read(read)
			require.NoError(t, tr.wait(t.Context()))
			tr.submitAll(jobs[4:]...)
			tr.awaitRunning(2)
			rs = append(rs, tr.stop()...)
			assert.Nil(t, tr.stop(), "the second time")
			tr.allSucceeded(tr.accountFor(jobs, rs)[:4])
		})
	}
}

func checkStopTwice(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := plain("wait", 1, 6)
	tr.submitAll(jobs...)
	one, two := started(tr.pool.Stop), started(tr.pool.Stop)
	rs := append(result(tr, "Stop", one), result(tr, "Stop", two)...)
	tr.accountFor(jobs, tr.stopped(rs))
}

func checkStopWhileReading(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := append(plain("", 1, 20), plain("wait", 21, 24)...)
	reader := tr.goReadToEnd()
	tr.submitAll(jobs...)
	rs := tr.stop()
	tr.accountFor(jobs, append(rs, result(tr, "the end of Results", reader)...))
}

func checkLateShutdownLosesNothing(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 2, Buffer: 4})
	jobs := append(plain("wait, deaf", 1, 1), plain("wait", 2, 6)...)
	tr.submitAll(jobs...)
	tr.awaitRunning(2)
	assert.ErrorIs(t, tr.shutdown(endedContext()), errCause)
	reader := tr.goReadToEnd()
	tr.releaseAll()
	rs := tr.accountFor(jobs, result(tr, "the end of Results", reader))
	tr.succeeded(rs[0].Job, rs[0].Value, rs[0].Err)
	for _, r := range rs[1:] {
		if r.Err != nil { // or it has run in the next pool
			assert.ErrorIs(t, r.Err, errCause)
		}
	}
}

// checkRace ends a pool by end while goroutines submit to it in all ways. With reader somebody
// reads meanwhile.
func checkRace(end func(tr *trial) []Result, reader bool) func(t *testing.T, m Maker) {
	return func(t *testing.T, m Maker) {
		for _, before := range []int{0, 1, 10} {
			tr := try(t, m, Settings{Workers: 2, Buffer: 4})
			var read <-chan []Result
			if reader {
				read = tr.goReadToEnd()
			}
			accepted := tr.raceSubmitters(reader)
			if reader || before <= 1 { // without a reader no more than that may come
				tr.await("the first jobs", func() bool { return len(tr.order) >= before })
			}
			rs := end(tr)
			jobs := result(tr, "the submitters", accepted)
			if reader {
				rs = append(rs, result(tr, "the end of Results", read)...)
			}
			tr.accountFor(jobs, rs)
		}
	}
}

// raceSubmitters submits from several goroutines, with Do too if that is wanted, until the
// pool refuses. The jobs that were accepted for Results come on the channel.
func (tr *trial) raceSubmitters(withDo bool) <-chan []Job {
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := []Job{}
	ctx := context.Background()
	const submitters = 6
	for s := range submitters {
		wg.Go(func() {
			for n := s; ; n += submitters {
				var err error
				switch s % 3 {
				case 0:
					err = tr.pool.Submit(ctx, Job{N: n})
				case 1:
					err = tr.pool.TrySubmit(Job{N: n})
				case 2:
					if !withDo {
						return
					}
					_, err = tr.pool.Do(ctx, Job{N: n})
				}
				mu.Lock()
				if err == nil && s%3 != 2 {
					accepted = append(accepted, Job{N: n})
				}
				mu.Unlock()
				if err != nil && !tr.isFull(err) {
					assert.ErrorIs(tr.t, err, workerpool.ErrClosed)
					return
				}
			}
		})
	}
	return started(func() []Job { wg.Wait(); return accepted })
}

func checkManyReaders(t *testing.T, m Maker) {
	tr := try(t, m, Settings{Workers: 4, Buffer: 4})
	readers := make([]<-chan []Result, 3)
	for i := range readers {
		readers[i] = tr.goReadToEnd()
	}
	jobs := plain("", 1, 200)
	tr.submitAll(jobs...)
	tr.close()
	var rs []Result
	for _, reader := range readers {
		rs = append(rs, result(tr, "the end of Results", reader)...)
	}
	tr.allSucceeded(tr.accountFor(jobs, rs))
}
