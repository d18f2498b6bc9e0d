package modeltest

import (
	"fmt"
	"strings"
)

// plan is a program for a pool: it is drawn, carried out, and shrunk when it fails.
type plan struct {
	workers, buffer int
	bound           bool // made with a context that can be cancelled
	timeout         int  // of a job, in units of time; 0 for none
	watch           watching
	again           retrying
	rounds          [][]*call // the calls of a round begin at once, when those before can't go on
	end             callOp    // how the pool ends
}

// callOp is what a caller does.
type callOp int

const (
	callSubmit callOp = iota
	callTrySubmit
	callDo
	callTryDo
	callMap
	callCollect
	callStream
	callUnordered
	callRead    // n results, if they are there
	callRange   // all results to the end
	callRelease // the n-th job that waits at its gate
	callAbandon // cancel the context of the n-th call that waits
	callSleep   // n units of time
	callWait
	callResize // to n
	callClose
	callShutdown
	callStop
	callCancel // the context of the pool
)

var callNames = [...]string{
	"Submit", "TrySubmit", "Do", "TryDo", "Map", "Collect", "Stream", "StreamUnordered", "read", "range", "release", "abandon", "sleep",
	"Wait", "Resize", "Close", "Shutdown", "Stop", "cancel",
}

// forResults reports whether it submits a job whose outcome comes on Results.
func (op callOp) forResults() bool { return op == callSubmit || op == callTrySubmit }

func (op callOp) streams() bool { return op == callStream || op == callUnordered }

// call is one call by a caller; the rest is what it needs of that.
type call struct {
	op       callOp
	job      *job
	bulk     *bulk
	n        int
	patience int // of its context, in units of time: 0 for ever, below 0 already over
}

// actOp is what a job does.
type actOp int

const (
	actGate      actOp = iota // waits until it is released, whatever its context says
	actPatient                // the same, or until its context ends
	actSleep                  // n units of time, or until its context ends
	actSubmit                 // a job of its own
	actTrySubmit              //
	actDo                     //
	actTryDo                  //
	actMap                    // jobs of its own
	actCollect                //
	actStream                 //
	actTrio                   // three of its goroutines call Do, Submit and TryDo at once
	actLeave                  // leaves a goroutine behind that calls Do
	actOrphan                 // leaves a goroutine behind that calls Do when the job has ended
	actResize                 // to n
	actClose                  //
	actWait                   // which is refused
	actShutdown               // which only closes
)

var actNames = [...]string{
	"gate", "patient", "sleep", "Submit", "TrySubmit", "Do", "TryDo", "Map", "Collect", "Stream", "trio", "leave", "orphan",
	"Resize", "Close", "Wait", "Shutdown",
}

type act struct {
	op       actOp
	n        int
	jobs     []*job // those that it submits
	bulk     *bulk  // or has a bulk call do
	patience int    // of the context it submits them with, within its own: 0 for no less
}

// ending is how a job ends.
type ending int

const (
	endReturn ending = iota
	endFail
	endContext // fails with what its context says
	endPanic
	endPanicError
	endPanicNil
	endGoexit
	endGoexitPanic // panics in what it deferred before
	endings
)

var endingNames = [...]string{"return", "fail", "context", "panic", "panic(error)", "panic(nil)", "Goexit", "Goexit and panic"}

// job is a job of a plan. It is submitted at most once.
type job struct {
	id   int
	acts []act
	end  ending
	// flops is how many of its attempts end at once, with an error after which it is tried
	// again, and pause whether these errors say that the pool is to pause.
	flops int
	pause bool

	fate // what became of it
}

// GoString is how rapid shows a plan.
func (p *plan) GoString() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nworkers %d, buffer %d, bound %v, timeout %d, watching %d, retrying %d\n", p.workers, p.buffer, p.bound, p.timeout, p.watch, p.again)
	for i, round := range p.rounds {
		fmt.Fprintf(&b, "round %d\n", i+1)
		for _, c := range round {
			fmt.Fprintf(&b, "  %v\n", c)
		}
	}
	fmt.Fprintf(&b, "end by %s\n", callNames[p.end])
	return b.String()
}

func (c *call) String() string {
	s := callNames[c.op]
	switch {
	case c.job != nil:
		s += " " + c.job.String()
	case c.bulk != nil:
		s += " " + c.bulk.String()
	case c.n != 0:
		s += fmt.Sprintf(" %d", c.n)
	}
	return s + within(c.patience)
}

func (j *job) String() string {
	parts := make([]string, 0, len(j.acts)+1)
	for _, a := range j.acts {
		parts = append(parts, a.String())
	}
	s := fmt.Sprintf("job%d{%s}", j.id, strings.Join(append(parts, endingNames[j.end]), "; "))
	if j.flops > 0 {
		s += fmt.Sprintf("(flops %d, pauses %v)", j.flops, j.pause)
	}
	return s
}

func (a act) String() string {
	s := actNames[a.op]
	if a.n != 0 {
		s += fmt.Sprintf(" %d", a.n)
	}
	for _, j := range a.jobs {
		s += " " + j.String()
	}
	if a.bulk != nil {
		s += " " + a.bulk.String()
	}
	return s + within(a.patience)
}

func within(patience int) string {
	switch {
	case patience == 0:
		return ""
	case patience < 0:
		return " with an ended context"
	}
	return fmt.Sprintf(" within %d", patience)
}
