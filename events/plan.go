package events

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Mode says whether an incident's plan may touch routers. It is decided once, when the plan is recorded.
type Mode string

// The modes.
const (
	Live   Mode = "live"
	DryRun Mode = "dry-run" // everything but the Set
)

// Value is the value of one configuration leaf: absent, or the leaf's JSON text as RFC 7951 writes it. The zero Value
// is absent. A leaf that could not be read has no Value; facts say so and no plan is made from it.
type Value struct{ text string }

// UintValue is the value of a leaf that holds n.
func UintValue(n uint64) Value { return Value{strconv.FormatUint(n, 10)} }

// JSONValue is the value of a leaf whose JSON text is text, for example `"GLOBAL_METRIC"`.
func JSONValue(text string) Value { return Value{text} }

// Absent reports whether the leaf is not configured.
func (v Value) Absent() bool { return v.text == "" }

// Uint returns the value as a number; ok is false when it is absent or not a number.
func (v Value) Uint() (n uint64, ok bool) {
	n, err := strconv.ParseUint(strings.Trim(v.text, `"`), 10, 64)
	return n, err == nil
}

// JSON returns the leaf's JSON text, "null" when absent.
func (v Value) JSON() string {
	if v.Absent() {
		return "null"
	}
	return v.text
}

// String is the value for people.
func (v Value) String() string {
	if v.Absent() {
		return "absent"
	}
	return v.text
}

// MarshalJSON writes the leaf's own JSON, null when absent.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(v.JSON()), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Value) UnmarshalJSON(raw []byte) error {
	if !json.Valid(raw) {
		return fmt.Errorf("leaf value %q is not JSON", raw)
	}
	v.text = string(raw)
	if v.text == "null" {
		v.text = ""
	}
	return nil
}

// Leaf names one kind of configuration leaf in the trade's words; a platform profile knows its path.
type Leaf string

// ISISMetric is the IS-IS metric of an interface at one level for one address family.
const ISISMetric Leaf = "isis-metric"

// Address families.
const (
	IPv4 = "ipv4"
	IPv6 = "ipv6"
)

// LeafRef names one leaf of one router without naming the router.
type LeafRef struct {
	Leaf      Leaf   `json:"leaf"`
	Interface string `json:"interface"`
	Level     int    `json:"level"`  // 1 or 2
	Family    string `json:"family"` // IPv4 or IPv6
}

// String is the leaf for people, for example "isis-metric ethernet-1/1 L2 ipv4".
func (r LeafRef) String() string {
	return fmt.Sprintf("%s %s L%d %s", r.Leaf, r.Interface, r.Level, r.Family)
}

// Setting is one leaf with its pre-image and the value to set.
type Setting struct {
	LeafRef
	Before Value `json:"before"`
	After  Value `json:"after"`
}

// Change is everything one step sets on one router: one gNMI SetRequest, all or nothing.
type Change struct {
	Device   string    `json:"device"`
	Settings []Setting `json:"settings"`
}

// Undo is the change that puts the pre-images back.
func (c Change) Undo() Change {
	back := Change{Device: c.Device, Settings: make([]Setting, len(c.Settings))}
	for i, s := range c.Settings {
		back.Settings[i] = Setting{LeafRef: s.LeafRef, Before: s.After, After: s.Before}
	}
	return back
}

// Step is what is set together: its changes go out at the same time, to one router each, and the next step waits until
// all of them stand and Settle has passed.
type Step struct {
	Changes []Change `json:"changes"`
	Settle  Duration `json:"settle,omitempty"`
}

// Plan is what a remediator proposes: steps, and what must be seen afterwards. The undo of a step is the pre-images of
// its settings; it is authorised together with the step.
type Plan struct {
	Remediator string   `json:"remediator"`
	Sentence   string   `json:"sentence"` // what it does, for people
	Target     Target   `json:"target"`
	Steps      []Step   `json:"steps"`
	Checks     []string `json:"checks"` // names of the verification checks that must pass, see Verified
	// Together are the plans of other incidents that are carried out with it, for the same cause.
	Together []Companion `json:"together,omitempty"`
}

// Digest identifies exactly this plan; approvals are bound to it.
func (p Plan) Digest() Digest { return DigestOf(p) }

// Devices returns the routers that the plan sets, each once, in order of first appearance.
func (p Plan) Devices() []string {
	var names []string
	seen := map[string]bool{}
	for _, s := range p.Steps {
		for _, c := range s.Changes {
			if !seen[c.Device] {
				seen[c.Device] = true
				names = append(names, c.Device)
			}
		}
	}
	return names
}

// Verification checks that a plan may ask for.
const (
	CheckTrafficLeft  = "traffic-left"   // both directions of the link are below the limit
	CheckSymptomGone  = "symptom-gone"   // the link no longer harms traffic
	CheckNothingBroke = "nothing-broke"  // adjacency still up, nothing else down or over its limit
	CheckAsConfigured = "as-configured"  // every leaf reads back as set, in config and in state
	CheckMetricRaised = "metric-applied" // the state leaves show the metric, whatever traffic does
)

// Verification checks of what was taken back, which no plan has to ask for.
const (
	CheckAsBefore  = "as-before"  // every leaf reads as before the plan, in config and in state
	CheckInService = "in-service" // the link is up with the adjacencies that it had before
)

// TargetKind says what a Target is.
type TargetKind string

// The kinds of target.
const (
	TargetLink   TargetKind = "link"
	TargetDevice TargetKind = "device"
	TargetOther  TargetKind = "other" // LAG member, line card, SRLG or peer: named, and for now left to a person
)

// End is one side of a link.
type End struct {
	Device    string `json:"device"`
	Interface string `json:"interface"`
}

// Device is a router as the inventory has it, as far as a policy asks.
type Device struct {
	Name  string   `json:"name"`
	Site  string   `json:"site,omitempty"`
	Plane string   `json:"plane,omitempty"`
	Roles []string `json:"roles,omitempty"`
}

// Target is the suspected fault: what an incident is about. Two alarms from two ends of a link have one target.
type Target struct {
	Kind     TargetKind `json:"kind"`
	Name     string     `json:"name"`
	Ends     []End      `json:"ends,omitempty"`         // of a link, two, in the topology's order
	Capacity int64      `json:"capacity_bps,omitempty"` // of a link, each direction
	Scopes   []Scope    `json:"scopes"`                 // everything that an act on it counts against
}

// Key identifies the target across incidents, for example "link/den-kcy".
func (t Target) Key() string { return string(t.Kind) + "/" + t.Name }

// Slug is the target's part of an incident's id: a subject token. Links carry their bare name.
func (t Target) Slug() string {
	if t.Kind == TargetLink {
		return Token(t.Name)
	}
	return Token(string(t.Kind) + "-" + t.Name)
}

// Scope is a part of the network that budgets, freezes and windows speak of: "network", or "site:den", "device:den",
// "link:den-kcy", "bundle:den-kcy", "plane:1", "srlg:conduit-7".
type Scope string

// Network is the scope that everything lies in.
const Network Scope = "network"

// ScopeKinds are the words that may stand before the colon of a scope.
func ScopeKinds() []string {
	return []string{"site", "device", "link", "bundle", "site-pair", "plane", "srlg", "level"}
}

// ScopeOf builds a scope, for example ScopeOf("site", "den").
func ScopeOf(kind, name string) Scope { return Scope(kind + ":" + name) }

// Kind is the word before the colon; "network" for Network.
func (s Scope) Kind() string {
	kind, _, _ := strings.Cut(string(s), ":")
	return kind
}

// ParseScope reads a scope that a person wrote; "" means Network.
func ParseScope(text string) (Scope, error) {
	if text == "" || text == string(Network) {
		return Network, nil
	}
	kind, name, ok := strings.Cut(text, ":")
	if ok && name != "" {
		for _, k := range ScopeKinds() {
			if k == kind {
				return Scope(text), nil
			}
		}
	}
	return "", fmt.Errorf("scope %q: want \"network\" or KIND:NAME with KIND one of %v", text, ScopeKinds())
}

// Duration is a time.Duration that is written as Go writes it ("30s") in JSON.
type Duration time.Duration

// Std is the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String is the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the duration as Go writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration such as "30s"; negative ones are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("duration %q: want a non-negative Go duration such as \"30s\"", text)
	}
	*d = Duration(v)
	return nil
}
