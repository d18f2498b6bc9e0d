package natspool

import (
	"fmt"
	"strings"

	"github.com/nats-io/nuid"
)

const (
	maxName = 64
	maxID   = 128
)

// names are the subjects and streams of one pool: all begin with its name, so that pools
// beside each other on one server have nothing in common.
//
//	wp.<pool>.job.<lane>.<mailbox>.<id>  jobs that are due
//	wp.<pool>.later.<mailbox>.<id>       jobs that are not yet due
//	wp.<pool>.due.<mailbox>.<id>         what the server makes of those when their time has come
//	wp.<pool>.res.<mailbox>.<id>         results
//	wp.<pool>.dead.<mailbox>.<id>        dead letters
//	wp.<pool>.note.<mailbox>.<id>        what is known of attempts that failed or were cut short
//
// The id is part of the subject because the server then keeps it unique: a stream that holds
// one message a subject, and refuses new ones, is what keeps a second result from being seen.
type names struct{ pool string }

func (n names) jobs() string    { return "WP_" + n.pool + "_JOBS" }
func (n names) delayed() string { return "WP_" + n.pool + "_DELAYED" }
func (n names) results() string { return "WP_" + n.pool + "_RESULTS" }
func (n names) dead() string    { return "WP_" + n.pool + "_DEAD" }
func (n names) notes() string   { return "WP_" + n.pool + "_NOTES" }

// subject joins the parts behind the pool's own.
func (n names) subject(parts ...string) string {
	return "wp." + n.pool + "." + strings.Join(parts, ".")
}

// laneAny is where jobs without a key go. Those with one go to a partition.
const laneAny = "any"

func lane(partition int) string { return fmt.Sprintf("p%d", partition) }

// address says whose a job is: in which mailbox its result goes, and by which id.
type address struct{ mailbox, id string }

func (a address) String() string { return a.mailbox + "." + a.id }

// addressOf takes the address out of the subject of any message of this pool: it is its end.
func addressOf(subject string) (address, bool) {
	rest, id, ok := cutLast(subject)
	if !ok {
		return address{}, false
	}
	_, mailbox, ok := cutLast(rest)
	return address{mailbox, id}, ok
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// NewID returns a new id for a job, as Submit gives one to each job that comes without. Use it
// where the id is to be known, or stored, before the job is submitted.
func NewID() string { return nuid.Next() }

// checkToken says what is wrong with a name that becomes part of a subject.
func checkToken(s string, most int) error {
	if s == "" || len(s) > most {
		return fmt.Errorf("%q: must have 1 to %d characters, not %d", clip(s), most, len(s))
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("%q: must consist of letters and digits of ASCII, - and _", clip(s))
		}
	}
	return nil
}

// clip keeps an error short whose cause is a name that is not.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
