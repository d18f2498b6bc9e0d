package workerpool

import (
	"cmp"
	"slices"
	"time"
)

// Inspector is what every [Pool] is to those who look at it, whatever its T and R: log
// lines, metrics and pages take pools as Inspectors.
type Inspector interface {
	Name() string
	Stats() Stats
	Running() []JobInfo
}

// Stats is what a pool is doing and has done.
//
// The jobs of a bulk call count as they are taken to be run, and as completed when the
// chunk that they are in is.
//
// It is read without stopping the pool, so while jobs move the numbers belong to
// slightly different moments. Each by itself is right: the counters of jobs never
// say more than has happened (but for Accepted, which while calls begin and end may be off by as
// many as do, and so go back), Panicked <= Failed <= Completed <= Attempts, Completed + NotRun <=
// Accepted, and Busy at most counts a worker that is between two jobs. Once nothing moves all of it is exact,
// and in an idle pool Accepted = Completed + NotRun.
//
// A job that waits for another in its place (guarantee G10) is not in Busy; the other
// one is. A job on its way from the queue to its worker is in neither Queued nor Busy,
// and so is one that has to wait there because the pool has shrunk: to learn that
// everything is finished, [Pool.Wait].
type Stats struct {
	Name   string `json:"name"`   // of WithName
	Closed bool   `json:"closed"` // nothing is accepted any more

	Workers  int `json:"workers"`  // how many jobs may run at once: of WithWorkers or Resize
	Busy     int `json:"busy"`     // workers that have a job: inside Func, or with a result that Results has no room for
	Queued   int `json:"queued"`   // jobs that wait for a worker, and workers that bulk calls wait for
	Capacity int `json:"capacity"` // how many may
	Waiting  int `json:"waiting"`  // calls of Submit and Do that wait for a place, in the queue or of the job that calls
	Bulk     int `json:"bulk"`     // bulk calls and streams that are not finished: a closed pool goes on until they are
	Short    int `json:"short"`    // those of them that have jobs for more workers than the pool has
	Unread   int `json:"unread"`   // results on Results that nobody has read
	Held     int `json:"held"`     // workers that are not in Busy, with a job that waits for the limiter, a pause, or in place
	Retrying int `json:"retrying"` // jobs that wait for their next attempt, some of them in the queue again

	Accepted  uint64 `json:"accepted"`  // jobs that were accepted
	Completed uint64 `json:"completed"` // jobs whose Func has returned, panicked or exited
	Failed    uint64 `json:"failed"`    // those of Completed whose outcome is an error
	Panicked  uint64 `json:"panicked"`  // those of Failed that panicked
	NotRun    uint64 `json:"notRun"`    // accepted jobs that never ran
	Attempts  uint64 `json:"attempts"`  // calls of Func that have ended: in an idle pool Completed + Retries
	Retries   uint64 `json:"retries"`   // calls of Func that were not the first of their job, as they begin
	Throttled uint64 `json:"throttled"` // those of Attempts that brought a RetryAfter
	TimedOut  uint64 `json:"timedOut"`  // those of Attempts whose time, of WithJobTimeout, was up when they returned (not panicked, nor exited)
	Rejected  uint64 `json:"rejected"`  // calls that were refused: of Submit and Do one job, of a bulk call all of them

	// PausedUntil is until when no job starts because of RetryAfter, and zero if the pool does
	// not pause, or has ended. A time that has passed says that a few go ahead to see whether the others may.
	PausedUntil time.Time `json:"pausedUntil,omitzero"`

	Timing *Timing `json:"timing,omitempty"` // nil without WithTiming
}

// Timing is the part of [Stats] that takes readings of the clock: see [WithTiming].
//
// The histograms count attempts, that is calls of Func, as they end, and so may be ahead of
// Completed by what is between the two.
type Timing struct {
	// OldestQueued is how long the job has waited that has waited longest, since its
	// submitter brought it: if it grows, jobs come faster than they are done. It is 0 when none
	// waits. Jobs of bulk calls do not count: they wait in their input. In JSON it is in
	// nanoseconds, as a Duration is, and so is LongestRunning; histograms are in seconds.
	OldestQueued time.Duration `json:"oldestQueued"`
	// LongestRunning is how long the attempt has run that has run longest, or 0.
	LongestRunning time.Duration `json:"longestRunning"`
	// Wait is of the times between bringing a job and its start: of those of Submit and Do
	// that have ended.
	Wait Histogram `json:"wait"`
	// Run is of the times that Func took where it returned no error, and Failed where it
	// did, panicked, or exited.
	Run    Histogram `json:"run"`
	Failed Histogram `json:"failed"`
}

// Stats returns what the pool is doing and has done. It does not block. After the
// pool has ended it goes on to say what the pool has done.
func (p *Pool[T, R]) Stats() Stats {
	p.mu.Lock()
	s := p.past
	for w := range p.workers {
		s.add(&w.place)
	}
	jobs := p.runningJobs()
	s.Workers = p.size
	s.Attempts = s.Completed
	followed := min(s.Attempts, uint64(max(0, p.followed.Load())))
	// Those are counted before the attempts that they are taken from, so that this is less
	// than what is completed for a moment; but never less than it was.
	p.completed = max(p.completed, s.Failed, s.Attempts-followed)
	s.Completed = p.completed
	s.Retries = p.retries.Load()
	l := p.load() // with mu held, so that none starts or leaves meanwhile
	p.mu.Unlock()

	s.Name = p.name
	s.Closed = p.ctx == nil || !p.accepting()
	s.Busy, s.Queued, s.Unread = l.running, l.waiting, l.unread
	s.Capacity = cap(p.jobs)
	s.Held = int(max(0, p.heldBack.Load()))
	s.Retrying = p.backlog.waitingRetries()
	s.Short = int(max(0, p.short.Load()))
	s.Throttled = p.gate.throttled.Load()
	s.TimedOut = p.timedOut.Load()
	s.PausedUntil = p.pausedUntil()
	s.NotRun = p.notRun.Load()
	s.Rejected = p.rejected.Load()
	s.Waiting = int(max(0, p.waiting.Load())) // before entered, which takes those back first that gave up
	s.Bulk = int(max(0, p.bulks.Load()))
	waiting := uint64(s.Waiting) + uint64(s.Bulk)
	entered := p.ledger.entered() + p.taken.Load()
	// A submitter who has sent a job still counts as waiting until it runs again, though
	// the job may be finished by then.
	s.Accepted = max(entered-min(entered, waiting), s.Completed+s.NotRun)
	if o := p.observer; o != nil && o.timing {
		s.Timing = o.times(jobs)
	}
	return s
}

// pausedUntil returns until when no job starts because of RetryAfter, and zero if none would
// start afterwards either.
func (p *Pool[T, R]) pausedUntil() (until time.Time) {
	if p.ctx == nil || p.ctx.Err() != nil || p.hasRun.Load() {
		return until
	}
	return p.gate.state()
}

// Name returns what was given to [WithName], or "".
func (p *Pool[T, R]) Name() string { return p.name }

// Running returns the jobs that run, those that began first first: those inside Func, and those
// that wait there for another in their place (guarantee G10). One whose Finished is set is in a
// hook Done or Retrying. It takes [WithTiming]; without that it returns nil. It does not block,
// and works after Close.
func (p *Pool[T, R]) Running() []JobInfo {
	p.mu.Lock()
	jobs := p.runningJobs()
	p.mu.Unlock()
	slices.SortFunc(jobs, func(a, b JobInfo) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID)) })
	return jobs
}

// runningJobs is called with mu held.
func (p *Pool[T, R]) runningJobs() (jobs []JobInfo) {
	if p.observer == nil || !p.observer.timing {
		return nil
	}
	for w := range p.workers {
		if j, ok := w.view.read(); ok {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// times returns what timing has seen, and sees of jobs that run.
func (o *observer) times(jobs []JobInfo) *Timing {
	oldest, now := o.oldestQueued(), time.Now()
	t := &Timing{}
	t.Wait, t.Run, t.Failed = o.histograms()
	if !oldest.IsZero() {
		t.OldestQueued = max(0, now.Sub(oldest))
	}
	for _, j := range jobs {
		if j.Finished.IsZero() {
			t.LongestRunning = max(t.LongestRunning, now.Sub(j.Started))
		}
	}
	return t
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

		held:     int(max(0, p.heldBack.Load())),
		retrying: p.backlog.waitingRetries(),
	}
}
