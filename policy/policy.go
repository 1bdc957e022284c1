package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/strict"
)

// Policy is a policy in force. It is made by Parse, never changes, and may be shared.
type Policy struct {
	name   string
	file   file
	doc    *strict.Document
	digest events.Digest

	conditions conditions // by their text
}

// file is the policy as written, with defaults filled in.
type file struct {
	Rules      []Rule                     `yaml:"rules" json:"rules"`
	Budgets    Budgets                    `yaml:"budgets" json:"budgets"`
	Approvals  Approvals                  `yaml:"approvals" json:"approvals"`
	MaxAge     map[string]events.Duration `yaml:"max_age" json:"max_age"`
	FutureSkew events.Duration            `yaml:"future_skew" json:"future_skew"`
	Clocks     Clocks                     `yaml:"clocks" json:"clocks"`
	Cause      CauseLimits                `yaml:"cause" json:"cause"`
	Facts      FactLimits                 `yaml:"facts" json:"facts"`
	Prospect   ProspectLimits             `yaml:"prospect" json:"prospect"`
	Keep       Keep                       `yaml:"keep" json:"keep"`
	Verify     VerifyLimits               `yaml:"verify" json:"verify"`
	Breaker    Breaker                    `yaml:"breaker" json:"breaker"`
	Windows    []Window                   `yaml:"windows" json:"windows"`
	Checks     []Requirement              `yaml:"checks" json:"checks,omitempty"`
}

// Rule says which remediation answers which anomalies, and how freely.
type Rule struct {
	Name        string          `yaml:"name" json:"name"`
	Match       Match           `yaml:"match" json:"match"`
	When        string          `yaml:"when" json:"when,omitempty"`     // a condition, see Policy.Condition; "" always holds
	Remediation string          `yaml:"remediation" json:"remediation"` // a remediator's name
	With        json.RawMessage `yaml:"with" json:"with,omitempty"`     // its parameters as canonical JSON; nil when none are given
	Autonomy    Autonomy        `yaml:"autonomy" json:"autonomy"`
	Click       bool            `yaml:"click" json:"click,omitempty"` // a click in a chat is enough to approve; else it takes a token, at the command line or by the API
}

// Match says which anomalies a rule answers; all of it must hold.
type Match struct {
	Kinds       []events.AnomalyKind `yaml:"kinds" json:"kinds"`               // one of them; required
	MinSeverity events.Severity      `yaml:"min_severity" json:"min_severity"` // at least as bad; default info
	Scopes      []events.Scope       `yaml:"scopes" json:"scopes"`             // the target lies in one of them; default network
	MinValue    *float64             `yaml:"min_value" json:"min_value,omitempty"`
}

// Autonomy is how freely a rule may act.
type Autonomy string

// The autonomies.
const (
	Shadow  Autonomy = "shadow"  // dry-run whatever the mode: the default
	Approve Autonomy = "approve" // a person approves each plan
	Auto    Autonomy = "auto"    // act when every check passes
)

// Approvals says who approves a plan, how many of them, and how long they have. Expiry means no.
type Approvals struct {
	Quorum int             `yaml:"quorum" json:"quorum"` // distinct people, 1 to 5
	Roles  []string        `yaml:"roles" json:"roles"`   // any of them entitles
	Expiry events.Duration `yaml:"expiry" json:"expiry"`
}

// Budgets bound how much is under mitigation at once, where nothing is begun any more, and how often anything is begun.
type Budgets struct {
	InFlight map[string]int `yaml:"in_flight" json:"in_flight"` // incidents at once in one scope, by kind of scope; level: as network when left out
	StopAt   map[string]int `yaml:"stop_at" json:"stop_at"`     // links out of use in one scope, by kind of scope, at which nothing is begun there; more than in_flight when left out
	Rates    []Rate         `yaml:"rates" json:"rates"`

	// CapacityPermil is how much of the capacity of one scope may be under mitigation at once, by kind of scope, in thousandths
	// of all its links. One link always may, however much of the scope it is.
	CapacityPermil map[string]int `yaml:"capacity_permil" json:"capacity_permil"`
}

// Rate bounds how many mitigations begin within any time of length Per.
type Rate struct {
	Per    events.Duration `yaml:"per" json:"per"`
	AtMost int             `yaml:"at_most" json:"at_most"`
}

// Breaker stops every act that adds risk after mitigations have failed their verification; it closes again when they are
// longer ago than Within.
type Breaker struct {
	FailedVerifications int             `yaml:"failed_verifications" json:"failed_verifications"`
	Within              events.Duration `yaml:"within" json:"within"`
}

// Subject is what an incident is about, as far as a rule asks. What stands below Scopes is for conditions alone, and may
// be left out: who asks for what is not there gets an error, which is a no.
type Subject struct {
	Kind     events.AnomalyKind
	Severity events.Severity
	Value    float64
	Scopes   []events.Scope // of the target

	Now     time.Time       // of the decision
	Anomaly *events.Anomaly // the newest firing one
	Target  events.Target
	Devices []events.Device // the routers at the target's ends
}

// Match returns the first rule that answers s. A rule whose condition cannot be decided counts as answering, so that
// Evaluate denies: the next rule may be a freer one, and is not the answer to an error.
func (p *Policy) Match(s Subject) (Rule, bool) {
	for _, r := range p.file.Rules {
		if r.Match.covers(s) && p.answers(r, s) {
			return r, true
		}
	}
	return Rule{}, false
}

// answers reports whether the rule's condition leaves the rule in question. Before there is a plan, only a condition on
// the alarm and the inventory can tell.
func (p *Policy) answers(r Rule, s Subject) bool {
	c := p.conditions[r.When]
	if c == nil || c.since > given {
		return true
	}
	holds, err := c.holds(s.scene())
	return holds || err != nil
}

func (m Match) covers(s Subject) bool {
	if !slices.Contains(m.Kinds, s.Kind) || s.Severity.Rank() > m.MinSeverity.Rank() {
		return false
	}
	if m.MinValue != nil && s.Value < *m.MinValue {
		return false
	}
	return slices.ContainsFunc(m.Scopes, func(scope events.Scope) bool { return within(scope, s.Scopes) })
}

// within reports whether something with the given scopes lies in scope.
func within(scope events.Scope, scopes []events.Scope) bool {
	return scope == events.Network || slices.Contains(scopes, scope)
}

// Digest identifies everything that the policy decides by: the rules and limits with their defaults, and the ceiling of
// this binary. Formatting and comments of the file do not change it.
func (p *Policy) Digest() events.Digest { return p.digest }

// Name is the name that the policy was parsed under, usually its file's.
func (p *Policy) Name() string { return p.name }

// Rules returns the rules in order.
func (p *Policy) Rules() []Rule { return slices.Clone(p.file.Rules) }

// Approvals returns who approves and until when.
func (p *Policy) Approvals() Approvals { return p.file.Approvals }

// Clocks returns every time that an incident's life is measured by.
func (p *Policy) Clocks() Clocks { return p.file.Clocks }

// Cause returns what makes one fault of several alarms.
func (p *Policy) Cause() CauseLimits { return p.file.Cause }

// Windows returns the policy's maintenance windows.
func (p *Policy) Windows() []Window { return slices.Clone(p.file.Windows) }

// MaxAge is how old an anomaly of a kind may be and still be acted on.
func (p *Policy) MaxAge(k events.AnomalyKind) time.Duration {
	if d, ok := p.file.MaxAge[string(k)]; ok {
		return d.Std()
	}
	return p.file.MaxAge[defaultKey].Std()
}

// FutureSkew is how far an anomaly's time may lie ahead of ours and still be taken for clock skew.
func (p *Policy) FutureSkew() time.Duration { return p.file.FutureSkew.Std() }

// CheckRules asks check about the remediation and parameters of every rule, and places what it says in the policy's file.
func (p *Policy) CheckRules(check func(remediation string, with json.RawMessage) error) error {
	doc := p.doc.Fresh()
	for i, r := range p.file.Rules {
		if err := check(r.Remediation, r.With); err != nil {
			doc.Bad(fmt.Sprintf("rules[%d].with", i), "rule %q: %s", r.Name, err)
		}
	}
	return doc.Err()
}
