package notify

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/incident"
)

// Severity is how bad it is, in a pager's words.
type Severity string

// The severities, worst first. Own is that of the incident.
const (
	Critical Severity = "critical"
	Error    Severity = "error"
	Warning  Severity = "warning"
	Info     Severity = "info"
	Own      Severity = "own"
)

// Severities returns every severity, worst first, and Own.
func Severities() []Severity { return []Severity{Critical, Error, Warning, Info, Own} }

// Situation is what an incident is in, as far as it concerns others.
type Situation string

// The situations.
const (
	Asking  Situation = "asking"  // people are asked, and have not decided
	Waiting Situation = "waiting" // it would act, and something that can change holds it
	Acting  Situation = "acting"  // a mitigation is being set, stands, or is being taken back
	Stuck   Situation = "stuck"   // a person is needed
	Failed  Situation = "failed"  // it ended and has left the fault as it is
	Frozen  Situation = "frozen"  // of no incident: something is frozen, and nothing that adds risk is begun there
)

// Situations returns every situation.
func Situations() []Situation { return []Situation{Asking, Waiting, Acting, Stuck, Failed, Frozen} }

// Action is what a notice does.
type Action string

// The actions.
const (
	Trigger     Action = "trigger"     // call somebody
	Acknowledge Action = "acknowledge" // it is being seen to: a person has decided, or Detour acts
	Resolve     Action = "resolve"     // it is over
)

// Notice is one thing to be said of an incident, or of a freeze. Its texts are clean.
type Notice struct {
	Key       string // of the incident or the freeze, among all domains
	Incident  string // or "freeze of" a scope
	Action    Action
	Situation Situation // of a Trigger
	Severity  Severity  // of a Trigger; never Own
	Anew      bool      // of a Trigger: it was triggered in another situation before, and calls again
	At        time.Time // when it came to stand as it does
	Source    string    // what is wrong is there
	Symptom   string
	Summary   string // one line
	Details   []Detail
	Link      string // to it at the console
}

// Detail is a line with a heading.
type Detail struct{ Name, Text string }

// saying is what is said, and by which it is known whether it has been.
type saying struct {
	action    Action
	situation Situation
	severity  Severity
}

func (s saying) String() string {
	if s.action != Trigger {
		return string(s.action)
	}
	return fmt.Sprintf("%s %s %s", s.action, s.situation, s.severity)
}

// readSaying reads what String wrote; anything else is a saying of nothing.
func readSaying(text string) saying {
	f := strings.Fields(text)
	switch {
	case len(f) == 3 && Action(f[0]) == Trigger:
		return saying{Trigger, Situation(f[1]), Severity(f[2])}
	case len(f) == 1:
		return saying{action: Action(f[0])}
	}
	return saying{}
}

// failedWithin is how long ago an incident may have ended without anything having been said of it for its failure to be said.
const failedWithin = time.Hour

// wantedOf is what is to be said of an incident of which last was said; last itself if there is nothing new.
func wantedOf(i *incident.Incident, when map[Situation]Severity, last saying, now time.Time) saying {
	situation, known := situationOf(i)
	severity, told := when[situation]
	over := i.Phase == incident.Closed
	switch {
	case !known:
		return last // it is on its way somewhere
	case over && last == (saying{}) && now.Sub(i.Changed) > failedWithin:
		return last
	case told:
		if severity == Own {
			severity = severityOf(i.Severity)
		}
		return saying{Trigger, situation, severity}
	case last == saying{} || last.action == Resolve:
		return last
	case over:
		return saying{action: Resolve}
	}
	return saying{action: Acknowledge}
}

// situationOf is what an incident is in, "" if it concerns nobody else; known is false while it is between two.
func situationOf(i *incident.Incident) (s Situation, known bool) {
	if i.Cause != nil && i.Cause.Lead != i.ID && i.Phase != incident.Stuck {
		return "", true // another speaks for it
	}
	switch i.Phase {
	case incident.None, incident.Open:
		return "", false
	case incident.Waiting:
		return Waiting, true
	case incident.Asking:
		if i.Rejection == nil && !i.Lapsed && i.Abort == nil && !i.Quorum() {
			return Asking, true
		}
		return "", true
	case incident.Stuck:
		return Stuck, true
	case incident.Closed:
		switch i.End.Outcome {
		case events.WasRefused, events.HasLapsed, events.RolledBack, events.WasLost, events.LeftAlone, events.LetGo:
			return Failed, true
		}
		return "", true
	}
	return Acting, true
}

// severityOf puts an incident's severity in a pager's words.
func severityOf(s events.Severity) Severity {
	switch s {
	case events.Critical:
		return Critical
	case events.Major:
		return Error
	case events.Info:
		return Info
	}
	return Warning
}

// Bounds of a notice, in characters and in lines.
const (
	maxSummary = 1000
	maxDetails = 20
)

// add adds a line, unless there is nothing to say, or no room.
func (n *Notice) add(name, text string) {
	if text != "" && len(n.Details) < maxDetails {
		n.Details = append(n.Details, Detail{name, clean.Text(text)})
	}
}

// noticeOf puts into words what is to be said.
func (s *Sender) noticeOf(b *incident.Board, i *incident.Incident, want, last saying) Notice {
	why, _ := b.Why(i.ID)
	n := Notice{
		Key: s.Domain + "/" + i.ID, Incident: clean.Text(i.ID), Action: want.action, Situation: want.situation, Severity: want.severity,
		Anew: last.action == Acknowledge || last.action == Trigger && last.situation != want.situation,
		At:   i.Changed, Source: clean.Text(i.Target.Key()), Symptom: clean.Text(string(i.Symptom)),
		Summary: clean.Cut(clean.Text(fmt.Sprintf("%s: %s, %s on %s: %s", i.ID, i.Symptom, i.Severity, i.Target.Key(), why.Sentence)), maxSummary),
		Link:    s.Console + "/incidents/" + url.PathEscape(i.ID),
	}
	n.Anew = n.Anew && n.Action == Trigger
	add := n.add
	add("where it stands", string(i.Phase)+": "+why.Sentence)
	if i.Plan != nil {
		add("plan", i.Plan.Plan.Sentence)
		add("terms", fmt.Sprintf("digest %s, %s (%s), rule %s", i.Plan.Digest.Short(), i.Plan.Mode, i.Plan.ModeWhy, i.Plan.Rule))
	}
	for _, c := range why.Held {
		add("held by "+clean.Text(c.Name), fmt.Sprintf("%s, limit %s; %s", c.Value, c.Limit, c.Detail))
	}
	for _, u := range why.Unblock {
		add("what would change it", u)
	}
	return n
}
