package incident

import (
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// lab is a network of routers that behave: they hold metrics, refuse what is older than what they have seen, compare before
// they set, roll back what nobody confirms, and do what is wrong with them. Traffic leaves a link when both ends are
// drained.
type lab struct {
	now     time.Time
	routers map[string]*labRouter
	links   map[string]*labLink
	bars    []events.Bar
	sets    int // that changed a router
	size    int // links in the network

	ahead map[string]events.Prospect // what is computed of a drain, by link; nil: nothing is
	apart [][2]string                // links that must not both be drained
}

type labRouter struct {
	metric map[string]uint64 // by interface, usual when it is not there
	master uint64
	armed  map[string]labCommit // by commit id
	shown  map[string]uint64    // what the state goes on showing, by interface; nil: it follows the configuration
	mute   bool                 // its telemetry tells of no state
	tells  uint64               // what it has told that its interfaces have; 0: it tells nothing
	mood   mood
	late   []labSend
}

// mood is what is wrong with a router.
type mood string

const (
	well        mood = ""
	refusing    mood = "refuses"     // it answers no
	losing      mood = "loses"       // it does as it is told, and the answer is lost
	dropping    mood = "drops"       // nothing arrives, and nobody can tell
	unreachable mood = "unreachable" // nothing can be sent, and it cannot be read
	hanging     mood = "hangs"       // it keeps requests and does not answer
	unreadable  mood = "unreadable"  // it takes what is sent, and cannot be read
)

type labCommit struct {
	until  time.Time
	iface  string
	metric uint64
}

type labSend struct {
	order events.Order
	at    time.Time
}

type labLink struct {
	sick     bool // what crosses it meets errors
	stubborn bool // traffic stays whatever the metric
	down     bool
}

const (
	usual   = 700
	drained = 16777214
)

func newLab(now time.Time) *lab {
	return &lab{now: now, routers: map[string]*labRouter{}, links: map[string]*labLink{}, size: 14, bars: []events.Bar{events.BarDeadline, events.BarArbitration}}
}

func (l *lab) router(name string) *labRouter {
	if l.routers[name] == nil {
		l.routers[name] = &labRouter{metric: map[string]uint64{}, armed: map[string]labCommit{}}
	}
	return l.routers[name]
}

func (l *lab) link(name string) *labLink {
	if l.links[name] == nil {
		l.links[name] = &labLink{}
	}
	return l.links[name]
}

func (r *labRouter) at(iface string) uint64 {
	if m, ok := r.metric[iface]; ok {
		return m
	}
	return usual
}

// pass lets time go on; what nobody has confirmed by then is rolled back.
func (l *lab) pass(now time.Time) {
	l.now = now
	for _, r := range l.routers {
		for id, c := range r.armed {
			if !now.Before(c.until) {
				r.metric[c.iface] = c.metric
				delete(r.armed, id)
			}
		}
	}
}

// reboot brings a router back with the configuration that was saved before Detour came.
func (l *lab) reboot(name string) {
	r := l.router(name)
	r.metric, r.armed, r.late = map[string]uint64{}, map[string]labCommit{}, nil
}

// observe reads the target and the network around it, and computes what a drain of it would do beside others.
func (l *lab) observe(target events.Target) events.Facts { return l.carryOut(Observe{Target: target}) }

// carryOut is what an observation shows.
func (l *lab) carryOut(o Observe) events.Facts {
	target := o.Target
	f := events.Facts{At: l.now, Network: events.NetworkFacts{Routers: 11, Seen: 11, Links: l.size, WorstLink: "c-d", WorstPermil: 400}}
	for name, link := range l.links {
		if link.down {
			f.Network.DownLinks = append(f.Network.DownLinks, name)
		}
		if l.drained(name) {
			f.Network.DrainedLinks = append(f.Network.DrainedLinks, name)
		}
	}
	slices.Sort(f.Network.DownLinks)
	slices.Sort(f.Network.DrainedLinks)
	link := l.link(target.Name)
	busy := !link.down && (link.stubborn || !slices.ContainsFunc(target.Ends, func(e events.End) bool { return l.router(e.Device).at(e.Interface) >= drained }))
	for _, end := range target.Ends {
		f.Ends = append(f.Ends, l.end(end, link, busy))
	}
	f.Prospect = l.prospect(o)
	return f
}

// told is what is known of a target that nobody has read: what its routers have told, if all of them do.
func (l *lab) told(o Observe) (f events.Facts, known bool) {
	if slices.ContainsFunc(o.Target.Ends, func(e events.End) bool { return l.router(e.Device).tells == 0 }) {
		return f, false
	}
	f = l.carryOut(o)
	f.Told = true
	for _, end := range f.Ends {
		for n := range end.Leaves {
			end.Leaves[n].Config = events.UintValue(l.router(end.Device).tells)
			end.Leaves[n].State = end.Leaves[n].Config
		}
	}
	return f, true
}

// prospect is safe unless a script says otherwise, or the link's drain would come to stand beside that of one that it must
// not stand with.
func (l *lab) prospect(o Observe) *events.Prospect {
	name := o.Target.Name
	if l.ahead == nil {
		return nil
	}
	p, ok := l.ahead[name]
	if hard, is := l.ahead[name+" hard"]; is && o.Hard {
		p, ok = hard, true
	}
	if !ok {
		p = safe
	}
	if p.Way == nil && o.Hard {
		p.Way = events.Uniform(name, drained+1)
	}
	p.At, p.Besides = l.now, o.Besides
	for _, pair := range l.apart {
		for n, one := range pair {
			if other := pair[1-n]; one == name && (l.drained(other) || slices.Contains(o.Besides, other)) {
				p.Drained.WorstPermil, p.Drained.WorstLink = 1300, "x-y"
			}
		}
	}
	return &p
}

var safe = events.Prospect{
	Method: events.MethodBound, Moved: 4_000_000_000,
	InService: events.Outlook{WorstPermil: 400, WorstLink: "x-y", SurvivePermil: 600, Failures: 20},
	Drained:   events.Outlook{WorstPermil: 500, WorstLink: "x-y", SurvivePermil: 640, Failures: 20},
}

// drained reports whether a link stands drained at both ends; which ends it has is in its name.
func (l *lab) drained(name string) bool {
	target, ok := testNetwork{}.Link(name)
	return ok && !slices.ContainsFunc(target.Ends, func(e events.End) bool { return l.router(e.Device).at(e.Interface) < drained })
}

func (l *lab) end(end events.End, link *labLink, busy bool) events.EndFacts {
	r := l.router(end.Device)
	e := events.EndFacts{
		End: end, Oper: "UP", Adjacencies: 1, System: end.Device, Neighbours: []string{strings.TrimPrefix(end.Interface, "to-")}, Traffic: &events.Traffic{Window: events.Duration(time.Second)},
		Profile: events.Profile{Name: "openconfig", SoftMetric: drained, HardMetric: drained + 1, Bars: l.bars, Qualified: true},
	}
	if link.down {
		e.Oper, e.Adjacencies, e.Neighbours = "DOWN", 0, nil
	}
	if busy {
		e.Traffic.InBPS, e.Traffic.OutBPS, e.Traffic.InPPS = 2_000_000_000, 2_000_000_000, 250_000
		if link.sick {
			e.Traffic.InErrors = 75
		}
	}
	if r.mood == unreachable || r.mood == unreadable {
		e.Unreadable, e.Oper, e.Traffic = "no answer", "", nil
		return e
	}
	config := events.UintValue(r.at(end.Interface))
	state := config
	if old, ok := r.shown[end.Interface]; ok {
		state = events.UintValue(old)
	}
	if r.mute {
		e.Oper, state = "", events.Value{}
	}
	for _, family := range []string{events.IPv4, events.IPv6} {
		ref := events.LeafRef{Leaf: events.ISISMetric, Interface: end.Interface, Level: 2, Family: family}
		e.Leaves = append(e.Leaves, events.LeafFacts{LeafRef: ref, Config: config, State: state})
	}
	return e
}

// set carries out an order as package device would; nil: no answer comes.
func (l *lab) set(o events.Order) events.Body {
	r := l.router(o.Change.Device)
	refused := func(class events.RefusalClass, sets int, detail string) events.Body {
		return events.Refused{Act: o.Act, Class: class, Sets: sets, Detail: detail}
	}
	switch {
	case !l.now.Before(o.Deadline):
		return refused(events.RefusedLate, 0, "the deadline has passed")
	case r.mood == unreachable:
		return refused(events.RefusedUnsent, 0, "it could not be reached")
	}
	set := o.Change.Settings[0]
	from, _ := set.Before.Uint()
	to, _ := set.After.Uint()
	switch now := r.at(set.Interface); {
	case o.Undo && now == to && !o.Pending:
		return events.Applied{Act: o.Act, Detail: "every leaf was back already"}
	case now != from && !(o.Undo && now == to):
		return refused(events.RefusedByChanged, 0, "somebody else changed it")
	case o.Mode != events.Live:
		return events.Applied{Act: o.Act, Detail: "dry-run"}
	}
	switch r.mood {
	case refusing:
		return refused(events.RefusedByRouter, 1, "not now")
	case dropping:
		return events.Unknown{Act: o.Act, Sets: 1, Detail: "no answer"}
	case hanging:
		r.late = append(r.late, labSend{o, l.now})
		return nil
	}
	if !l.take(r, o) {
		return refused(events.RefusedByFence, 1, "a newer election id was seen")
	}
	if r.mood == losing {
		return events.Unknown{Act: o.Act, Sets: 1, Detail: "the answer was lost"}
	}
	return events.Applied{Act: o.Act, Sets: 1, Bars: l.bars, Armed: o.Arm > 0}
}

// take puts a change on a router unless its fence is too old.
func (l *lab) take(r *labRouter, o events.Order) bool {
	if slices.Contains(l.bars, events.BarArbitration) {
		if o.Fence < r.master {
			return false
		}
		r.master = o.Fence
	}
	set := o.Change.Settings[0]
	to, _ := set.After.Uint()
	if r.at(set.Interface) != to {
		l.sets++
	}
	if o.Arm > 0 {
		r.armed[o.CommitID()] = labCommit{until: l.now.Add(o.Arm.Std()), iface: set.Interface, metric: r.at(set.Interface)}
	} else {
		delete(r.armed, o.CommitID())
	}
	r.metric[set.Interface] = to
	return true
}

// release lets what a router kept arrive now; it returns how many of them it took.
func (l *lab) release(name string) (taken int) {
	r := l.router(name)
	late := r.late
	r.late = nil
	for _, s := range late {
		if l.take(r, s.order) {
			taken++
		}
	}
	return taken
}

// look raises a router's election id and reads a change back; ok is false when it cannot be read.
func (l *lab) look(o events.Order, fence uint64) (f events.Found, ok bool) {
	r := l.router(o.Change.Device)
	if r.mood == unreachable || r.mood == unreadable || r.mood == hanging {
		return events.Found{}, false
	}
	f = events.Found{Step: o.Step, Change: o.Act.Change, Doubt: fence, At: l.now, Seen: events.SeenOther}
	if slices.Contains(l.bars, events.BarArbitration) {
		r.master = max(r.master, fence)
		f.Fence = fence
	}
	switch set := o.Change.Settings[0]; events.UintValue(r.at(set.Interface)) {
	case set.Before:
		f.Seen = events.SeenBefore
	case set.After:
		f.Seen = events.SeenAfter
	}
	return f, true
}

// confirm makes an armed change stay.
func (l *lab) confirm(o events.Order) events.Confirmed {
	r := l.router(o.Change.Device)
	c := events.Confirmed{Step: o.Step, Change: o.Act.Change}
	_, armed := r.armed[o.CommitID()]
	switch {
	case r.mood == unreachable || r.mood == dropping || r.mood == hanging:
		c.Detail = "no answer"
	case slices.Contains(l.bars, events.BarArbitration) && o.Fence < r.master:
		c.Detail = "a newer election id was seen"
	case !armed:
		c.Detail = "nothing waits for a confirmation"
	default:
		delete(r.armed, o.CommitID())
		c.OK = true
	}
	if r.mood == losing {
		c.OK, c.Detail = false, "the answer was lost"
	}
	return c
}
