package workerpool

// Stats is what a pool is doing and has done.
//
// The jobs of a bulk call count as they are taken to be run, and as completed when the
// chunk that they are in is.
//
// It is read without stopping the pool, so while jobs move the numbers belong to
// slightly different moments. Each by itself is right: the counters of jobs never
// say more than has happened (Accepted may be ahead by calls that are about to be
// refused), Panicked <= Failed <= Completed, Completed + NotRun <= Accepted, and Busy at
// most counts a worker that is between two jobs. Once nothing moves all of it is exact,
// and in an idle pool Accepted = Completed + NotRun.
//
// A job that waits for another in its place (guarantee G10) is not in Busy; the other
// one is. A job on its way from the queue to its worker is in neither Queued nor Busy,
// and so is one that has to wait there because the pool has shrunk: to learn that
// everything is finished, [Pool.Wait].
type Stats struct {
	Name string // of WithName

	Workers  int // how many jobs may run at once: of WithWorkers or Resize
	Busy     int // workers that have a job: inside Func, or with a result that Results has no room for
	Queued   int // jobs that wait for a worker, and workers that bulk calls wait for
	Capacity int // how many may
	Unread   int // results on Results that nobody has read

	Accepted  uint64 // jobs that were accepted
	Completed uint64 // jobs whose Func has returned, panicked or exited
	Failed    uint64 // those of Completed whose outcome is an error
	Panicked  uint64 // those of Failed that panicked
	NotRun    uint64 // accepted jobs that never ran
	Rejected  uint64 // calls that were refused: of Submit and Do one job, of a bulk call all of them
}

// Stats returns what the pool is doing and has done. It does not block. After the
// pool has ended it goes on to say what the pool has done.
func (p *Pool[T, R]) Stats() Stats {
	p.mu.Lock()
	s := p.past
	for w := range p.workers {
		s.add(&w.place)
	}
	s.Workers = p.size
	l := p.load() // with mu held, so that none starts or leaves meanwhile
	p.mu.Unlock()

	s.Name = p.name
	s.Busy, s.Queued, s.Unread = l.running, l.waiting, l.unread
	s.Capacity = cap(p.jobs)
	s.NotRun = p.notRun.Load()
	s.Rejected = p.rejected.Load()
	waiting := uint64(max(0, p.waiting.Load())) // before entered, which takes those back first that gave up
	waiting += uint64(max(0, p.bulks.Load()))
	entered := p.ledger.entered() + p.taken.Load()
	// A submitter who has sent a job still counts as waiting until it runs again, though
	// the job may be finished by then.
	s.Accepted = max(entered-min(entered, waiting), s.Completed+s.NotRun)
	return s
}

// add adds what was counted in pl. The parts are read before the whole, which is
// counted first, so that they never exceed it.
func (s *Stats) add(pl *place) {
	s.Panicked += pl.panicked.Load()
	s.Failed += pl.failed.Load()
	s.Completed += pl.ended()
}

// load returns how full the pool is. It takes no lock, since TrySubmit asks it; then a
// worker that starts or leaves may be counted as one that has a job, or hide one.
func (p *Pool[T, R]) load() load {
	return load{
		waiting: len(p.jobs),
		running: int(max(0, p.live.Load()-p.ledger.idle.Load())),
		unread:  len(p.results) + int(max(0, p.kept.Load())),
		bulks:   int(p.bulks.Load()),
	}
}
