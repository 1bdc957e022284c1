package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
)

// How far back the rules' account goes, in days.
const (
	defaultDays = 7
	maxDays     = 31
)

func (s *Server) rules(r *http.Request, _ events.Person) (any, error) {
	q, err := ask(r, "days")
	if err != nil {
		return nil, err
	}
	days := defaultDays
	if q.Has("days") {
		if days, err = strconv.Atoi(q.Get("days")); err != nil || days < 1 || days > maxDays {
			return nil, invalid(fmt.Sprintf("days is %q", q.Get("days")), fmt.Sprintf("give a number from 1 to %d", maxDays))
		}
	}
	a := newAccount(s.cfg.Policy, s.cfg.Now().Add(-time.Duration(days)*24*time.Hour))
	return view(s, a.of), nil
}

// account is what each rule has done since a moment.
type account struct {
	policy Policy
	since  time.Time
	rows   []*api.Rule
	byName map[string]*api.Rule
}

func newAccount(p Policy, since time.Time) *account {
	a := &account{policy: p, since: since, byName: map[string]*api.Rule{}}
	for _, r := range p.Rules() {
		row := a.row(r.Name)
		row.InForce, row.Autonomy, row.Remediation, row.Kinds, row.When = true, string(r.Autonomy), r.Remediation, orEmpty(r.Match.Kinds), r.When
	}
	return a
}

func (a *account) row(name string) *api.Rule {
	if a.byName[name] == nil {
		row := &api.Rule{Name: name, Kinds: []events.AnomalyKind{}, Outcomes: map[events.Outcome]int{}, Held: map[string]int{}}
		a.byName[name], a.rows = row, append(a.rows, row)
	}
	return a.byName[name]
}

// of counts the incidents that the Board remembers. Should it have forgotten any that has ended, those may be among them
// that ended after since: whoever asks is told.
func (a *account) of(b *incident.Board) api.Rules {
	for _, i := range append(b.Open(), b.Closed()...) {
		if name := ruleOf(i); name != "" && !i.Opened.Before(a.since) {
			count(a.row(name), i)
		}
	}
	list := api.Rules{Position: b.Position, Policy: a.policy.Digest(), Since: a.since.UTC(), Whole: b.Remembers(a.since), Rules: []api.Rule{}}
	for _, row := range a.rows {
		list.Rules = append(list.Rules, *row)
	}
	return list
}

// ruleOf is the rule that answered an incident, "" for none.
func ruleOf(i *incident.Incident) string {
	switch {
	case i.Plan != nil:
		return i.Plan.Rule
	case i.Ruling != nil:
		return i.Ruling.Rule
	}
	return ""
}

// count adds an incident to its rule's row.
func count(row *api.Rule, i *incident.Incident) {
	row.Incidents++
	row.Sets += i.Sets
	if i.IsOpen() {
		row.Open++
	}
	if i.Ask != nil {
		row.Asked++
		if i.Quorum() {
			row.Approved++
		}
	}
	if i.Hold != nil && i.Live() {
		row.Drained++
	}
	if i.End != nil {
		row.Outcomes[i.End.Outcome]++
	}
	if i.Ruling != nil {
		if failing := events.Failing(i.Ruling.Checks); len(failing) > 0 {
			row.Held[failing[0]]++
		}
	}
}
