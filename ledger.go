package workerpool

import (
	"sync/atomic"
)

// ledger counts the jobs that a pool has accepted and those it has finished. It
// knows two things from that: when the jobs channel may be closed, and when the
// pool is idle.
//
// The jobs channel is closed by whoever finds, after Close, that nothing is
// unfinished. A submitter enters its job before it sends it, so as long as
// anybody may send there is an unfinished job and the channel stays open: that is
// all there is to «send on closed channel», and it takes no lock.
//
// The two counts are on cache lines of their own: submitters write the one,
// workers the other, and a worker writes its only when it runs out of jobs.
type ledger struct {
	_        cacheLine
	accepted atomic.Uint64 // in steps of ledgerJob; the lowest bit is intakeOpen
	_        cacheLine
	finished atomic.Uint64
	idle     atomic.Int64 // workers that have no job
	_        cacheLine
}

// intakeOpen is set while jobs are accepted. It is not the other way round so that
// the zero Pool is a closed one.
const (
	intakeOpen = 1
	ledgerJob  = 2
)

// enter counts a job that is about to be sent, and reports whether the intake is
// open. A job that is then not sent has to be taken back, whatever enter said.
func (l *ledger) enter() (open bool) { return l.accepted.Add(ledgerJob)&intakeOpen != 0 }

// takeBack is the opposite of enter.
func (l *ledger) takeBack() { l.accepted.Add(^uint64(ledgerJob - 1)) }

// closeIntake reports whether the intake was open.
func (l *ledger) closeIntake() bool {
	return l.accepted.And(^uint64(intakeOpen))&intakeOpen != 0
}

func (l *ledger) entered() uint64 { return l.accepted.Load() / ledgerJob }

// balance reports whether every job is finished, and whether the intake is open.
// finished has to be read first: it never exceeds accepted, so that when they are
// equal they were so at the moment accepted was read.
func (l *ledger) balance() (idle, open bool) {
	finished := l.finished.Load()
	accepted := l.accepted.Load()
	return accepted/ledgerJob == finished, accepted&intakeOpen != 0
}
