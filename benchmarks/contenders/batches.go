package contenders

import (
	"context"
	"sync"
)

func init() {
	register(35, Contender{
		Name:    "batches",
		About:   "as bare, but its channels carry 64 jobs, and then their results, at once; it holds jobs back until there are so many; no safety",
		Results: bounded("channels-64", batchResults),
		Discard: way[Run]("channels-64", batchDiscard),
	})
}

// batchSize is how many jobs go through a channel at once.
const batchSize = 64

// batch is some jobs, with room for their results: who does them writes these beside them,
// so that nothing is copied.
type batch struct {
	jobs [batchSize]bareResult
	n    int
}

// batchSource makes batches. Those that have been read serve again.
type batchSource struct{ sync.Pool }

func newBatchSource() *batchSource {
	return &batchSource{sync.Pool{New: func() any { return new(batch) }}}
}

func (s *batchSource) get() *batch {
	b := s.Get().(*batch)
	b.n = 0
	return b
}

// send sends the jobs 0 to n-1 and closes the channel. A batch leaves when it is full, and
// the last one with what there is.
func (s *batchSource) send(to chan<- *batch, n int) {
	b := s.get()
	for i := range n {
		b.jobs[b.n].job = i
		if b.n++; b.n == batchSize {
			to <- b
			b = s.get()
		}
	}
	if b.n > 0 {
		to <- b
	}
	close(to)
}

// batchChannel has the places of others, for whole batches.
func batchChannel(size Size) chan *batch { return make(chan *batch, size.Buffer/batchSize) }

func batchResults(size Size, fn Func, n int) (t Tally) {
	jobs, results := batchChannel(size), batchChannel(size)
	source := newBatchSource()
	var wg sync.WaitGroup
	for range size.Workers {
		wg.Go(func() {
			for b := range jobs {
				for i := range b.jobs[:b.n] {
					r := &b.jobs[i]
					r.value, r.err = fn(context.Background(), r.job)
				}
				results <- b
			}
		})
	}
	go func() {
		source.send(jobs, n)
		wg.Wait()
		close(results)
	}()
	for b := range results {
		for i := range b.jobs[:b.n] {
			t.Add(b.jobs[i].value, b.jobs[i].err)
		}
		source.Put(b)
	}
	return t
}

func batchDiscard(size Size, fn Func, n int) (t Tally) {
	jobs := batchChannel(size)
	source := newBatchSource()
	var wg sync.WaitGroup
	for range size.Workers {
		wg.Go(func() {
			for b := range jobs {
				for i := range b.jobs[:b.n] {
					_, err := fn(context.Background(), b.jobs[i].job)
					must(err)
				}
				source.Put(b)
			}
		})
	}
	source.send(jobs, n)
	wg.Wait()
	return t
}
