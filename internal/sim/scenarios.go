package sim

import "time"

// Scenario is a service, and what is to be expected of whoever finds its size.
type Scenario struct {
	Name string
	// Service makes the service: by default its calls take Mean on average, and its capacity
	// is Knee.
	Service func() *Service
	// Knee is the size that is right, over time.
	Knee Steps
	// Mean is the mean time of a call that does not wait.
	Mean time.Duration
	// RetryAfter is what the service says when it turns a call away. Timeout, if it is not
	// 0, is how long a call is waited for.
	RetryAfter time.Duration
	Timeout    time.Duration
	// Pools is how many pools there are that know nothing of each other: 0 is one.
	Pools int

	// What is demanded: the least share of the oracle's goodput, the longest time above
	// twice the knee, and the longest time after a change until it is back, all from the
	// second minute on.
	Goodput float64
	Above   time.Duration
	Back    time.Duration
	// Size, if it is not 0, is by how much the mean size may be off the knee.
	Size float64
}

const (
	stepsEvery   = 5 * time.Minute
	usual        = 200 * time.Millisecond // a call
	twoKindsMean = 147500 * time.Microsecond
)

// twoKinds has most calls short, and a few forty times as long.
var twoKinds = Bimodal(Around(50*time.Millisecond, 0.3), Around(2*time.Second, 0.3), 0.05)

// Scenarios returns those for the size. Their loads are such that half an hour of all of them
// can be had in a minute, with the race detector.
func Scenarios() []Scenario {
	list := append(steady(), changing()...)
	for i := range list {
		list[i].defaults()
	}
	return list
}

// steady returns those that stay as they are.
func steady() []Scenario {
	return []Scenario{
		{
			Name: "knee with queueing", Knee: Always(20), Mean: usual,
			Service: func() *Service { return &Service{} },
		},
		{
			Name: "latency grows past the knee", Knee: Always(20), Mean: usual,
			Service: func() *Service { return &Service{Discipline: Share} },
		},
		{
			Name: "collapse past the knee", Knee: Always(20), Mean: usual,
			Service: func() *Service { return &Service{Discipline: Collapse} },
		},
		{
			Name: "knee at 2", Knee: Always(2), Mean: 50 * time.Millisecond,
			Service: func() *Service { return &Service{} },
		},
		{
			Name: "knee at 200", Knee: Always(200), Mean: time.Second,
			Service: func() *Service { return &Service{} },
		},
		{
			Name: "bimodal: 95% 50 ms, 5% 2 s", Knee: Always(20), Mean: twoKindsMean, Goodput: 0.85,
			Service: func() *Service { return &Service{Work: twoKinds} },
		},
		{
			Name: "jobs of 2 s", Knee: Always(40), Mean: 2 * time.Second, Goodput: 0.85, Above: 30 * time.Second,
			Service: func() *Service { return &Service{} },
		},
		{
			Name: "20 at once, 429 with Retry-After", Knee: Always(20), Mean: usual, Goodput: 0.85, RetryAfter: time.Second,
			Service: func() *Service { return &Service{Limit: 20, Refusal: 5 * time.Millisecond} },
		},
		{
			Name: "20 at once, 429 without a hint", Knee: Always(20), Mean: usual, Goodput: 0.85,
			Service: func() *Service { return &Service{Limit: 20, Refusal: 5 * time.Millisecond} },
		},
		{ // the knee is what keeps the fourteen servers of misses busy: 233 calls a second
			Name: "70% from a cache", Knee: Always(15.6), Mean: 67 * time.Millisecond, Goodput: 0.85, Above: 15 * time.Second,
			Service: func() *Service {
				return &Service{Work: Around(usual, 0.3), Capacity: Always(14), Hits: 0.7, HitTime: 10 * time.Millisecond}
			},
		},
		{
			Name: "8 processors", Knee: Always(8), Mean: 100 * time.Millisecond, Size: 1,
			Service: func() *Service { return &Service{Work: Around(100*time.Millisecond, 0.1), Discipline: Share} },
		},
		{
			Name: "two pools on one service", Knee: Always(20), Mean: usual, Pools: 2, Above: time.Minute,
			Service: func() *Service { return &Service{} },
		},
	}
}

// changing returns those that change.
func changing() []Scenario {
	outage := []Span{{10 * time.Minute, 11 * time.Minute}}
	return []Scenario{
		{
			Name: "steps ×0.5, ×2", Knee: Every(stepsEvery, 20, 10, 20, 40, 20, 10), Mean: usual,
			Service: func() *Service { return &Service{} },
		},
		{
			Name: "bimodal with steps", Knee: Every(stepsEvery, 20, 10, 20, 40, 20, 10), Mean: twoKindsMean,
			Goodput: 0.80, Above: time.Minute, Back: 2 * time.Minute,
			Service: func() *Service { return &Service{Work: twoKinds} },
		},
		{
			Name: "outage, calls hang", Knee: Always(20), Mean: usual,
			Service: func() *Service { return &Service{Outages: outage} },
		},
		{
			Name: "outage, calls time out", Knee: Always(20), Mean: usual, Timeout: 5 * time.Second,
			Service: func() *Service { return &Service{Outages: outage} },
		},
		{ // calls to which nobody answers, whatever the size
			Name: "5% time out", Knee: Always(20), Mean: 290 * time.Millisecond, Timeout: 2 * time.Second, Goodput: 0.75,
			Service: func() *Service {
				return &Service{Work: Bimodal(Around(usual, 0.3), Around(time.Hour, 0), 0.05), Discipline: Share}
			},
		},
		{
			Name: "twice as slow, same knee", Knee: Always(20), Mean: usual,
			Service: func() *Service { return &Service{Slower: Every(10*time.Minute, 1, 2, 1)} },
		},
	}
}

func (s *Scenario) defaults() {
	if s.Goodput == 0 {
		s.Goodput = 0.90
	}
	if s.Above == 0 {
		s.Above = 10 * time.Second
	}
	if s.Back == 0 {
		s.Back = 30 * time.Second
	}
	s.Pools = max(1, s.Pools)
	plain, knee, work := s.Service, s.Knee, Around(s.Mean, 0.3)
	s.Service = func() *Service {
		service := plain()
		if service.Work == nil {
			service.Work = work
		}
		if service.Capacity == nil && service.Limit == 0 {
			service.Capacity = knee
		}
		return service
	}
}

// ScenarioNamed returns one of Scenarios.
func ScenarioNamed(name string) *Scenario {
	for _, sc := range Scenarios() {
		if sc.Name == name {
			return &sc
		}
	}
	panic("sim: no scenario " + name)
}

// WithoutKnee returns one that is not in Scenarios, since there is no size that is right.
func WithoutKnee() *Scenario {
	sc := &Scenario{
		Name: "no knee", Knee: Always(20), Mean: usual,
		Service: func() *Service { return &Service{Discipline: Gradual} },
	}
	sc.defaults()
	return sc
}
