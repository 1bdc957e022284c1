package policy

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/strict"
)

// Parse reads a policy. name stands in its messages, usually the file's name. Everything wrong is reported at once, each
// complaint with line and column, what is wanted, and a caret.
func Parse(name string, raw []byte) (*Policy, error) {
	p := &Policy{name: name, file: defaults()}
	doc, err := strict.Read(name, raw, &p.file)
	if err != nil {
		return nil, err
	}
	p.doc = doc
	p.normalise()
	v := validator{doc: doc}
	v.rules(p.file.Rules)
	v.budgets(p.file.Budgets)
	v.approvals(p.file.Approvals)
	v.ages(p.file)
	v.clocks(p.file.Clocks)
	v.cause(p.file.Cause)
	v.limits(p.file)
	v.prospect(p.file.Prospect)
	v.keep(p.file.Keep)
	v.windows(p.file.Windows)
	v.checks(p.file.Checks)
	if err := errors.Join(doc.Err(), p.compile(raw)); err != nil {
		return nil, err
	}
	above := ceilings()
	if len(p.conditions) > 0 {
		maps.Copy(above, conditionCeilings()) // they decide only where there are conditions
	}
	p.digest = events.DigestOf(struct {
		Policy  file           `json:"policy"`
		Ceiling map[string]any `json:"ceiling"`
	}{p.file, above})
	return p, nil
}

// normalise fills in what a rule or window leaves out, so that two ways of writing the same policy have one digest.
func (p *Policy) normalise() {
	for i := range p.file.Rules {
		r := &p.file.Rules[i]
		if r.Autonomy == "" {
			r.Autonomy = Shadow
		}
		if r.Match.MinSeverity == "" {
			r.Match.MinSeverity = events.Info
		}
		if len(r.Match.Scopes) == 0 {
			r.Match.Scopes = []events.Scope{events.Network}
		}
		r.When = strings.TrimSpace(r.When)
	}
	for i := range p.file.Checks {
		c := &p.file.Checks[i]
		c.When, c.Require, c.Message = strings.TrimSpace(c.When), strings.TrimSpace(c.Require), strings.TrimSpace(c.Message)
		if c.Otherwise == "" {
			c.Otherwise = events.Deny
		}
	}
	for i := range p.file.Windows {
		w := &p.file.Windows[i]
		if w.Scope == "" {
			w.Scope = events.Network
		}
		if w.Every != "" && w.Zone == "" {
			w.Zone = "UTC"
		}
		w.Start = w.Start.UTC()
	}
	p.scale()
	if p.file.Rules == nil {
		p.file.Rules = []Rule{}
	}
	if p.file.Windows == nil {
		p.file.Windows = []Window{}
	}
}

// scale fits the budgets that the file leaves out to those that it gives: a cap that is raised for the network holds for an
// IGP level too, and a stop threshold never lies where the cap could not be reached.
func (p *Policy) scale() {
	b := &p.file.Budgets
	if !p.doc.Has("budgets.in_flight." + levelKind) {
		b.InFlight[levelKind] = b.InFlight["network"]
	}
	for kind, n := range b.StopAt {
		if !p.doc.Has("budgets.stop_at." + kind) {
			b.StopAt[kind] = max(n, b.InFlight[kind]+1)
		}
	}
}

// validator places complaints in the policy's document.
type validator struct{ doc *strict.Document }

func (v validator) bad(path, format string, args ...any) { v.doc.Bad(path, format, args...) }

// oneOf complains unless value is one of known.
func oneOf[T ~string](v validator, path string, value T, known ...T) {
	if slices.Contains(known, value) {
		return
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	if value == "" {
		v.bad(path, "is missing; want one of %s", strings.Join(names, ", "))
		return
	}
	v.bad(path, "%q is not known; want one of %s", value, strings.Join(names, ", "))
}

// name complains unless value is a short plain name that seen does not have yet, and adds it.
func (v validator) name(path, value string, seen map[string]bool) {
	switch {
	case value == "":
		v.bad(path, "is missing: give a short name, it stands on every record")
	case len(value) > 64 || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		v.bad(path, "%q: want at most 64 bytes without blanks", value)
	case seen[value]:
		v.bad(path, "%q is given twice", value)
	}
	seen[value] = true
}

// scope complains unless value is a scope, or is missing.
func (v validator) scope(path string, value events.Scope) {
	if _, err := events.ParseScope(string(value)); err != nil {
		v.bad(path, "%s", err)
	}
}

// number complains unless low <= value <= high.
func number[T ~int | ~int64](v validator, path string, value, low, high T, why string) {
	if value < low || value > high {
		v.bad(path, "%d: want %d to %d%s", value, low, high, because(why))
	}
}

// span complains unless low <= value <= high.
func (v validator) span(path string, value events.Duration, low, high time.Duration, why string) {
	if value.Std() < low || value.Std() > high {
		v.bad(path, "%s: want %s to %s%s", value, low, high, because(why))
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}
