package natspool

import (
	"sync"
	"time"
)

// parked are jobs of a batch that the queue had no place for. When the server refuses one it
// refuses all that are on their way, some thousand: each of them sent again and again by itself
// would keep the server busier than the work does. So they are sent in turns, of as many as found
// a place the last time and some more.
type parked struct {
	mu      sync.Mutex
	jobs    []func() // each sends one
	turn    int      // how many are sent at once; 0: nobody waits
	open    int      // how many of them are not answered yet
	refused int      // how many were refused
	idle    int      // turns without a place
}

// join has send called when it is its turn, and reports false if nobody waits.
func (p *parked) join(send func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turn == 0 {
		return false
	}
	p.jobs = append(p.jobs, send)
	return true
}

// refuse has send called for a job that found no place; inTurn says that this has sent it.
func (p *parked) refuse(send func(), inTurn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs = append(p.jobs, send)
	switch {
	case inTurn:
		p.refused++
		p.answered()
	case p.turn == 0:
		p.turn = 1
		p.rest()
	}
}

// accept is called for a job that was sent in a turn, and comes no more.
func (p *parked) accept() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered()
}

// answered ends the turn after the last answer.
func (p *parked) answered() {
	if p.open--; p.open > 0 {
		return
	}
	p.idle++
	switch {
	case p.refused == 0:
		p.turn, p.idle = min(p.turn+p.turn/4+1, batchAhead), 0
	case p.refused < p.turn:
		p.turn, p.idle = p.turn-p.refused, 0
	default:
		p.turn = 1
	}
	p.rest()
}

// rest waits for places before the next turn.
func (p *parked) rest() {
	time.AfterFunc(pause(1+p.idle), p.next)
}

func (p *parked) next() {
	p.mu.Lock()
	p.turn = min(p.turn, len(p.jobs)) // 0: nobody waits any more
	now := p.jobs[:p.turn]
	p.jobs, p.open, p.refused = p.jobs[p.turn:], p.turn, 0
	p.mu.Unlock()
	for _, send := range now {
		send()
	}
}

// flush sends all at once, when none of them is to wait any longer.
func (p *parked) flush() {
	p.mu.Lock()
	all := p.jobs
	p.jobs = nil
	p.open += len(all)
	p.mu.Unlock()
	for _, send := range all {
		send()
	}
}
