package proof

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// differences finds where the export behind position proven is not what the checkpoints open state, the smallest first.
func (t *Tree) differences(proven uint64, open []checkpoint.Checkpoint) []ledger.Finding {
	if len(open) == 0 {
		return nil
	}
	newest := open[len(open)-1]
	var list []ledger.Finding
	if from, to := t.narrow(proven, open); to > 0 {
		d := &diff{tree: t, signed: leaves(open), newest: newest.Size}
		if list = d.from(from); from < to || len(list) == 0 {
			list = append(list[:0:0], finding(from, to, ledger.Altered, fmt.Sprintf("what the checkpoint of %d records states of these is not what stands here: one of them was altered, "+
				"removed, inserted or moved, and what follows made to fit", newest.Size)))
		}
	}
	if size := uint64(t.size); size+removed(list) < newest.Size {
		list = append(list, finding(size+1, newest.Size, ledger.Missing, fmt.Sprintf("the export ends here, the checkpoint of %s covers %d records: the end was cut off",
			newest.Last.Format("2006-01-02 15:04:05Z07:00"), newest.Size)))
	}
	return list
}

// removed counts the records that are known not to be there any more.
func removed(list []ledger.Finding) (n uint64) {
	for _, f := range list {
		if f.Problem == ledger.Missing {
			n++
		}
	}
	return n
}

func finding(from, to uint64, p ledger.Problem, detail string) ledger.Finding {
	if to == from {
		to = 0
	}
	return ledger.Finding{Position: from, To: to, Problem: p, Detail: detail, Sure: ledger.Proven}
}

// narrow finds between which positions the first record lies that differs; to is 0 when none is seen to. Behind the last
// node that agrees, and no later than the first that does not. Where checkpoints contradict each other, as those of a ledger and of
// its restored backup do, it is what is denied first.
func (t *Tree) narrow(proven uint64, open []checkpoint.Checkpoint) (from, to uint64) {
	var agree []checkpoint.Node
	var denied uint64 // where the first that does not agree begins
	for _, c := range open {
		for _, n := range c.Nodes {
			switch h, ok := t.at(n); {
			case !ok:
			case h == n.Hash:
				agree = append(agree, n)
			case to == 0 || n.To() < to:
				denied, to = n.From(), n.To()
			}
		}
	}
	from = proven + 1
	for more := true; more; {
		more = false
		for _, n := range agree {
			if n.From() <= from && from <= n.To() {
				from, more = n.To()+1, true
			}
		}
	}
	if to > 0 && to < from {
		from = denied
	}
	return from, to
}

// leaves are the records that the checkpoints state one by one.
func leaves(open []checkpoint.Checkpoint) map[uint64]tlog.Hash {
	list := map[uint64]tlog.Hash{}
	for _, c := range open {
		for _, n := range c.Nodes {
			if n.Level == 0 {
				list[n.To()] = n.Hash
			}
		}
	}
	return list
}

// diff compares the records of an export one by one with those that were signed.
type diff struct {
	tree   *Tree
	signed map[uint64]tlog.Hash
	newest uint64               // size of the checkpoint
	places map[tlog.Hash]uint64 // in the export, once something was looked for
}

// from lists what differs from position on, as far as single records were signed. It ends where nothing fits any more.
func (d *diff) from(position uint64) (list []ledger.Finding) {
	is, was := position, position // in the export, and when it was signed
	for len(list) < ledger.MaxFindings {
		now, here := d.tree.leaf(is)
		then, known := d.signed[was]
		switch {
		case !here || !known:
			return list
		case now == then:
			is, was = is+1, was+1
		case d.stands(is+1, was) && d.stands(is, was+1):
			list = append(list, finding(was, was+1, ledger.Misplaced, fmt.Sprintf("positions %d and %d have changed places", was, was+1)))
			is, was = is+2, was+2
		case d.stands(is+1, was):
			list = append(list, finding(is, 0, ledger.Misplaced, "it was inserted: it was not there when the checkpoint was signed"))
			is++
		case d.stands(is, was+1):
			list = append(list, finding(was, 0, ledger.Missing, "it was removed: what stands here now is the record that followed it"))
			was++
		case d.stands(is+1, was+1):
			list = append(list, d.changed(was))
			is, was = is+1, was+1
		default:
			return append(list, d.lost(was))
		}
	}
	return list
}

// stands reports whether the export holds at position is what was signed at position was.
func (d *diff) stands(is, was uint64) bool {
	now, here := d.tree.leaf(is)
	then, known := d.signed[was]
	return here && known && now == then
}

// changed is the finding on a record in whose place another stands.
func (d *diff) changed(was uint64) ledger.Finding {
	if d.places == nil {
		d.places = map[tlog.Hash]uint64{}
		for at := uint64(1); at <= uint64(d.tree.size); at++ {
			h, _ := d.tree.leaf(at)
			d.places[h] = at
		}
	}
	if at := d.places[d.signed[was]]; at > 0 {
		return finding(was, 0, ledger.Misplaced, fmt.Sprintf("it stands at position %d instead", at))
	}
	return finding(was, 0, ledger.Altered, "its bytes or its subject are not those that were signed")
}

// lost is the finding on a record behind which nothing fits.
func (d *diff) lost(was uint64) ledger.Finding {
	f := d.changed(was)
	if f.Problem == ledger.Altered && was < d.newest {
		f.Detail = "from here on nothing is what was signed: a record was altered, removed or inserted here, and the digests of all that follow made to fit"
	}
	return f
}

// Merge adds what checkpoints say to what an audit has found: one finding for each thing that is wrong. What was merely
// likely gives way to what is proven.
func Merge(audit, signed []ledger.Finding) []ledger.Finding {
	list := slices.Clone(audit)
	for _, s := range signed {
		same := func(f ledger.Finding) bool {
			return f.Problem != ledger.Unknown && f.Position <= max(s.Position, s.To) && s.Position <= max(f.Position, f.To)
		}
		exact := s.To == 0 || s.Problem == ledger.Misplaced
		if !exact && slices.ContainsFunc(list, same) {
			continue // the audit knows better where it is
		}
		list = slices.DeleteFunc(list, func(f ledger.Finding) bool { return f.Sure == ledger.Likely && same(f) })
		if i := slices.IndexFunc(list, same); i >= 0 {
			list[i].Sure, list[i].Detail = s.Sure, list[i].Detail+"; "+s.Detail
			continue
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b ledger.Finding) int { return cmp.Compare(a.Position, b.Position) })
	return list
}
