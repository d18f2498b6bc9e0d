package modeltest

import "pgregory.net/rapid"

// A flavour says which plans are drawn, since plans that have a bit of everything
// never go deep into anything, and since some things about a pool can be said
// exactly only while nobody resizes or ends it.
type flavour struct {
	name  string
	calls []callOp // each as often as it is listed
	acts  []actOp
}

var (
	work   = []callOp{callSubmit, callSubmit, callSubmit, callTrySubmit, callDo, callDo, callTryDo}
	many   = []callOp{callMap, callCollect, callStream, callUnordered}
	watch  = []callOp{callRead, callRead, callRange, callRelease, callRelease, callSleep, callWait, callAbandon}
	finish = []callOp{callClose, callShutdown, callStop, callCancel}
	resize = []callOp{callResize, callResize, callResize}

	stay  = []actOp{actGate, actGate, actPatient, actSleep}
	spawn = []actOp{actSubmit, actSubmit, actTrySubmit, actDo, actDo, actTryDo, actTrio, actLeave, actOrphan}
	group = []actOp{actMap, actCollect, actStream}
	odd   = []actOp{actClose, actWait, actShutdown}
)

var flavours = []flavour{
	{"plain", join(work, watch), stay},
	{"ended", join(work, watch, finish), join(stay, stay, odd)},
	{"nested", join(work, work, watch, finish[:1]), join(stay, spawn)},
	{"resized", join(work, watch, resize), join(stay, stay, []actOp{actResize})},
	{"waited for", join(work, []callOp{callWait, callWait, callWait, callWait, callWait}), nil},
	{"many", join(many, many, many, work, watch), stay},
	{"many ended", join(many, many, many, watch, finish), join(stay, stay, odd)},
	{"many nested", join(many, many, work, watch), join(stay, group, group, spawn)},
	{"many resized", join(many, many, watch, resize), join(stay, []actOp{actResize})},
	{"everything", join(work, work, many, watch, resize, finish), join(stay, spawn, group, odd, []actOp{actResize})},
}

func join[T any](lists ...[]T) (all []T) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// drawer draws plans from numbers that it is given.
type drawer struct {
	flavour
	upTo  func(low, high int) int // draws from low to high, both included
	jobs  int                     // drawn so far
	flops int                     // that a job may have
}

// draw draws a plan that rapid can shrink.
func draw(t *rapid.T, f flavour) *plan {
	return rapid.Custom(func(t *rapid.T) *plan {
		d := &drawer{flavour: f, upTo: func(low, high int) int { return rapid.IntRange(low, high).Draw(t, "") }}
		return d.plan(10, -1, 3)
	}).Draw(t, "plan")
}

// plan draws a plan of up to so many rounds, and from the fewest to the most calls in
// each, but at least one.
func (d *drawer) plan(rounds, fewest, most int) *plan {
	p := &plan{
		workers: d.upTo(1, 4),
		buffer:  d.upTo(0, 4),
		bound:   d.upTo(0, 1) == 1,
		timeout: max(0, d.upTo(-6, 3)),
		watch:   oneOf(d, watchings),
	}
	p.again = retrying(max(0, d.upTo(-3, int(retryings)-1)))
	d.flops = p.again.most()
	for range d.upTo(1, rounds) {
		var round []*call
		for range max(1, d.upTo(fewest, most)) {
			round = append(round, d.call())
		}
		p.rounds = append(p.rounds, round)
	}
	if p.end = oneOf(d, finish); p.end == callCancel && !p.bound {
		p.end = callClose
	}
	return p
}

func oneOf[T any](d *drawer, list []T) T { return list[d.upTo(0, len(list)-1)] }

func (d *drawer) call() *call {
	c := &call{op: oneOf(d, d.calls)}
	switch c.op {
	case callSubmit, callTrySubmit, callDo, callTryDo:
		c.job = d.job(0, false)
	case callMap, callCollect, callStream, callUnordered:
		c.bulk = d.bulk(0)
		c.bulk.input = inputOp(max(0, d.upTo(-6, int(inputs)-1)))
		c.bulk.body = bodyOp(max(0, d.upTo(-6, int(bodies)-1)))
	case callRead, callResize, callSleep:
		c.n = d.upTo(1, 5)
	case callRelease, callAbandon:
		c.n = d.upTo(0, 3)
	}
	switch c.op {
	case callSubmit, callDo, callTryDo, callMap, callCollect, callStream, callUnordered, callWait, callShutdown:
		c.patience = d.patience(-1)
	}
	return c
}

// patience draws 0 in most cases.
func (d *drawer) patience(least int) int { return oneOf(d, []int{0, 0, 0, 0, 0, 0, 1, 2, 5, least}) }

func (d *drawer) bulk(depth int) *bulk {
	b := &bulk{}
	for range d.upTo(0, 5-depth) {
		b.jobs = append(b.jobs, d.job(depth, true))
	}
	b.leaves = max(0, d.upTo(-4, 3))
	return b
}

// job draws a job, or one among many in a bulk call.
func (d *drawer) job(depth int, many bool) *job {
	j := &job{id: d.jobs, end: endReturn}
	d.jobs++
	for range min(len(d.acts), max(0, d.upTo(-1, 2))) {
		a := d.act(depth)
		if many && (a.op == actLeave || a.op == actOrphan) {
			// What a job of a bulk call leaves behind has a place as long as the
			// chunk of that job: see guarantee G10.
			a = act{op: actGate}
		}
		j.acts = append(j.acts, a)
	}
	j.end = ending(max(0, d.upTo(-6, int(endings)-1)))
	if d.flops > 0 {
		j.flops = max(0, d.upTo(-2, d.flops))
		j.pause = d.upTo(0, 5) == 5
	}
	return j
}

func (d *drawer) act(depth int) act {
	a := act{op: oneOf(d, d.acts)}
	children := 0
	switch a.op {
	case actSleep, actResize:
		a.n = d.upTo(1, 5)
	case actSubmit, actTrySubmit, actDo, actTryDo, actLeave, actOrphan:
		children = 1
	case actTrio:
		children = 3
	}
	isGroup := a.op == actMap || a.op == actCollect || a.op == actStream
	if depth == 3 && (children > 0 || isGroup) {
		return act{op: actGate}
	}
	if isGroup {
		a.bulk = d.bulk(depth + 1)
		a.patience = d.patience(1)
	}
	for range children {
		a.jobs = append(a.jobs, d.job(depth+1, false))
	}
	if children > 0 {
		a.patience = d.patience(1)
	}
	return a
}
