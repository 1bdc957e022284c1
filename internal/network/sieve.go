package network

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxComplaints about one file are listed, the rest are counted.
const maxComplaints = 20

// sieve takes demands one after the other and complains about those that cannot be. It keeps 24 bytes for each; names
// are numbered in their sorting order, so that sorting rows by number sorts demands by name.
type sieve struct {
	topology *Topology
	routers  []string
	index    map[string]int32 // router -> its place in routers
	classes  []class          // in the order of their appearance
	rows     []row
	found    []error
	more     int
	where    func(place int32) string
}

// class is a class of traffic of one address family.
type class struct {
	name   string
	family Family
}

// row is one demand; place is the line or index at which it was given.
type row struct {
	from, to, class, place int32
	bps                    int64
}

// pair orders rows by from, then to.
func (r row) pair() int64 { return int64(r.from)<<32 | int64(r.to) }

func newSieve(t *Topology, where func(place int32) string) *sieve {
	s := &sieve{topology: t, where: where, index: map[string]int32{}}
	for _, r := range t.Routers {
		s.routers = append(s.routers, r.Name)
	}
	slices.Sort(s.routers)
	for i, name := range s.routers {
		s.index[name] = int32(i)
	}
	return s
}

func (s *sieve) bad(place int32, format string, args ...any) {
	if len(s.found) == maxComplaints {
		s.more++
		return
	}
	s.found = append(s.found, fmt.Errorf("%s: %s", s.where(place), fmt.Sprintf(format, args...)))
}

// take takes a demand whose rate is within bounds.
func (s *sieve) take(place int32, from, to string, of class, bps int64) {
	a, knownA := s.index[from]
	b, knownB := s.index[to]
	switch {
	case !knownA:
		s.bad(place, "from: router %.80q is not in the inventory", from)
	case !knownB:
		s.bad(place, "to: router %.80q is not in the inventory", to)
	case a == b:
		s.bad(place, "a demand from %q to itself", from)
	default:
		if c, ok := s.classOf(place, of); ok {
			s.rows = append(s.rows, row{from: a, to: b, class: c, place: place, bps: bps})
		}
	}
}

// classOf is the number of a class. There are few, and neighbours mostly share one.
func (s *sieve) classOf(place int32, of class) (int32, bool) {
	if i := slices.Index(s.classes, of); i >= 0 {
		return int32(i), true
	}
	if of.family != "" && !slices.Contains(Families(), of.family) {
		s.bad(place, "family %.80q: want %v, or nothing for both", string(of.family), Families())
		return 0, false
	}
	if !fitName(of.name) || !utf8.ValidString(of.name) {
		s.bad(place, "class %.80q: want at most %d bytes of UTF-8 without blanks", of.name, maxName)
		return 0, false
	}
	if len(s.classes) == maxClasses {
		s.bad(place, "class %q: more than %d classes, counted for each family", of.name, maxClasses)
		return 0, false
	}
	s.classes = append(s.classes, of)
	return int32(len(s.classes) - 1), true
}

// finish sorts the demands and says everything that is wrong with them, one by one or together; name is the file's.
func (s *sieve) finish(name string) ([]Demand, error) {
	s.rankClasses()
	slices.SortFunc(s.rows, func(x, y row) int {
		if byPair := cmp.Compare(x.pair(), y.pair()); byPair != 0 {
			return byPair
		}
		return cmp.Or(cmp.Compare(x.class, y.class), cmp.Compare(x.place, y.place))
	})
	s.duplicates()
	s.together(name)
	if err := s.err(name); err != nil {
		return nil, err
	}
	demands := make([]Demand, len(s.rows))
	for i, r := range s.rows {
		of := s.classes[r.class]
		demands[i] = Demand{From: s.routers[r.from], To: s.routers[r.to], BPS: r.bps, Class: of.name, Family: of.family}
	}
	return demands, nil
}

// err is what was found so far, nil when nothing was.
func (s *sieve) err(name string) error {
	found := s.found
	if s.more > 0 {
		found = append(slices.Clip(found), fmt.Errorf("%s: and %d more", name, s.more))
	}
	return errors.Join(found...)
}

// rankClasses renumbers the classes in their sorting order.
func (s *sieve) rankClasses() {
	order := func(a, b class) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.family, b.family)) }
	ranked := slices.SortedFunc(slices.Values(s.classes), order)
	for i, r := range s.rows {
		at, _ := slices.BinarySearchFunc(ranked, s.classes[r.class], order)
		s.rows[i].class = int32(at)
	}
	s.classes = ranked
}

// duplicates complains about sorted rows that say the same twice, in the order in which they were given.
func (s *sieve) duplicates() {
	type twice struct{ place, first, row int32 }
	var again []twice
	first := 0
	for i := 1; i < len(s.rows); i++ {
		x, y := s.rows[first], s.rows[i]
		if x.pair() == y.pair() && x.class == y.class {
			again = append(again, twice{y.place, x.place, int32(i)})
		} else {
			first = i
		}
	}
	slices.SortFunc(again, func(x, y twice) int { return cmp.Compare(x.place, y.place) })
	for _, d := range again {
		r := s.rows[d.row]
		of := ""
		if c := s.classes[r.class]; c.name != "" {
			of = fmt.Sprintf(" of class %q", c.name)
		}
		if family := s.classes[r.class].family; family != "" {
			of += fmt.Sprintf(" for %s", family)
		}
		s.bad(d.place, "the demand from %q to %q%s is given twice; first: %s", s.routers[r.from], s.routers[r.to], of, s.where(d.first))
	}
}

// together looks at the whole, unless its parts are in doubt already.
func (s *sieve) together(name string) {
	if len(s.found) > 0 {
		return
	}
	var total int64
	for _, r := range s.rows {
		if total += r.bps; total > maxTotal {
			s.found = append(s.found, fmt.Errorf("%s: more than %d bits per second in all: is the unit right?", name, int64(maxTotal)))
			return
		}
	}
	switch {
	case len(s.rows) == 0:
		s.found = append(s.found, fmt.Errorf("%s: the matrix is empty: it has no demand", name))
	case total == 0:
		s.found = append(s.found, fmt.Errorf("%s: the matrix is empty: every demand is 0", name))
	default:
		if doubt := unitDoubt(s.topology, total); doubt != "" {
			s.found = append(s.found, fmt.Errorf("%s: %s", name, doubt))
		}
	}
}
