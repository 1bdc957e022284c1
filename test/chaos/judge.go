package main

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/test/sets"
)

// violation is one thing that must not be.
type violation struct {
	Rule   string `json:"rule"`
	Detail string `json:"detail"`
}

// The rules that evidence is held against.
const (
	ruleChain    = "the ledger's chain is intact and every record lawful"
	ruleRecorded = "no anomaly is lost, and none is taken for new twice"
	ruleIntent   = "no Set without its intent, before it, after its deadline or its incident's end"
	ruleOnce     = "no intent is effective twice"
	ruleBudget   = "no budget is exceeded at any instant"
	ruleFreeze   = "a freeze is never crossed"
	ruleSettled  = "nothing is stuck, and no claim is leaked"
	ruleRestored = "routers are as the ledger says"
	ruleFlat     = "memory does not grow with time"
)

// verdict collects violations.
type verdict []violation

func (v *verdict) find(rule, format string, args ...any) {
	*v = append(*v, violation{rule, fmt.Sprintf(format, args...)})
}

// judge holds the evidence against every rule.
func (e *evidence) judge() verdict {
	var v verdict
	e.judgeChain(&v)
	e.judgeRecorded(&v)
	e.judgeSets(&v)
	e.judgeBudgets(&v)
	e.judgeFreezes(&v)
	e.judgeRestored(&v)
	return v
}

// judgeChain folds the ledger anew, and wants everything to have ended without a person and without a claim.
func (e *evidence) judgeChain(v *verdict) {
	board, prev := incident.NewBoard(), events.Digest("")
	for n, c := range e.commits {
		if c.Position != uint64(n)+1 || c.Prev != prev {
			v.find(ruleChain, "commit %d stands at position %d and follows %q, the one before it is %q", n+1, c.Position, c.Prev, prev)
		}
		prev = c.Digest
		if err := board.Apply(c); err != nil {
			v.find(ruleChain, "position %d: %v", c.Position, err)
			return
		}
		for _, r := range c.Records {
			if s, ok := r.Body.(events.Stuck); ok {
				v.find(ruleSettled, "position %d: %s needs a person: %s", c.Position, r.Incident, s.Why)
			}
		}
	}
	if why := board.Halted(); why != "" {
		v.find(ruleChain, "the Board has halted: %s", why)
	}
	for scope, f := range board.Freezes() {
		if f.By.Name == events.Identity {
			v.find(ruleChain, "%s was frozen by the fold: %s", scope, f.Reason)
		}
	}
	for _, i := range board.Open() {
		v.find(ruleSettled, "%s is still %s, since %s", i.ID, i.Phase, i.Changed.Format("15:04:05.000"))
	}
	for _, i := range board.Closed() {
		if len(i.Claims) > 0 || i.Holds() || i.Stands() {
			v.find(ruleSettled, "%s has ended and still counts against %v", i.ID, i.Claims)
		}
	}
}

// judgeRecorded wants every event that the bus has acknowledged to stand on the ledger as new exactly once.
func (e *evidence) judgeRecorded(v *verdict) {
	times := map[string]int{}
	for _, c := range e.commits {
		for _, r := range c.Records {
			if o, ok := r.Body.(*events.Observed); ok && o.Disposition != events.WasDuplicate {
				times[o.Event]++
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.published)) {
		if n := times[id]; n != 1 {
			v.find(ruleRecorded, "event %s of %s was taken for new %d times", id, e.published[id], n)
		}
	}
}

// judgeSets holds the routers' account against the ledger: whatever changed something was sent under an intent that stood
// on the ledger before, for that router and in that direction, at most once, and in time. Time in which nobody could run is no time.
func (e *evidence) judgeSets(v *verdict) {
	intents, ends := e.intents()
	times := map[string]int{}
	for _, set := range e.sets {
		if set.Local || !set.Effective() || sets.Canary(&set) {
			continue
		}
		where := fmt.Sprintf("the Set that %s took at %s (%s from %q to %q)", set.Router, set.At.Format("15:04:05.000"), path.Base(set.Changes[0].Path), set.Changes[0].Before, set.Changes[0].After)
		position, ok := sets.Election(set.Request)
		in, known := intents[place{position, set.Router}]
		end, ended := ends[in.incident]
		switch {
		case !ok:
			v.find(ruleIntent, "%s has no election id", where)
			continue
		case !known:
			v.find(ruleIntent, "%s has no intent at position %d", where, position)
			continue
		case set.At.Before(in.at):
			v.find(ruleIntent, "%s came before its intent, of %s", where, in.at.Format("15:04:05.000"))
		case in.Undo && sets.Risky(&set):
			v.find(ruleIntent, "%s adds risk under the undo at position %d", where, position)
		case sets.Risky(&set) && ended && set.At.After(end):
			v.find(ruleIntent, "%s came after the end of its incident, at %s", where, end.Format("15:04:05.000"))
		case sets.Risky(&set) && set.At.After(in.Deadline.Add(in.Margin.Std()+e.stalled(in.at, set.At))):
			v.find(ruleIntent, "%s came after the deadline of its intent, %s, and margin", where, in.Deadline.Format("15:04:05.000"))
		}
		key := fmt.Sprintf("intent %d of %s on %s, adding risk: %t", position, in.incident, set.Router, sets.Risky(&set))
		most := 1
		if !in.Undo && !sets.Risky(&set) {
			most = in.Step + 1 // without a ledger the newest intent authorises taking back all steps up to its own
		}
		if times[key]++; times[key] > most {
			v.find(ruleOnce, "%s, was effective %d times, last by %s", key, times[key], where)
		}
	}
}

// judgeBudgets goes through the routers' account, and counts after each Set the links that one of their ends has drained.
func (e *evidence) judgeBudgets(v *verdict) {
	at := map[string]map[string]bool{} // link -> leaves that drain it
	over := false
	for _, set := range e.sets {
		for _, c := range set.Changes {
			link := e.linkOf(set.Router, c)
			if link == "" || !strings.HasSuffix(c.Path, "/metric") {
				continue
			}
			if at[link] == nil {
				at[link] = map[string]bool{}
			}
			if leaf := set.Router + c.Path; sets.Metric(c.After) >= softDrain {
				at[link][leaf] = true
			} else if delete(at[link], leaf); len(at[link]) == 0 {
				delete(at, link)
			}
		}
		was := over
		if over = len(at) > e.network; over && !was {
			v.find(ruleBudget, "from %s on %d links were drained at once: %v", set.At.Format("15:04:05.000"), len(at), slices.Sorted(maps.Keys(at)))
		}
		for _, device := range e.crowded(at) {
			v.find(ruleBudget, "at %s more than %d links of %s were drained: %v", set.At.Format("15:04:05.000"), e.device, device, slices.Sorted(maps.Keys(at)))
		}
	}
}

// crowded are the routers with more drained links than the budget allows.
func (e *evidence) crowded(drained map[string]map[string]bool) (devices []string) {
	times := map[string]int{}
	for _, l := range e.links {
		if len(drained[l.Name]) > 0 {
			times[l.A.Device]++
			times[l.B.Device]++
		}
	}
	for _, device := range slices.Sorted(maps.Keys(times)) {
		if times[device] > e.device {
			devices = append(devices, device)
		}
	}
	return devices
}

// linkOf is the link whose interface a change is about, "" for none.
func (e *evidence) linkOf(router string, c backbone.Change) string {
	for _, l := range e.links {
		for _, end := range []struct{ device, port string }{{l.A.Device, l.A.Interface}, {l.B.Device, l.B.Interface}} {
			if end.device == router && strings.Contains(c.Path, "[interface-id="+end.port+"]") {
				return l.Name
			}
		}
	}
	return ""
}

// judgeFreezes wants no intent that adds risk behind a freeze. That one from before it is not set for longer than its
// deadline is judgeSets's.
func (e *evidence) judgeFreezes(v *verdict) {
	frozen := map[events.Scope]uint64{}
	for _, c := range e.commits {
		for _, r := range c.Records {
			switch b := r.Body.(type) {
			case events.Frozen:
				frozen[b.Scope] = c.Position
			case events.Thawed:
				delete(frozen, b.Scope)
			case events.Intended:
				if since, is := frozen[events.Network]; is && !b.Undo {
					v.find(ruleFreeze, "%s intends at position %d what adds risk, the network is frozen since %d", r.Incident, c.Position, since)
				}
			}
		}
	}
}

// judgeRestored wants every metric of every router as it was: all links are whole again, and nothing stands.
func (e *evidence) judgeRestored(v *verdict) {
	for _, l := range e.links {
		if was, is := e.before[l.Name], e.after[l.Name]; was != is {
			v.find(ruleRestored, "%s had metrics %+v, has %+v", l.Name, was, is)
		}
	}
}
