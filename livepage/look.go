package livepage

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/boundedgo/workerpool"
)

const (
	historyFor = 5 * time.Minute  // what charts show
	ratesFor   = 10 * time.Second // what rates are of
	timesFor   = time.Minute      // what quantiles are of
	keepTimes  = 5 * time.Second  // how far apart the states are that quantiles are taken between
	quiet      = 5 * time.Second  // after which it means something that nothing ends
	showJobs   = 8                // of those that run
)

// watched is a pool, and what the page has seen of it.
type watched struct {
	id      uint64
	pool    workerpool.Inspector
	history []sample
	times   []timed
	ended   time.Time // when the last attempt was seen to have ended, or the first look, if none has
	note    atomic.Pointer[func() string]
}

func newWatched(id uint64, pool workerpool.Inspector) *watched {
	now, s := time.Now(), pool.Stats()
	w := &watched{id: id, pool: pool, ended: now}
	if s.Timing != nil {
		w.times = []timed{{now, s.Timing}}
	}
	s.Timing = nil
	w.history = []sample{{now, s}}
	return w
}

// sample is what a pool was like at a time, with its cumulative counts.
type sample struct {
	at    time.Time
	stats workerpool.Stats
}

// timed is what the timing of a pool was at a time.
type timed struct {
	at     time.Time
	timing *workerpool.Timing
}

// frame is what the page has seen when it last looked. It is not changed any more.
type frame struct {
	at    time.Time
	view  View
	event func() []byte // as an event of server-sent events
}

// View is what the page has to say, as it is in JSON. Times are in seconds.
type View struct {
	Time    time.Time `json:"time"`
	Every   float64   `json:"every"` // the interval
	Process Process   `json:"process"`
	Pools   []Pool    `json:"pools"`
}

// Process is where the pools are.
type Process struct {
	Host       string `json:"host"`
	PID        int    `json:"pid"`
	Go         string `json:"go"`
	Goroutines int    `json:"goroutines"`
}

// Pool is what there is to be said of one pool.
type Pool struct {
	workerpool.Stats
	ID      uint64  `json:"id"`      // of no other pool of the page
	Timed   bool    `json:"timed"`   // made with WithTiming
	Quiet   float64 `json:"quiet"`   // how long no attempt has been seen to end
	Paused  float64 `json:"paused"`  // how much longer no job starts, because of RetryAfter
	Probing bool    `json:"probing"` // the pause is over, and a few jobs go ahead to see whether the others may
	State   State   `json:"state"`
	Say     string  `json:"say"`            // what it means, in a sentence
	Note    string  `json:"note,omitempty"` // of Page.Note
	Rates   Rates   `json:"rates"`
	Need    float64 `json:"need"` // how many workers the present load keeps busy, by Little's law; 0 if not known
	Oldest  float64 `json:"oldest"`
	Longest float64 `json:"longest"`
	Wait    Times   `json:"wait"`
	Run     Times   `json:"run"`
	Running []Job   `json:"running"`
	Errors  []Group `json:"errors"`
	History []Point `json:"history,omitempty"` // in JSON, and in the first event
}

// Rates are how often things happened in a second, over the last ten, or since somebody last
// looked.
type Rates struct {
	Come      float64 `json:"come"` // brought: accepted, waiting for a place, or refused
	Completed float64 `json:"completed"`
	Failed    float64 `json:"failed"`
	Rejected  float64 `json:"rejected"`
	Retried   float64 `json:"retried"`   // attempts that another one follows
	Throttled float64 `json:"throttled"` // attempts that brought a RetryAfter
}

// Times are of jobs that ended in the last minute, or since somebody last looked. Without
// WithTiming Count is 0.
type Times struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

// Job is one that runs.
type Job struct {
	ID      uint64  `json:"id"`
	Text    string  `json:"text"`
	Attempt int     `json:"attempt"`
	For     float64 `json:"for"`
	InHook  bool    `json:"inHook"` // Func is through, and a hook Done is not
}

// Point is one of the charts: a moment, and the rates since the one before.
type Point struct {
	Time time.Time `json:"time"`
	Rates
	Busy    int  `json:"busy"`
	Workers int  `json:"workers"`
	Queued  int  `json:"queued"`
	Held    int  `json:"held"`
	Paused  bool `json:"paused,omitempty"` // or about to go on, with probes
}

// look returns what the pools are like, or were less than an interval ago.
func (p *Page) look() *frame {
	p.looking.Lock()
	defer p.looking.Unlock()
	now := time.Now()
	// A little earlier than due will do: viewers come when their own timers fire.
	if last := p.last.Load(); last != nil && now.Sub(last.at) < p.interval*9/10 {
		return last
	}
	pools := p.shown()
	v := View{Time: now, Every: p.interval.Seconds(), Process: process(), Pools: make([]Pool, 0, len(pools))}
	for _, w := range pools {
		v.Pools = append(v.Pools, p.lookAt(w, now))
	}
	f := &frame{at: now, view: v}
	f.event = sync.OnceValue(func() []byte { return event(f.view.withoutHistory()) })
	p.last.Store(f)
	return f
}

func process() Process {
	host, _ := os.Hostname()
	return Process{Host: host, PID: os.Getpid(), Go: runtime.Version(), Goroutines: runtime.NumGoroutine()}
}

func (p *Page) lookAt(w *watched, now time.Time) Pool {
	s := w.pool.Stats()
	timing := s.Timing
	s.Timing = nil // its histograms are large, and of all time
	w.keep(sample{now, s})
	v := Pool{
		Stats: s, ID: w.id, Quiet: now.Sub(w.ended).Seconds(), Rates: w.rates(), History: w.points(),
		Running: []Job{}, Errors: p.failures.of(s.Name), Note: w.noted(),
	}
	v.Paused, v.Probing = pause(s, now)
	usual := 0.0
	if t := timing; t != nil {
		v.Timed = true
		before := w.before(timed{now, t})
		all := t.Run.Add(t.Failed)
		run := all.Sub(before.Run.Add(before.Failed))
		usual = all.Quantile(0.99).Seconds()
		v.Oldest, v.Longest = t.OldestQueued.Seconds(), t.LongestRunning.Seconds()
		v.Wait, v.Run = timesOf(t.Wait.Sub(before.Wait)), timesOf(run)
		v.Need = v.Run.Mean * (v.Rates.Come + v.Rates.Retried)
		v.Running = p.jobs(w.pool.Running(), now)
	}
	v.State, v.Say = judge(v, w.trend(), usual)
	return v
}

// pause says for how much longer a pool starts nothing, or else whether it probes. As long as it
// has no job after a pause, there is nothing to probe with.
func pause(s workerpool.Stats, now time.Time) (left float64, probes bool) {
	if s.PausedUntil.IsZero() {
		return 0, false
	}
	left = max(0, s.PausedUntil.Sub(now).Seconds())
	return left, left == 0 && s.Busy+s.Queued+s.Held+s.Retrying > 0
}

// keep adds a sample to the history, and drops what is too old, but for the last one before.
func (w *watched) keep(s sample) {
	if last := w.history[len(w.history)-1]; last.stats.Attempts != s.stats.Attempts {
		w.ended = s.at
	}
	w.history = append(w.history, s)
	old := 0
	for old < len(w.history)-2 && s.at.Sub(w.history[old].at) > historyFor {
		old++
	}
	w.history = slices.Delete(w.history, 0, old)
}

// before returns the timing of the time since which quantiles are taken.
func (w *watched) before(t timed) workerpool.Timing {
	if n := len(w.times); n == 0 || t.at.Sub(w.times[n-1].at) >= keepTimes {
		w.times = append(w.times, t)
	}
	old := 0
	for old < len(w.times)-2 && t.at.Sub(w.times[old].at) > timesFor {
		old++
	}
	w.times = slices.Delete(w.times, 0, old)
	return *w.times[0].timing
}

// rates returns those of the last seconds.
func (w *watched) rates() Rates {
	return ratesBetween(w.lately())
}

// trend is by how many the jobs that wait have grown in the last seconds.
func (w *watched) trend() int {
	from, to := w.lately()
	return to.stats.Queued + to.stats.Waiting - from.stats.Queued - from.stats.Waiting
}

// lately returns the samples at both ends of the last seconds.
func (w *watched) lately() (from, to sample) {
	to = w.history[len(w.history)-1]
	for _, s := range slices.Backward(w.history) {
		if from = s; to.at.Sub(s.at) >= ratesFor {
			break
		}
	}
	return from, to
}

func ratesBetween(a, b sample) Rates {
	seconds := b.at.Sub(a.at).Seconds()
	if seconds <= 0 {
		return Rates{}
	}
	rate := func(of func(workerpool.Stats) uint64) float64 {
		from, to := of(a.stats), of(b.stats)
		return float64(to-min(from, to)) / seconds
	}
	return Rates{
		Come:      rate(func(s workerpool.Stats) uint64 { return s.Accepted + s.Rejected + uint64(s.Waiting) }),
		Completed: rate(func(s workerpool.Stats) uint64 { return s.Completed }),
		Failed:    rate(func(s workerpool.Stats) uint64 { return s.Failed }),
		Rejected:  rate(func(s workerpool.Stats) uint64 { return s.Rejected }),
		Retried:   rate(func(s workerpool.Stats) uint64 { return s.Retries }),
		Throttled: rate(func(s workerpool.Stats) uint64 { return s.Throttled }),
	}
}

// points returns the history as charts show it.
func (w *watched) points() []Point {
	points := make([]Point, 0, len(w.history))
	for i, s := range w.history {
		left, probes := pause(s.stats, s.at)
		points = append(points, Point{
			Time: s.at, Rates: ratesBetween(w.history[max(0, i-1)], s),
			Busy: s.stats.Busy, Workers: s.stats.Workers, Queued: s.stats.Queued, Held: s.stats.Held,
			Paused: left > 0 || probes,
		})
	}
	return points
}

func timesOf(h workerpool.Histogram) Times {
	return Times{
		Count: h.Count(), Mean: h.Mean().Seconds(),
		P50: h.Quantile(0.5).Seconds(), P95: h.Quantile(0.95).Seconds(), P99: h.Quantile(0.99).Seconds(),
	}
}

// jobs returns those that have run longest.
func (p *Page) jobs(running []workerpool.JobInfo, now time.Time) []Job {
	jobs := []Job{}
	for _, j := range running[:min(showJobs, len(running))] { // those that began first come first
		jobs = append(jobs, Job{
			ID: j.ID, Text: p.text(j), Attempt: j.Attempt, For: max(0, now.Sub(j.Started).Seconds()), InHook: !j.Finished.IsZero(),
		})
	}
	return jobs
}

// text describes a job. That may go wrong.
func (p *Page) text(j workerpool.JobInfo) (text string) {
	if p.describe == nil {
		return fmt.Sprintf("job %d", j.ID)
	}
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprintf("job %d (Describe panicked)", j.ID)
		}
	}()
	return shorten(p.describe(j.Job))
}

// noted is what the note about a pool says. That may go wrong too.
func (w *watched) noted() (text string) {
	note := w.note.Load()
	if note == nil {
		return ""
	}
	defer func() {
		if v := recover(); v != nil {
			text = "(the note panicked)"
		}
	}()
	return shorten((*note)())
}

// shorten cuts what is too long to be read at a glance.
func shorten(text string) string {
	const most = 200
	if len(text) > most*utf8.UTFMax { // it may be huge
		text = text[:most*utf8.UTFMax]
	}
	text = strings.ToValidUTF8(text, "�")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// withoutHistory returns v with the last point of each history only.
func (v View) withoutHistory() View {
	v.Pools = slices.Clone(v.Pools)
	for i := range v.Pools {
		h := v.Pools[i].History
		v.Pools[i].History = h[len(h)-1:]
	}
	return v
}

func event(v View) []byte {
	text, err := json.Marshal(v)
	if err != nil { // it has nothing that could not be marshalled
		text, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	return append(append([]byte("data: "), text...), "\n\n"...)
}
