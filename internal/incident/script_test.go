package incident

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
)

// do carries out one line of a script.
func (s *stage) do(verb string, args []string) error {
	named := map[string]string{}
	var plain []string
	for _, a := range args {
		if k, v, ok := strings.Cut(a, "="); ok {
			named[k] = v
		} else {
			plain = append(plain, a)
		}
	}
	arg := func(n int) string {
		if n < len(plain) {
			return plain[n]
		}
		return ""
	}
	switch verb {
	case "event": // ID STATE SEVERITY LINK|ROUTER/INTERFACE [kind=K] [age=D] [source=S] [asked_by=P] [value=V]
		return s.event(arg, named)
	case "tick": // D
		d, err := time.ParseDuration(arg(0))
		if err != nil {
			return err
		}
		s.pass(d)
	case "router": // NAME well|MOOD|reboots|delivers|keeps-state|tells-no-state|acts|metric N|tells N
		return s.router(arg(0), arg(1), arg(2))
	case "link": // NAME sick|healed|stubborn|supple|down|up
		s.link(arg(0), arg(1))
	case "ahead": // [LINK [hard]] [worst=N] [survives=N] [violations=N] [steps=N,N]: from here on it is computed what drains would do, and of LINK this
		return s.ahead(strings.Join(plain, " "), named)
	case "group": // SCOPE LINK...: these links, and no others, have the scope
		g, ok := s.world.Inventory.(grouped)
		if !ok {
			g = grouped{}
			s.world.Inventory = g
		}
		g[events.Scope(arg(0))] = plain[1:]
	case "links": // N: so many are in the network
		n, err := strconv.Atoi(arg(0))
		if err != nil {
			return err
		}
		s.lab.size = n
	case "together": // what is published until "now" arrives at once
		s.held = true
	case "now":
		s.held = false
		s.settle()
	case "apart": // LINK LINK: their drains are each safe, and not both together
		s.lab.apart = append(s.lab.apart, [2]string{arg(0), arg(1)})
	case "bars": // BAR...
		s.lab.bars = nil
		for _, b := range plain {
			s.lab.bars = append(s.lab.bars, events.Bar(b))
		}
	case "replica": // NAME: from here on it is another that acts; the one before is not heard any more
		next := newMember(arg(0))
		for n := range s.ledger.entries {
			next.fold(s.t, s.ledger.read(uint64(n)+1))
		}
		s.active = next
		s.settle()
	case "silence": // N: so many Sets to come find the ledger silent right before they leave
		n, err := strconv.Atoi(arg(0))
		if err != nil {
			return err
		}
		s.silent = n
	case "mode": // live|dry-run
		s.world.Mode = events.Mode(arg(0))
	case "policy": // OLD => NEW: the replica takes a policy with another text in one place
		return s.policy(strings.Join(args, " "))
	case "show": // [INCIDENT]
		return s.show(arg(0))
	case "record": // INCIDENT KIND [JSON without blanks]
		return s.forge(arg(0), arg(1), arg(2))
	default:
		return s.person(verb, arg, named)
	}
	return nil
}

// person is what people order.
func (s *stage) person(verb string, arg func(int) string, named map[string]string) error {
	by := func(n int) events.Person { return events.Person{Name: arg(n), Role: []string{"approver"}, Via: "cli"} }
	switch verb {
	case "approve", "reject": // INCIDENT PERSON [plan=N] [role=R]; the N-th plan that people were asked about, the last if not given
		n, p := len(s.plans), by(1)
		if text, ok := named["plan"]; ok {
			var err error
			if n, err = strconv.Atoi(text); err != nil || n < 1 || n > len(s.plans) {
				return fmt.Errorf("plan %q of %d", text, len(s.plans))
			}
		}
		if role, ok := named["role"]; ok {
			p.Role = []string{role}
		}
		var plan events.Digest
		if n > 0 {
			plan = s.plans[n-1]
		}
		if verb == "approve" {
			s.order(Approve(arg(0), plan, p))
		} else {
			s.order(Reject(arg(0), plan, p, "not today"))
		}
	case "abort": // INCIDENT PERSON [as-is]
		s.order(Abort(arg(0), by(1), "enough", arg(2) == "as-is"))
	case "undrain": // INCIDENT PERSON
		s.order(Undrain(arg(0), by(1), "it is needed"))
	case "freeze": // SCOPE PERSON
		s.order(Freeze(events.Scope(arg(0)), by(1), "change night"))
	case "thaw": // SCOPE PERSON
		s.order(Thaw(events.Scope(arg(0)), by(1)))
	case "maintenance": // WINDOW SCOPE DURATION PERSON
		d, err := time.ParseDuration(arg(2))
		if err != nil {
			return err
		}
		s.order(BeginMaintenance(events.MaintenanceBegun{Window: arg(0), Scope: events.Scope(arg(1)), Until: s.now.Add(d), By: by(3), Reason: "new optics"}))
	case "maintenance-over": // WINDOW PERSON
		s.order(EndMaintenance(arg(0), by(1)))
	default:
		return errors.New("no such word")
	}
	return nil
}

// policy puts a changed policy in force, as a replica does: its record comes first.
func (s *stage) policy(change string) error {
	old, text, ok := strings.Cut(change, " => ")
	if !ok || strings.Count(s.text, old) != 1 {
		return fmt.Errorf("want OLD => NEW, with OLD standing once in the policy")
	}
	s.text = strings.Replace(s.text, old, text, 1)
	p := testWorld(s.t, s.text).Policy
	s.append(s.active.me(), []events.Record{{Body: events.PolicyLoaded{Digest: p.Digest(), Mode: s.world.Mode, Source: "policy.yaml"}}})
	s.world.Policy = p
	s.settle()
	return nil
}

func (s *stage) event(arg func(int) string, named map[string]string) error {
	e := testEvent(arg(0), events.AnomalyState(arg(1)), s.now)
	e.Data.Severity = events.Severity(arg(2))
	if device, iface, ok := strings.Cut(arg(3), "/"); ok {
		e.Data.Resource = events.Resource{Device: device, Interface: iface}
	} else {
		e.Data.Resource = events.Resource{Link: arg(3)}
	}
	for k, v := range named {
		switch k {
		case "kind":
			e.Data.Kind = events.AnomalyKind(v)
		case "source":
			e.Source = v
		case "asked_by":
			e.Data.Labels = map[string]string{LabelAskedBy: v}
		case "value":
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return err
			}
			e.Data.Value = n
		case "age":
			d, err := time.ParseDuration(v)
			if err != nil {
				return err
			}
			e.Data.ObservedAt = s.now.Add(-d)
		default:
			return fmt.Errorf("%s=%s is not known", k, v)
		}
	}
	s.active.pending = append(s.active.pending, e)
	if !s.held {
		s.settle()
	}
	return nil
}

func (s *stage) router(name, what, value string) error {
	r := s.lab.router(name)
	switch what {
	case "reboots":
		s.lab.reboot(name)
	case "delivers":
		held := len(r.late)
		s.printf("%s takes %d of the %d that it kept", name, s.lab.release(name), held)
	case "metric": // of its interface to the other end of a-b
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return err
		}
		r.metric["to-"+map[string]string{"a": "b", "b": "a"}[name]] = n
	case "tells": // that its interfaces have this metric, whatever they have
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return err
		}
		r.tells = n
	case "keeps-state": // whatever it is told
		r.shown = maps.Clone(r.metric)
	case "tells-no-state":
		r.mute = true
	case "acts":
		r.shown, r.mute = nil, false
	case "well":
		r.mood = well
	default:
		r.mood = mood(what)
	}
	s.settle()
	return nil
}

func (s *stage) link(name, what string) {
	l := s.lab.link(name)
	switch what {
	case "sick", "healed":
		l.sick = what == "sick"
	case "stubborn", "supple":
		l.stubborn = what == "stubborn"
	case "down", "up":
		l.down = what == "down"
	}
}

func (s *stage) ahead(link string, named map[string]string) error {
	if s.lab.ahead == nil {
		s.lab.ahead = map[string]events.Prospect{}
	}
	if link == "" {
		return nil
	}
	p := safe
	for k, v := range named {
		for text := range strings.SplitSeq(v, ",") {
			n, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return err
			}
			switch k {
			case "worst":
				p.Drained.WorstPermil = int(n)
			case "survives":
				p.Drained.SurvivePermil = int(n)
			case "violations":
				p.NewViolations, p.Worst = int(n), "if x-y fails, 1 demands are cut off"
			case "steps":
				p.Way = append(p.Way, events.Uniform(strings.TrimSuffix(link, " hard"), uint32(n))...)
			default:
				return fmt.Errorf("%s=%s is not known", k, v)
			}
		}
	}
	s.lab.ahead[link] = p
	return nil
}

// show prints where incidents stand and what routers hold.
func (s *stage) show(id string) error {
	b := s.active.board
	if why := b.Halted(); why != "" {
		s.printf("halted: %s", why)
	}
	for _, scope := range sortedScopes(b.Freezes()) {
		f := b.Freezes()[scope]
		s.printf("%s is frozen by %s: %s", scope, f.By.Name, f.Reason)
	}
	if id == "" {
		return nil
	}
	e, ok := b.Why(id)
	if !ok {
		return ErrNotFound
	}
	i, _ := b.Incident(id)
	s.printf("%s is %s: %s", id, e.Phase, e.Sentence)
	if e.Verdict != nil {
		s.printf("  decided on: %s", e.Verdict.Sentence)
	}
	if e.Now != nil {
		s.printf("  seen at %s: %s", s.since(e.Now.At), e.Now.Sentence)
	}
	for _, c := range e.Held {
		s.printf("  held by %s: %s, limit %s", c.Name, c.Value, c.Limit)
	}
	for _, u := range e.Unblock {
		s.printf("  unblocked by: %s", u)
	}
	for _, end := range i.Target.Ends {
		s.printf("  %s %s stands at %d", end.Device, end.Interface, s.lab.router(end.Device).at(end.Interface))
	}
	return nil
}

// forge puts a record on the ledger that no replica would have decided on.
func (s *stage) forge(id, kind, body string) error {
	if id == "-" {
		id = ""
	}
	raw := json.RawMessage(body)
	if body == "" {
		raw = json.RawMessage("{}")
	}
	s.loose = true
	text, err := json.Marshal(map[string]any{
		"v": events.Version, "id": "forged", "prev": "", "at": s.now, "by": "r9/1", "records": []map[string]any{{"kind": kind, "incident": id, "body": raw}},
	})
	if err != nil {
		return err
	}
	c, err := events.Decode(text)
	if err != nil {
		return err
	}
	s.append("r9/1", c.Records)
	s.settle()
	return nil
}
