package whatif

import (
	"cmp"
	"slices"
)

// Survey is what every failure of a list does to one state. It is made once for the network as it is and then asked, for
// every change that is considered, what the same failures would do after it. It never changes and may be used by many at
// once.
type Survey struct {
	before   *State
	failures []failure
	effects  []effect // per failure
	order    []int    // of the failures, the one that fills a link most first
	parts    *parts
	kept     int64 // bytes
}

// effect is what one failure does to a state.
type effect struct {
	arcs []int32 // whose load it changes, ascending; only when kept
	gain []int64 // by how much, in units
	kept bool

	peak peak
	lost int64
	cut  int
}

// peak is the fullest direction of any link.
type peak struct {
	permil int64
	load   int64 // units
	arc    int32 // -1 when there is none
}

const (
	surveyBatch = 256 // failures that are worked on before their memory is counted
	entryBytes  = 12
)

// NewSurvey evaluates every scenario on st. It keeps what each does as long as that takes at most memory bytes; the
// scenarios after that are evaluated anew whenever a bound does not settle them, with the same results.
func NewSurvey(st *State, scenarios []Scenario, memory int64) (*Survey, error) {
	n := st.net
	failures, err := n.failures(scenarios)
	if err != nil {
		return nil, err
	}
	sv := &Survey{before: st, failures: failures, effects: make([]effect, len(failures)), parts: findParts(n, st.view)}
	ranked := st.ranked()
	for from := 0; from < len(failures); from += surveyBatch {
		batch := min(surveyBatch, len(failures)-from)
		room := memory > sv.kept
		n.parallel(batch, func(s *scratch, i int) {
			sv.effects[from+i] = s.effect(st, ranked, &failures[from+i], room)
		}, nil)
		for i := from; i < from+batch; i++ {
			e := &sv.effects[i]
			size := int64(len(e.arcs)) * entryBytes
			if !e.kept || sv.kept+size > memory {
				e.arcs, e.gain, e.kept = nil, nil, false
				continue
			}
			sv.kept += size
		}
	}
	sv.order = make([]int, len(failures))
	for i := range sv.order {
		sv.order[i] = i
	}
	slices.SortFunc(sv.order, func(a, b int) int {
		return cmp.Or(cmp.Compare(sv.effects[b].peak.permil, sv.effects[a].peak.permil), cmp.Compare(a, b))
	})
	return sv, nil
}

// Bytes is the memory that the survey keeps beside its state.
func (sv *Survey) Bytes() int64 { return sv.kept }

func (s *scratch) effect(st *State, ranked ranking, f *failure, keep bool) effect {
	var e effect
	e.lost, e.cut = s.fail(st, f)
	e.peak = s.peak(st, ranked)
	if !keep {
		return e
	}
	e.kept = true
	slices.Sort(s.touched)
	changed := 0
	for _, arc := range s.touched {
		if s.gain[arc] != 0 {
			changed++
		}
	}
	e.arcs, e.gain = make([]int32, 0, changed), make([]int64, 0, changed)
	for _, arc := range s.touched {
		if s.gain[arc] != 0 {
			e.arcs, e.gain = append(e.arcs, arc), append(e.gain, s.gain[arc])
		}
	}
	return e
}

// of is what the effect adds to arc.
func (e *effect) of(arc int32) int64 {
	if i, ok := slices.BinarySearch(e.arcs, arc); ok {
		return e.gain[i]
	}
	return 0
}

// ranking has all arcs by how full they are, the fullest first, and how full that is.
type ranking struct {
	arcs   []int32
	permil []int64
}

func (st *State) ranked() ranking {
	n := st.net
	full := make([]int64, len(st.load))
	rk := ranking{arcs: make([]int32, len(st.load)), permil: make([]int64, len(st.load))}
	for arc := range full {
		full[arc], rk.arcs[arc] = n.permil(int32(arc), st.load[arc]), int32(arc)
	}
	slices.SortFunc(rk.arcs, func(a, b int32) int {
		return cmp.Or(cmp.Compare(full[b], full[a]), cmp.Compare(n.place(a), n.place(b)))
	})
	for i, arc := range rk.arcs {
		rk.permil[i] = full[arc]
	}
	return rk
}

// place is where arc stands in the order of State.Loads.
func (n *Net) place(arc int32) int32 {
	link := n.linkOf[arc]
	if n.arcsOf[link][0] == arc {
		return 2 * link
	}
	return 2*link + 1
}

// over makes p the fuller of itself and arc with load, of equal ones the first in the order of State.Loads, and reports
// whether that is arc.
func (p *peak) over(n *Net, arc int32, load int64) bool {
	permil := n.permil(arc, load)
	if p.arc >= 0 && (permil < p.permil || permil == p.permil && n.place(arc) > n.place(p.arc)) {
		return false
	}
	*p = peak{permil: permil, load: load, arc: arc}
	return true
}

// peak is the fullest arc of st with the sum just made.
func (s *scratch) peak(st *State, ranked ranking) peak {
	p := peak{arc: -1}
	for _, arc := range s.touched {
		p.over(s.net, arc, st.load[arc]+s.gain[arc])
	}
	for _, arc := range ranked.arcs {
		if s.summed[arc] != s.sum {
			p.over(s.net, arc, st.load[arc])
			break
		}
	}
	return p
}
