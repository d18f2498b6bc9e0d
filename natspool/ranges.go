package natspool

import "slices"

// ranges is a set of numbers that mostly come in order: those that follow each other take one
// place together.
type ranges []span

type span struct{ first, last uint64 }

// at returns where the first span is that does not end before n.
func (r ranges) at(n uint64) int {
	if k := len(r); k == 0 || r[k-1].last < n {
		return k // nearly always, so not searched for
	}
	i, _ := slices.BinarySearchFunc(r, n, func(s span, n uint64) int {
		if s.last < n {
			return -1
		}
		return 1
	})
	return i
}

func (r ranges) has(n uint64) bool { return r.covers(n, n) }

// covers reports whether all from first to last are in it.
func (r ranges) covers(first, last uint64) bool {
	i := r.at(first)
	return i < len(r) && r[i].first <= first && last <= r[i].last
}

func (r *ranges) add(n uint64) {
	i := r.at(n)
	if i < len(*r) && (*r)[i].first <= n {
		return
	}
	follows := i > 0 && (*r)[i-1].last+1 == n
	precedes := i < len(*r) && (*r)[i].first == n+1
	switch {
	case follows && precedes:
		(*r)[i-1].last = (*r)[i].last
		*r = slices.Delete(*r, i, i+1)
	case follows:
		(*r)[i-1].last = n
	case precedes:
		(*r)[i].first = n
	default:
		*r = slices.Insert(*r, i, span{n, n})
	}
}

// cut takes all out from n on.
func (r *ranges) cut(n uint64) {
	i := r.at(n)
	if i < len(*r) && (*r)[i].first < n {
		(*r)[i].last = n - 1
		i++
	}
	*r = slices.Delete(*r, i, len(*r))
}

// drop takes all out up to n.
func (r *ranges) drop(n uint64) {
	*r = slices.Delete(*r, 0, r.at(n+1))
	if len(*r) > 0 {
		(*r)[0].first = max((*r)[0].first, n+1)
	}
}
