package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/chatops/clean"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/web/api"
	"github.com/detour-net/detour/policy"
)

// page writes one incident so that somebody who was woken by it understands it from top to bottom: what is wrong, where
// it stands, what would change that, the plan, why it was allowed, what was set and seen, and the record.
type page struct {
	buf   bytes.Buffer
	style style
	i     api.Incident
}

// writeIncident writes the whole page.
func writeIncident(w io.Writer, s style, i api.Incident, history api.History) error {
	p := &page{style: s, i: i}
	p.head()
	p.plan()
	p.verdict()
	p.checks(ruledWhen(i), i.Ruling != nil, func() (string, []events.Check) {
		return fmt.Sprintf("%s, rule %s, policy %s", i.Ruling.Verdict, dash(i.Ruling.Rule), i.Ruling.Policy.Short()), i.Ruling.Checks
	})
	p.people()
	p.routers()
	p.checks("checks after acting", i.Verified != nil, func() (string, []events.Check) {
		return map[bool]string{true: "passed", false: "failed"}[i.Verified.Pass], i.Verified.Checks
	})
	p.life()
	p.record(history)
	if _, err := w.Write(p.buf.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (p *page) line(format string, args ...any) { _ = write(&p.buf, format+"\n", args...) }

func (p *page) title(text string) {
	p.line("\n%s", p.style.in(bold, strings.ToUpper(text)))
}

// row is the cells of one row: texts, or painted ones.
type row []any

// columns writes rows below each other, indented.
func (p *page) columns(rows []row) {
	w := tabwriter.NewWriter(&p.buf, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		_ = write(w, "  "+strings.TrimSuffix(strings.Repeat("%s\t", len(r)), "\t")+"\n", r...)
	}
	w.Flush() // into memory
}

func (p *page) head() {
	i := p.i
	state := "clear"
	if i.Firing {
		state = "firing"
	}
	mode := ""
	if i.Plan != nil {
		mode = string(i.Plan.Mode)
	}
	p.line("%s  %s  %s", p.style.in(bold, i.ID), p.style.in(phasePaint(i.Phase), string(i.Phase)), mode)
	p.line("%s %s on %s, %s", p.style.in(severityPaint(i.Severity), string(i.Severity)), i.Symptom, i.Target.Key(), state)
	p.line("%s", i.Sentence)
	rows := []row{{"opened", stamp(i.Opened)}, {"in this phase since", stamp(i.Changed)}, {"events", fmt.Sprint(i.Events)}, {"Sets sent", fmt.Sprint(i.Sets)}}
	if i.Cause != nil {
		rows = append(rows, row{"one cause", fmt.Sprintf("%s, %d of %d links alarmed", i.Cause.Scope, i.Cause.Alarmed, i.Cause.Links)}, row{"decided with", i.Cause.Lead})
		for _, id := range i.Children {
			rows = append(rows, row{"speaks for", id})
		}
	}
	for _, e := range i.Target.Ends {
		rows = append(rows, row{"end", e.Device + " " + e.Interface})
	}
	p.line("")
	p.columns(rows)
	if len(i.Unblock) > 0 {
		p.title("what would change it")
		for _, u := range i.Unblock {
			p.line("  %s", u)
		}
	}
}

func (p *page) plan() {
	if p.i.Plan == nil {
		return
	}
	p.title("plan")
	p.line("  %s", p.i.Plan.Plan.Sentence)
	p.columns([]row{
		{"digest", string(p.i.Plan.Digest)},
		{"made by", fmt.Sprintf("%s, rule %s", p.i.Plan.Plan.Remediator, p.i.Plan.Rule)},
		{"mode", fmt.Sprintf("%s (%s)", p.i.Plan.Mode, p.i.Plan.ModeWhy)},
		{"rests on", "what was seen at " + stamp(p.i.Plan.Facts.At)},
	})
	for _, c := range p.i.Plan.Plan.Together {
		p.line("  with it %s, plan %s", c.Incident, c.Plan.Short())
	}
}

// verdict writes what the drain does to the network, as it was decided on, and as it was computed last.
func (p *page) verdict() {
	if p.i.Verdict == nil {
		return
	}
	v := *p.i.Verdict
	p.title("verdict")
	p.line("  %s", v.Sentence)
	if v.Prospect.Missing == "" {
		rows := []row{{"", "in service", "drained"}}
		for _, r := range outlooks(v.Prospect) {
			rows = append(rows, row{r[0], dash(r[1]), dash(r[2])})
		}
		p.columns(append(rows, row{"new violations", "-", fmt.Sprint(v.Prospect.NewViolations)}))
		p.line("  %s", basis(v.Prospect))
	}
	if now := p.i.Now; now != nil {
		p.line("  at %s: %s", stamp(now.At), now.Sentence)
	}
}

// basis says what a verdict rests on.
func basis(p *events.Prospect) string {
	text := fmt.Sprintf("%s, on what was seen at %s, inputs %s", p.Method, stamp(p.At), p.Inputs.Short())
	if p.Matrix != "" {
		text += fmt.Sprintf(", matrix %s of %s, which explains %d of %d loads", p.Matrix, stamp(p.MatrixAt), p.Fit.Close, p.Fit.Links)
	}
	if len(p.Besides) > 0 {
		text += ", beside " + strings.Join(p.Besides, ", ")
	}
	return text
}

// ruledWhen says when the newest ruling was made: a drain that stands is ruled on too, and so is putting it back.
func ruledWhen(i api.Incident) string {
	has := func(name string) bool {
		return i.Ruling != nil && slices.ContainsFunc(i.Ruling.Checks, func(c events.Check) bool { return c.Name == name })
	}
	switch {
	case i.Hold != nil && has(policy.CheckBearable):
		return "checks while it stands"
	case i.Hold != nil && has(policy.CheckPlan) && !has(policy.CheckApproval):
		return "checks before putting back"
	}
	return "checks before acting"
}

// checks writes every check with value and limit; of a failed one also why and what would help.
func (p *page) checks(title string, there bool, what func() (string, []events.Check)) {
	if !there {
		return
	}
	verdict, list := what()
	p.title(title)
	p.line("  %s", verdict)
	rows := []row{}
	for _, c := range list {
		rows = append(rows, row{p.mark(c.OK), c.Name, dash(c.Value), "limit " + dash(c.Limit)})
	}
	p.columns(rows)
	for _, c := range list {
		if !c.OK && c.Detail != "" {
			p.line("  %s: %s", c.Name, c.Detail)
		}
		if !c.OK && c.Remedy != "" {
			p.line("  %s", c.Remedy)
		}
	}
}

func (p *page) mark(ok bool) painted {
	if ok {
		return p.style.in(green, "ok")
	}
	return p.style.in(red, "NO")
}

// people says who was asked and who decided.
func (p *page) people() {
	i := p.i
	if i.Ask == nil && i.Abort == nil && (i.Release == nil || i.Release.By == nil) {
		return
	}
	p.title("people")
	if i.Ask != nil {
		p.line("  asked: %d with one of the roles %v, until %s, about plan %s%s", i.Ask.Quorum, i.Ask.Roles, stamp(i.Ask.Expires), i.Ask.Plan.Short(), forChecks(i.Ask.Checks))
	}
	for _, a := range i.Approvals {
		p.line("  approved by %s, plan %s", who(a.By), a.Plan.Short())
	}
	if i.Rejection != nil {
		p.line("  rejected by %s: %s", who(i.Rejection.By), dash(i.Rejection.Reason))
	}
	if i.Lapsed {
		p.line("  lapsed: nobody decided in time")
	}
	if i.Abort != nil {
		p.line("  aborted by %s: %s", who(i.Abort.By), dash(i.Abort.Reason))
	}
	if i.Release != nil && i.Release.By != nil {
		p.line("  undrain ordered by %s: %s", who(*i.Release.By), dash(i.Release.Why))
	}
}

// forChecks says for which checks a person is asked.
func forChecks(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", for " + strings.Join(names, ", ")
}

// routers says of every leaf how it stood, what the plan sets, and how the router was last seen to stand.
func (p *page) routers() {
	if p.i.Plan == nil || len(p.i.Steps) == 0 {
		return
	}
	p.title("routers")
	rows := []row{{"step", "router", "leaf", "before -> after", "router holds"}}
	for s, step := range p.i.Plan.Plan.Steps {
		for n, change := range step.Changes {
			for _, set := range change.Settings {
				rows = append(rows, row{fmt.Sprint(s + 1), change.Device, set.LeafRef.String(), fmt.Sprintf("%s -> %s", set.Before, set.After), p.holds(p.i.Steps[s][n], set)})
			}
		}
	}
	p.columns(rows)
	if r := p.i.Refusal; r != nil {
		p.line("  last refusal: %s", sentence(*r, &p.i.Plan.Plan))
	}
}

// holds says what a router is known to hold of one leaf.
func (p *page) holds(state incident.ChangeState, set events.Setting) painted {
	switch {
	case !p.i.Live():
		return "untouched: dry run"
	case state.Pending:
		return "being set"
	case state.Doubt > 0:
		return p.style.in(red, fmt.Sprintf("nobody can tell, since position %d", state.Doubt))
	}
	armed := ""
	if state.Armed {
		armed = ", to be confirmed or it rolls back"
	}
	switch state.Seen {
	case events.SeenAfter:
		return p.style.in(green, set.After.String()) + painted(armed)
	case events.SeenBefore:
		return painted(clean.Line(set.Before.String()))
	}
	return p.style.in(red, "something else: somebody changed it")
}

// life says what comes after the act.
func (p *page) life() {
	i := p.i
	var rows []row
	if i.Hold != nil {
		rows = append(rows, row{"held until", stamp(i.Hold.Until) + " at the earliest"}, row{"expires", stamp(i.Hold.Expires)}, row{"drain", fmt.Sprintf("%d of this incident", i.Hold.Cycle)})
	}
	if !i.Watch.IsZero() {
		rows = append(rows, row{"watched until", stamp(i.Watch)})
	}
	if i.Trouble != nil && i.Phase == incident.Stuck {
		rows = append(rows, row{"stuck", i.Trouble.Why})
	}
	if i.End != nil {
		rows = append(rows, row{"ended", fmt.Sprintf("%s: %s", i.End.Outcome, i.End.Reason)})
		if !i.End.CoolDown.IsZero() {
			rows = append(rows, row{"cools down until", stamp(i.End.CoolDown)})
		}
	}
	if len(rows) > 0 {
		p.title("after that")
		p.columns(rows)
	}
}

func (p *page) record(h api.History) {
	if len(h.Entries) == 0 {
		return
	}
	p.title("record")
	if h.Earlier > 0 {
		p.line("  %d earlier commits are left out: detour ledger export", h.Earlier)
	}
	var rows []row
	var plan *events.Plan // as of the entry
	for _, e := range h.Entries {
		what := "not readable by this version"
		if body, err := e.Record(); err == nil {
			if planned, ok := body.(events.Planned); ok {
				plan = &planned.Plan
			}
			what = sentence(body, plan)
		}
		rows = append(rows, row{fmt.Sprintf("#%d", e.Position), e.At.UTC().Format("15:04:05.000"), e.By, string(e.Kind), what})
	}
	p.columns(rows)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// who is a person with the channel that they used.
func who(p events.Person) string {
	if p.Via == "" {
		return p.Name
	}
	return p.Name + " via " + p.Via
}
