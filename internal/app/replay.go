package app

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/ledger"
	"github.com/detour-net/detour/policy"
	"github.com/detour-net/detour/remediators"
)

// Replayed is what another policy would have made of a ledger.
type Replayed struct {
	Policy    string        `json:"policy"`
	Digest    events.Digest `json:"digest"`
	Commits   int           `json:"commits"`
	Decisions int           `json:"decisions"`
	Same      int           `json:"same"`
	Acts      int           `json:"would_act"`     // routers are set by itself where they were not
	Spares    int           `json:"would_not_act"` // and are not where they were
	Otherwise int           `json:"otherwise"`     // other differences

	Unknown     int              `json:"unknown"`               // decisions that cannot be made once more
	WhyUnknown  map[string]int   `json:"why_unknown,omitempty"` // how many for which reason
	Differences []Difference     `json:"differences"`           // the first maxDifferences
	More        int              `json:"more_differences,omitempty"`
	Findings    []ledger.Finding `json:"findings,omitempty"` // what is wrong with the export
}

// Difference is one decision that would have been another one.
type Difference struct {
	Position uint64          `json:"position"`
	At       time.Time       `json:"at"`
	Incident string          `json:"incident"`
	Target   string          `json:"target"`
	Then     incident.Choice `json:"then"`
	Now      incident.Choice `json:"now"`
}

// maxDifferences bounds what is kept of a ledger, however long it is.
const maxDifferences = 1000

// Replay goes through an export of the ledger once and makes each decision on a plan once more by policy p; its memory does not
// grow with the ledger. Without a network, nil, the links are known from the incidents about them. The error is one of reading;
// what is wrong with the ledger itself is among the Findings.
func Replay(from io.Reader, p *policy.Policy, network incident.Inventory) (*Replayed, error) {
	r := &Replayed{Policy: p.Name(), Digest: p.Digest(), WhyUnknown: map[string]int{}, Differences: []Difference{}}
	board, links := incident.NewBoard(), seenLinks{}
	world := incident.World{Policy: p, Inventory: network, Remediators: remediators.All()}
	if network == nil {
		world.Inventory = links
	}
	report, err := ledger.ReadExport(from, func(commit events.Commit) error {
		for _, rec := range commit.Records {
			if o, ok := rec.Body.(events.Opened); ok && o.Target.Kind == events.TargetLink {
				links[o.Target.Name] = o.Target
			}
		}
		for _, d := range incident.Redecide(board, commit, world) {
			r.take(commit, d)
		}
		return board.Apply(commit)
	})
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	r.Commits = report.Entries
	switch {
	case !report.Intact():
		r.Findings = report.Findings
	case r.Commits == 0:
		return nil, errors.New("replay: the export is empty")
	}
	return r, nil
}

// take counts one decision, and keeps it when it differs.
func (r *Replayed) take(c events.Commit, d incident.Redecision) {
	r.Decisions++
	switch {
	case d.Unknown != "":
		r.Unknown++
		r.WhyUnknown[d.Unknown]++
		return
	case d.Now.Same(d.Was):
		r.Same++
		return
	case d.Now.Acts() && !d.Was.Acts():
		r.Acts++
	case d.Was.Acts() && !d.Now.Acts():
		r.Spares++
	default:
		r.Otherwise++
	}
	if len(r.Differences) == maxDifferences {
		r.More++
		return
	}
	r.Differences = append(r.Differences, Difference{Position: c.Position, At: c.At, Incident: d.Incident, Target: d.Target.Key(), Then: d.Was, Now: d.Now})
}

// seenLinks are the links of the network that incidents have been about, by name.
type seenLinks map[string]events.Target

// Resolve knows no resource: what was made of alarms is taken as it was.
func (seenLinks) Resolve(events.Resource) (events.Target, bool) { return events.Target{}, false }

// Link is a link that an incident has been about.
func (n seenLinks) Link(name string) (events.Target, bool) {
	t, ok := n[name]
	return t, ok
}

// Device knows no router: a ledger does not tell their sites, planes and roles.
func (seenLinks) Device(string) (events.Device, bool) { return events.Device{}, false }
