package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/detour-net/detour/events"
)

// TestEndsAgree has the ends of a link tell different things, or not everything.
func TestEndsAgree(t *testing.T) {
	ends := func(t *testing.T, r events.Ruled) events.Check {
		t.Helper()
		n := slices.IndexFunc(r.Checks, func(c events.Check) bool { return c.Name == CheckEnds })
		if n < 0 {
			t.Fatal("it was not asked")
		}
		return r.Checks[n]
	}
	alter := func(do func(one, other *events.EndFacts, f *events.Facts)) func(*Question) {
		return func(q *Question) { do(&q.Facts.Ends[0], &q.Facts.Ends[1], &q.Facts) }
	}
	type end = events.EndFacts
	for _, tt := range []struct {
		name   string
		policy string
		alter  func(*Question)
		want   events.Verdict
		value  string
		detail string
	}{
		{"they agree", "", func(*Question) {}, events.Allow, "agree", "both ends tell the same"},
		{"one has no adjacency", "", alter(func(_, b *end, _ *events.Facts) { b.Adjacencies, b.Neighbours = 0, nil }), events.Defer, "disagree", "den e1 has an adjacency, and kcy e2 has none"},
		{"the other has none", "", alter(func(a, _ *end, _ *events.Facts) { a.Adjacencies, a.Neighbours = 0, nil }), events.Defer, "disagree", "kcy e2 has an adjacency, and den e1 has none"},
		{"neither has one: a flap", "", alter(func(a, b *end, _ *events.Facts) {
			a.Adjacencies, b.Adjacencies, a.Neighbours, b.Neighbours = 0, 0, nil, nil
		}), events.Allow, "agree", ""},
		{"one leads elsewhere", "", alter(func(a, _ *end, _ *events.Facts) { a.Neighbours = []string{"chi"} }), events.Defer, "disagree", "den e1 is adjacent to chi, and kcy is kcy"},
		{"the other leads elsewhere", "", alter(func(_, b *end, _ *events.Facts) { b.Neighbours = []string{"chi"} }), events.Defer, "disagree", "kcy e2 is adjacent to chi, and den is den"},
		{"a third router is there", "", alter(func(a, _ *end, _ *events.Facts) { a.Neighbours = []string{"kcy", "sea"} }), events.Defer, "disagree", "den e1 is adjacent to sea"},
		{"one circuit", "", alter(func(a, b *end, _ *events.Facts) {
			a.Circuits, b.Circuits = []events.Circuit{{Local: 3, Peer: 7}}, []events.Circuit{{Local: 7, Peer: 3}}
		}), events.Allow, "agree", ""},
		{"two circuits", "", alter(func(a, b *end, _ *events.Facts) {
			a.Circuits, b.Circuits = []events.Circuit{{Local: 3, Peer: 8}}, []events.Circuit{{Local: 7, Peer: 4}}
		}), events.Defer, "disagree", "den e1 is circuit 3 and leads to circuit 8 of kcy, where kcy e2 is circuit 7 and leads to circuit 4"},
		{"another circuit as one of them tells", "", alter(func(a, b *end, _ *events.Facts) {
			a.Circuits, b.Circuits = []events.Circuit{{Local: 3, Peer: 8}}, []events.Circuit{{Local: 7}}
		}), events.Defer, "disagree", "links between the two are swapped"},
		{"another circuit as the other tells", "", alter(func(a, b *end, _ *events.Facts) {
			a.Circuits, b.Circuits = []events.Circuit{{Local: 3}}, []events.Circuit{{Local: 7, Peer: 4}}
		}), events.Defer, "disagree", "links between the two are swapped"},
		{"one circuit among others", "", alter(func(a, b *end, _ *events.Facts) {
			a.Circuits, b.Circuits = []events.Circuit{{Local: 3, Peer: 7}, {Local: 3, Peer: 9}}, []events.Circuit{{Local: 6, Peer: 3}, {Local: 7, Peer: 3}}
		}), events.Allow, "agree", ""},
		{"circuits of which nobody tells the neighbour's", "", alter(func(a, b *end, _ *events.Facts) {
			a.Circuits, b.Circuits = []events.Circuit{{Local: 3}}, []events.Circuit{{Local: 3}}
		}), events.Allow, "agree", ""},
		{"circuits that one does not tell", "", alter(func(a, _ *end, _ *events.Facts) { a.Circuits = []events.Circuit{{Local: 3, Peer: 8}} }), events.Allow, "agree", ""},
		{"circuits of a link that is down", "", alter(func(a, b *end, _ *events.Facts) {
			a.Adjacencies, b.Adjacencies, a.Neighbours, b.Neighbours = 0, 0, nil, nil
			a.Circuits, b.Circuits = []events.Circuit{{Local: 3, Peer: 8}}, []events.Circuit{{Local: 7, Peer: 4}}
		}), events.Allow, "agree", ""},
		{"two speeds", "", alter(func(a, _ *end, _ *events.Facts) { a.Speed = 2_500_000_000 }), events.Defer, "disagree", "den e1 has 2500 Mb/s, and kcy e2 has 10 Gb/s"},
		{"a speed that one does not tell", "", alter(func(a, _ *end, _ *events.Facts) { a.Speed = 0 }), events.Allow, "agree", ""},
		{"two metrics", "", alter(func(_, b *end, _ *events.Facts) { b.Leaves[0].Config = events.UintValue(11) }), events.Defer, "disagree", "the metric at level 2 for ipv4 is 10 on den e1 and 11 on kcy e2"},
		{"one in force, where none is configured", "", alter(func(a, b *end, _ *events.Facts) {
			a.Leaves[0].Config, a.Leaves[0].State, b.Leaves[0].Config = events.Value{}, events.UintValue(12), events.Value{}
		}), events.Defer, "disagree", "is 12 on den e1 and 10 on kcy e2"},
		{"two that the topology has", "", alter(func(_, b *end, f *events.Facts) { b.Leaves[0].Config, f.Asymmetric = events.UintValue(11), true }), events.Allow, "agree", ""},
		{"two of different levels", "", alter(func(_, b *end, _ *events.Facts) {
			b.Leaves[0].Config, b.Leaves[0].Level = events.UintValue(11), 1
		}), events.Allow, "agree", ""},
		{"one that nobody knows", "", alter(func(_, b *end, _ *events.Facts) {
			b.Leaves[0].Config, b.Leaves[0].State = events.Value{}, events.Value{}
		}), events.Allow, "agree", ""},
		{"unreadable", "", alter(func(a, _ *end, _ *events.Facts) { a.Unreadable, a.Neighbours = "Internal", nil }), events.Defer, "not looked at", "see pre-image-readable"},
		{"states are not known", "", alter(func(a, _ *end, _ *events.Facts) { a.Oper, a.Adjacencies, a.Neighbours = "", 0, nil }), events.Defer, "not told", "den e1 does not tell of its adjacencies"},
		{"whom is not told", "", alter(func(a, _ *end, _ *events.Facts) { a.Neighbours = nil }), events.Defer, "not told", "den e1 does not tell whom it is adjacent to"},
		{"who is not told", "", alter(func(_, b *end, _ *events.Facts) { b.System = "" }), events.Defer, "not told", "kcy does not tell its system identifier"},
		{"not told, allowed", "facts: {untold: allow}", alter(func(_, b *end, _ *events.Facts) { b.System = "" }), events.Allow, "not told", "the policy allows it"},
		{"not told, asked", "facts: {untold: ask}", alter(func(_, b *end, _ *events.Facts) { b.System = "" }), events.Ask, "not told", "kcy does not tell"},
		{"not told, approved", "facts: {untold: ask}", func(q *Question) { q.Facts.Ends[1].System, q.Approved = "", true }, events.Allow, "not told", "it was approved"},
		{"disagreement is never allowed", "facts: {untold: allow}", alter(func(a, _ *end, _ *events.Facts) { a.Neighbours = []string{"chi"} }), events.Defer, "disagree", ""},
		{"nor approved", "facts: {untold: ask}", func(q *Question) { q.Facts.Ends[0].Neighbours, q.Approved = []string{"chi"}, true }, events.Defer, "disagree", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, q := parse(t, tt.policy), good()
			q.Facts.Ends[0].Oper, q.Facts.Ends[1].Oper = "UP", "UP"
			tt.alter(&q)
			q.Plan.Steps = good().Plan.Steps
			r := p.Evaluate(q)
			c := ends(t, r)
			if c.Value != tt.value || !strings.Contains(c.Detail, tt.detail) || c.Limit == "" || c.OK == (c.Remedy != "") {
				t.Errorf("%+v, want %q and %q", c, tt.value, tt.detail)
			}
			if stops := tt.want != events.Allow && tt.value != "not looked at"; c.OK == stops {
				t.Errorf("%+v, want the verdict %s", c, tt.want)
			}
			stepped := ends(t, p.EvaluateStep(q))
			if ours := strings.Contains(c.Detail, "the metric at level"); stepped != c && !ours || ours && !stepped.OK {
				t.Errorf("a further step finds %+v, the first %+v", stepped, c)
			}
		})
	}
	// Nothing keeps a drain in place.
	q := good()
	q.Facts.Ends[0].Neighbours = []string{"chi"}
	for _, c := range parse(t, "").EvaluateRelease(q).Checks {
		if c.Name == CheckEnds {
			t.Errorf("putting back asks %+v", c)
		}
	}
}
