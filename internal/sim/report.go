package sim

import (
	"context"
	"time"
)

// Sample is what a service and a pool did in one second of a run.
type Sample struct {
	At     time.Duration // its end
	Size   int           // the number of workers then
	Done   uint64        // calls that were answered in it
	Came   uint64        // calls that came in it
	Turned uint64        // calls that were turned away in it
}

// Watch takes a sample each second until d has passed since the service was started, or ctx
// ends. It blocks as long.
func (s *Service) Watch(ctx context.Context, d time.Duration, size func() int) (samples []Sample) {
	s.Start()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last := s.Tally()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return samples
		}
		at, now := time.Since(s.began), s.Tally()
		samples = append(samples, Sample{
			At: at, Size: size(),
			Done: now.Done - last.Done, Came: now.Came - last.Came, Turned: now.Turned - last.Turned,
		})
		last = now
		if at >= d {
			return samples
		}
	}
}

// Report is what a run was like.
type Report struct {
	Goodput  float64       // calls answered a second
	Rejected float64       // share of the calls that were turned away
	MeanSize float64       // of all pools together
	Above    time.Duration // the longest time that the size was above twice the knee
	Back     time.Duration // the longest time after a step, or an outage, until it was back
}

// ReportOf sums up the samples from a time on.
func ReportOf(samples []Sample, from time.Duration, sc *Scenario) (r Report) {
	var done, came, turned uint64
	var above time.Duration
	n := 0
	for _, s := range samples {
		if s.At <= from {
			continue
		}
		n++
		done, came, turned = done+s.Done, came+s.Came, turned+s.Turned
		r.MeanSize += float64(s.Size)
		if above += time.Second; float64(s.Size) <= 2*sc.Knee.At(s.At) {
			above = 0
		}
		r.Above = max(r.Above, above)
	}
	if n == 0 {
		return r
	}
	r.Goodput = float64(done) / float64(n)
	r.MeanSize /= float64(n)
	if came > 0 {
		r.Rejected = float64(turned) / float64(came)
	}
	for _, at := range sc.Changes() {
		r.Back = max(r.Back, backAfter(samples, at, sc))
	}
	return r
}

// backSpan is how long a run has to be good to be back.
const backSpan = 5

// backAfter returns how long after a change a run is good again: for some seconds four fifths
// of what can be answered is, and the size is at most half as large again as the knee.
func backAfter(samples []Sample, change time.Duration, sc *Scenario) time.Duration {
	good := 0
	var done []uint64
	for _, s := range samples {
		if s.At <= change {
			continue
		}
		done = append(done, s.Done)
		if float64(s.Size) > 1.5*sc.Knee.At(s.At) {
			good = 0
			continue
		}
		if good++; good < backSpan {
			continue
		}
		var sum uint64
		for _, d := range done[len(done)-backSpan:] {
			sum += d
		}
		if float64(sum) >= 0.8*sc.Most(s.At-backSpan*time.Second, s.At)*backSpan {
			return s.At - backSpan*time.Second - change
		}
	}
	return samples[len(samples)-1].At - change
}

// Most returns how many calls a second can be answered, in the mean between two times.
func (sc *Scenario) Most(from, to time.Duration) float64 {
	var sum float64
	n := 0
	for at := from; at < to; at += time.Second {
		sum += sc.mostAt(at)
		n++
	}
	return sum / float64(n)
}

func (sc *Scenario) mostAt(at time.Duration) float64 {
	s := sc.Service()
	for _, o := range s.Outages {
		if at >= o.From && at < o.To {
			return 0
		}
	}
	most := sc.Knee.At(at) / sc.Mean.Seconds()
	if s.Slower != nil {
		most /= s.Slower.At(at)
	}
	return most
}

// Changes returns when the service changes, and when its outages end.
func (sc *Scenario) Changes() (times []time.Duration) {
	s := sc.Service()
	for _, steps := range []Steps{sc.Knee, s.Slower} {
		for i, step := range steps {
			if i > 0 {
				times = append(times, step.From)
			}
		}
	}
	for _, o := range s.Outages {
		times = append(times, o.To)
	}
	return times
}
