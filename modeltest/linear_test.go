package modeltest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/boundedgo/workerpool"
)

var linearCount = flag.Int("linear.count", 1200, "how many histories TestLinear checks")

// A pool seen from outside is an object with a state and a few operations, each of which
// happens at one moment between its call and its return. If for a history of calls
// that overlapped there is no order of such moments in which each says what it should,
// the pool is wrong: that is linearizability (Herlihy and Wing, 1990). The search for
// the order is porcupine's.

// poolState is that of the object. Jobs are bits.
type poolState struct {
	closed               bool
	accepted, ran, taken uint64
}

// operation is one, with what it said. Its kind says what job and which error matter.
type operation struct {
	kind string
	job  int
	err  error // nil, ErrFull, ErrClosed or ErrNotRun
}

// step returns whether o may say what it says in state s, and what the state is then.
func (o operation) step(s poolState, workers, buffer int) (bool, poolState) {
	bit := uint64(1) << o.job
	inside := bits.OnesCount64(s.accepted &^ s.taken)
	switch o.kind {
	case "submit":
		switch {
		case errors.Is(o.err, workerpool.ErrFull):
			return inside >= buffer, s
		case errors.Is(o.err, workerpool.ErrClosed):
			return s.closed, s
		}
		s.accepted |= bit
		return inside < buffer+workers+buffer, s
	case "close":
		s.closed = true
		return true, s
	case "run": // Func, from its call to its return
		ok := s.accepted&bit != 0 && s.ran&bit == 0
		s.ran |= bit
		return ok, s
	case "take":
		ok := s.accepted&bit != 0 && s.taken&bit == 0
		s.taken |= bit
		if errors.Is(o.err, workerpool.ErrNotRun) {
			return ok && s.closed && s.ran&bit == 0, s
		}
		return ok && s.ran&bit != 0, s
	case "end": // Results is closed
		return s.closed && s.accepted == s.taken, s
	case "wait":
		return s.accepted == s.ran, s
	}
	return false, s
}

func linearModel(workers, buffer int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return poolState{} },
		Step: func(state, input, _ any) (bool, any) {
			ok, next := input.(operation).step(state.(poolState), workers, buffer)
			return ok, next
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprint(input) },
	}
}

// recorder writes a history down.
type recorder struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
}

func (r *recorder) now() int64 { return r.clock.Add(1) }

func (r *recorder) note(client int, begun int64, o operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{ClientId: client, Input: o, Call: begun, Return: r.now()})
}

// shop is a pool whose every use is recorded.
type shop struct {
	recorder
	pool *workerpool.Pool[int, int]
	next atomic.Int64
}

func newShop(workers, buffer int) (*shop, error) {
	s := &shop{}
	pool, err := workerpool.New(func(_ context.Context, job int) (int, error) {
		begun := s.now()
		if job%2 == 0 {
			runtime.Gosched()
		}
		s.note(100+job, begun, operation{kind: "run", job: job})
		return job, nil
	}, workerpool.WithWorkers(workers), workerpool.WithBuffer(buffer))
	s.pool = pool
	return s, err
}

func (s *shop) submit(client int, wait bool) {
	job := int(s.next.Add(1)) - 1
	begun := s.now()
	var err error
	if wait {
		err = s.pool.Submit(context.Background(), job)
	} else {
		err = s.pool.TrySubmit(job)
	}
	s.note(client, begun, operation{"submit", job, err})
}

// take reports whether it got a result.
func (s *shop) take(client int) bool {
	begun := s.now()
	r, ok := <-s.pool.Results()
	if !ok {
		s.note(client, begun, operation{kind: "end"})
		return false
	}
	s.note(client, begun, operation{"take", r.Job, r.Err})
	return true
}

func (s *shop) wait(client int) {
	begun := s.now()
	if s.pool.Wait(context.Background()) == nil {
		s.note(client, begun, operation{kind: "wait"})
	}
}

func (s *shop) close(client int) {
	begun := s.now()
	s.pool.Close()
	s.note(client, begun, operation{kind: "close"})
}

func (s *shop) stop(client int) {
	begun := s.now()
	unread := s.pool.Stop()
	s.note(client, begun, operation{kind: "close"})
	for _, r := range unread {
		s.note(client, begun, operation{"take", r.Job, r.Err})
	}
	s.note(client, begun, operation{kind: "end"})
}

// serve has some clients use the pool, one of whom ends it by stop or else by Close.
func (s *shop) serve(r *rand.Rand, stop bool) {
	var clients sync.WaitGroup
	client := func(id, calls int, call func(client int, random int)) {
		random := make([]int, calls)
		for i := range random {
			random[i] = r.IntN(4)
		}
		clients.Go(func() {
			for _, n := range random {
				call(id, n)
			}
		})
	}
	for id := range 3 {
		client(id, 1+r.IntN(5), func(id, random int) {
			switch {
			case random == 0 && !stop: // what was given up is finished too, and nobody sees when
				s.wait(id)
			default:
				s.submit(id, random == 1)
			}
		})
	}
	client(3, 1, func(id, _ int) {
		for s.take(id) {
		}
	})
	client(4, 1, func(id, random int) {
		for range random {
			runtime.Gosched()
		}
		if stop {
			s.stop(id)
		} else {
			s.close(id)
		}
	})
	clients.Wait()
}

func TestLinear(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	count, unknown := *linearCount, 0
	if testing.Short() {
		count /= 10
	}
	for range count {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		workers, buffer, stop := 1+r.IntN(3), r.IntN(3), r.IntN(3) == 0
		s, err := newShop(workers, buffer)
		if err != nil {
			t.Fatal(err)
		}
		s.serve(r, stop)
		switch porcupine.CheckOperationsTimeout(linearModel(workers, buffer), s.ops, 10*time.Second) {
		case porcupine.Illegal:
			t.Fatalf("no order explains what %d workers with a buffer of %d said:\n%s", workers, buffer, s.history())
		case porcupine.Unknown:
			unknown++
		}
	}
	assert.LessOrEqual(t, unknown, count/100, "histories that took too long to check")
}

func (r *recorder) history() (s string) {
	slices.SortFunc(r.ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range r.ops {
		s += fmt.Sprintf("%4d to %4d  client %d  %v\n", o.Call, o.Return, o.ClientId, o.Input)
	}
	return s
}

// What no pool may say is found.
func TestLinear_CanFail(t *testing.T) {
	wrong := map[string][]operation{
		"taken before it ran":  {{"submit", 0, nil}, {"take", 0, nil}},
		"taken twice":          {{"submit", 0, nil}, {"run", 0, nil}, {"take", 0, nil}, {"take", 0, nil}},
		"run twice":            {{"submit", 0, nil}, {"run", 0, nil}, {"run", 0, nil}},
		"lost":                 {{"submit", 0, nil}, {"run", 0, nil}, {"close", 0, nil}, {"end", 0, nil}},
		"accepted after Close": {{"close", 0, nil}, {"submit", 0, nil}, {"end", 0, nil}},
		"closed before Close":  {{"submit", 0, workerpool.ErrClosed}},
		"full when empty":      {{"submit", 0, workerpool.ErrFull}},
		"idle with a job":      {{"submit", 0, nil}, {"wait", 0, nil}},
		"not run, and ran":     {{"submit", 0, nil}, {"run", 0, nil}, {"close", 0, nil}, {"take", 0, workerpool.ErrNotRun}},
		"more than there is room for": {
			{"submit", 0, nil}, {"submit", 1, nil}, {"submit", 2, nil}, {"submit", 3, nil},
		},
	}
	for name, ops := range wrong {
		t.Run(name, func(t *testing.T) {
			var r recorder
			for _, o := range ops {
				r.note(0, r.now(), o)
			}
			assert.False(t, porcupine.CheckOperations(linearModel(1, 1), r.ops))
			// All but the last is as it should be.
			assert.True(t, porcupine.CheckOperations(linearModel(1, 1), r.ops[:len(r.ops)-1]))
		})
	}
}
