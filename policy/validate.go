package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
)

const (
	day     = 24 * time.Hour
	instant = time.Millisecond
)

func (v validator) rules(rules []Rule) {
	names := map[string]bool{}
	for i, r := range rules {
		at := fmt.Sprintf("rules[%d]", i)
		v.name(at+".name", r.Name, names)
		if len(r.Match.Kinds) == 0 {
			v.bad(at+".match.kinds", "is missing: a rule names the anomalies that it answers, of %v", events.Kinds())
		}
		for n, k := range r.Match.Kinds {
			path := fmt.Sprintf("%s.match.kinds[%d]", at, n)
			oneOf(v, path, k, events.Kinds()...)
			if slices.Contains(r.Match.Kinds[:n], k) {
				v.bad(path, "%q is given twice", k)
			}
		}
		oneOf(v, at+".match.min_severity", r.Match.MinSeverity, events.Severities()...)
		for n, s := range r.Match.Scopes {
			v.scope(fmt.Sprintf("%s.match.scopes[%d]", at, n), s)
		}
		if r.Remediation == "" {
			v.bad(at+".remediation", "is missing: name the remediator that answers, for example link-drain")
		}
		if len(r.With) > 0 && r.With[0] != '{' {
			v.bad(at+".with", "want a mapping of the remediator's parameters")
		}
		oneOf(v, at+".autonomy", r.Autonomy, Shadow, Approve, Auto)
	}
}

// checks checks the operators' own checks; their conditions are compiled elsewhere.
func (v validator) checks(checks []Requirement) {
	if len(checks) > maxChecks {
		v.bad("checks", "%d checks: want at most %d", len(checks), maxChecks)
	}
	names := map[string]bool{}
	for i, c := range checks {
		at := fmt.Sprintf("checks[%d]", i)
		v.name(at+".name", c.Name, names)
		if builtIn(c.Name) {
			v.bad(at+".name", "%q is a check of this binary; give another name", c.Name)
		}
		if c.Require == "" {
			v.bad(at+".require", "is missing: give the condition that a plan must meet")
		}
		const longest = 256
		if c.Message == "" || len(c.Message) > longest {
			v.bad(at+".message", "want a sentence of 1 to %d bytes for people, that says what is wrong when it does not hold", longest)
		}
		oneOf(v, at+".otherwise", c.Otherwise, events.Deny, events.Defer, events.Ask)
	}
}

// builtIn reports whether a check of this binary has the name, so that records are never read wrongly.
func builtIn(name string) bool {
	_, verifies := verifications[name]
	core := []string{CheckCondition, CheckCause, "rule", "plan", "verification", "one-policy"} // all but the first stand on records beside or instead of checks of a plan
	return verifies || slices.Contains(core, name) || slices.ContainsFunc(actChecks, func(c check) bool { return c.name == name })
}

func (v validator) budgets(b Budgets) {
	for kind, n := range b.InFlight {
		path := "budgets.in_flight." + kind
		switch {
		case !slices.Contains(budgetKinds(), kind):
			v.bad(path, "%q is no kind of scope; want one of %v", kind, budgetKinds())
		case kind == "device":
			number(v, path, n, 0, CeilingPerDevice, "the ceiling of this binary")
		default:
			number(v, path, n, 0, 1000, "")
		}
	}
	for kind, n := range b.StopAt {
		path := "budgets.stop_at." + kind
		if !slices.Contains(stopKinds(), kind) {
			v.bad(path, "%q is no kind of scope with more than one link; want one of %v", kind, stopKinds())
			continue
		}
		number(v, path, n, 1, 10_000, "")
	}
	for kind, n := range b.CapacityPermil {
		path := "budgets.capacity_permil." + kind
		if kind == partnerKind || !slices.Contains(stopKinds(), kind) {
			v.bad(path, "%q is no kind of scope with several links of its own; want one of %v", kind, slices.DeleteFunc(stopKinds(), func(k string) bool { return k == partnerKind }))
			continue
		}
		number(v, path, n, 1, 1000, "thousandths of the scope's capacity; 1000 is all of it")
	}
	for i, r := range b.Rates {
		path := fmt.Sprintf("budgets.rates[%d]", i)
		v.span(path+".per", r.Per, instant, CeilingMemory, "the ledger's fold counts no further back")
		most := CeilingActsPerHour
		if r.Per.Std() > time.Hour {
			most = int(CeilingActsPerHour * r.Per.Std() / time.Hour)
		}
		number(v, path+".at_most", r.AtMost, 0, most, "the ceiling of this binary")
	}
}

func (v validator) approvals(a Approvals) {
	number(v, "approvals.quorum", a.Quorum, 1, 5, "")
	if len(a.Roles) == 0 {
		v.bad("approvals.roles", "is empty: nobody could approve; name the roles that may, for example approver")
	}
	seen := map[string]bool{}
	for i, role := range a.Roles {
		v.name(fmt.Sprintf("approvals.roles[%d]", i), role, seen)
	}
	v.span("approvals.expiry", a.Expiry, instant, day, "")
}

func (v validator) ages(f file) {
	for kind, age := range f.MaxAge {
		path := "max_age." + kind
		if kind != defaultKey && !events.AnomalyKind(kind).Known() {
			v.bad(path, "%q is no kind of anomaly; want default or one of %v", kind, events.Kinds())
		}
		v.span(path, age, instant, day, "")
	}
	v.span("future_skew", f.FutureSkew, 0, 5*time.Minute, "")
}

func (v validator) clocks(c Clocks) {
	v.span("clocks.set_deadline", c.SetDeadline, instant, 5*time.Minute, "")
	v.span("clocks.margin", c.Margin, instant, 5*time.Minute, "")
	v.span("clocks.fresh", c.Fresh, instant, time.Minute, "counters older than a minute say nothing of now")
	v.span("clocks.observe_every", c.ObserveEvery, instant, time.Minute, "")
	v.span("clocks.verify_within", c.VerifyWithin, instant, 30*time.Minute, "")
	v.span("clocks.look_every", c.LookEvery, instant, 10*time.Minute, "")
	v.span("clocks.look_for", c.LookFor, c.LookEvery.Std(), day, "not less than look_every")
	number(v, "clocks.undo_attempts", c.UndoAttempts, 1, 100, "")
	v.span("clocks.hold", c.Hold, instant, c.HoldMax.Std(), "not more than hold_max")
	v.span("clocks.hold_max", c.HoldMax, instant, CeilingHold, "the ceiling of this binary")
	oneOf(v, "clocks.on_expiry", c.OnExpiry, ExpiryPage, ExpiryRelease)
	v.span("clocks.renew_every", c.RenewEvery, instant, day, "")
	v.span("clocks.clear_for", c.ClearFor, 0, day, "")
	v.span("clocks.probation", c.Probation, 0, 7*day, "")
	v.span("clocks.cool_down", c.CoolDown, 0, 7*day, "")
	v.span("clocks.override", c.Override, 0, 30*day, "")
}

func (v validator) cause(l CauseLimits) {
	v.span("cause.wait", l.Wait, 0, time.Minute, "a fault that is sure should not go on for longer")
	v.span("cause.within", l.Within, l.Wait.Std(), time.Hour, "not less than wait")
	number(v, "cause.hit_permil", l.HitPermil, 500, 1000, "thousandths; what less than half of a group shows is no fault of the group")
}

func (v validator) limits(f file) {
	number(v, "facts.coverage_permil", f.Facts.CoveragePermil, FloorCoveragePermil, 1000, "the floor of this binary; thousandths")
	number(v, "facts.others_down", f.Facts.OthersDown, 0, 1000, "")
	oneOf(v, "facts.untold", f.Facts.Untold, TreatRefuse, TreatAsk, TreatAllow)
	oneOf(v, "facts.unproven", f.Facts.Unproven, TreatRefuse, TreatAsk, TreatAllow)
	number(v, "verify.traffic_permil_of_line", f.Verify.TrafficPermilOfLine, 0, 200, "thousandths")
	number(v, "verify.traffic_permil_of_prior", f.Verify.TrafficPermilOfPrior, 0, 500, "thousandths")
	number(v, "verify.errors_per_second", f.Verify.ErrorsPerSecond, 0, 1_000_000, "")
	number(v, "verify.worst_link_permil", f.Verify.WorstLinkPermil, 1, 1000, "thousandths")
	number(v, "verify.worse_by_permil", f.Verify.WorseByPermil, 0, 200, "thousandths")
	number(v, "breaker.failed_verifications", f.Breaker.FailedVerifications, 1, 10, "")
	v.span("breaker.within", f.Breaker.Within, instant, CeilingMemory, "the ledger's fold counts no further back")
}

// windows checks the maintenance windows and finds their zones. Zones come from the system's or the binary's time zone
// data, which is data of the program like its code.
func (v validator) windows(windows []Window) {
	names := map[string]bool{}
	for i := range windows {
		w, at := &windows[i], fmt.Sprintf("windows[%d]", i)
		v.name(at+".name", w.Name, names)
		v.scope(at+".scope", w.Scope)
		once, recurs := !w.Start.IsZero(), w.Every != ""
		if once == recurs {
			v.bad(at, "window %q: give either start (RFC 3339, once) or every with at (recurring)", w.Name)
			continue
		}
		longest := 31 * day
		if recurs {
			longest = 7 * day
			v.recurrence(at, w)
		} else if w.At != "" || w.Zone != "" {
			v.bad(at, "window %q: at and zone belong to every; start carries its own zone", w.Name)
		}
		v.span(at+".duration", w.Duration, time.Minute, longest, "")
	}
}

func (v validator) recurrence(at string, w *Window) {
	if _, ok := weekdays[w.Every]; !ok && w.Every != daily {
		v.bad(at+".every", "%q: want day, or a weekday such as monday", w.Every)
	}
	clock, err := time.Parse("15:04", w.At)
	if err != nil {
		v.bad(at+".at", "%q: want a time of day such as \"22:00\"", w.At)
	}
	w.clock = time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute
	if w.location, err = time.LoadLocation(w.Zone); err != nil || w.Zone == "Local" {
		v.bad(at+".zone", "%q: want an IANA zone such as Europe/Berlin, or UTC", w.Zone)
	}
}
