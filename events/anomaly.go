package events

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// AnomalyKind says what telemetry noticed. Kinds outside Kinds are recorded and left to a person.
type AnomalyKind string

// The kinds that Detour knows.
const (
	LinkErrors      AnomalyKind = "link-errors"
	LinkFlap        AnomalyKind = "link-flap"
	LinkDown        AnomalyKind = "link-down"
	OpticalDegrade  AnomalyKind = "optical-degrade"
	SilentLoss      AnomalyKind = "silent-loss"
	Congestion      AnomalyKind = "congestion"
	AdjacencyFlap   AnomalyKind = "adjacency-flap"
	LinecardFault   AnomalyKind = "linecard-fault"
	DeviceUnhealthy AnomalyKind = "device-unhealthy"
	PeerUnhealthy   AnomalyKind = "peer-unhealthy"
)

// Kinds returns every known kind, in the order of the contract.
func Kinds() []AnomalyKind {
	return []AnomalyKind{LinkErrors, LinkFlap, LinkDown, OpticalDegrade, SilentLoss, Congestion, AdjacencyFlap, LinecardFault, DeviceUnhealthy, PeerUnhealthy}
}

// Known reports whether k is one of Kinds.
func (k AnomalyKind) Known() bool { return slices.Contains(Kinds(), k) }

// AnomalyState says whether the symptom is there or has gone.
type AnomalyState string

// The states of an anomaly.
const (
	Firing   AnomalyState = "firing"
	Resolved AnomalyState = "resolved"
)

// Severity orders anomalies by how much they hurt.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical"
	Major    Severity = "major"
	Minor    Severity = "minor"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Severities returns every severity, worst first.
func Severities() []Severity { return []Severity{Critical, Major, Minor, Warning, Info} }

// Rank is 0 for the worst severity and grows as severity falls; an unknown severity ranks below all.
func (s Severity) Rank() int {
	if i := slices.Index(Severities(), s); i >= 0 {
		return i
	}
	return len(Severities())
}

// Worse reports whether s hurts more than t.
func (s Severity) Worse(t Severity) bool { return s.Rank() < t.Rank() }

// Resource names what an anomaly was noticed on: a device, optionally with one of its interfaces, or a link, a LAG
// with a member, a line card, an SRLG or a peer.
type Resource struct {
	Device    string `json:"device,omitempty"`
	Interface string `json:"interface,omitempty"`
	Link      string `json:"link,omitempty"`
	LAG       string `json:"lag,omitempty"`
	Member    string `json:"member,omitempty"`
	Linecard  string `json:"linecard,omitempty"`
	SRLG      string `json:"srlg,omitempty"`
	Peer      string `json:"peer,omitempty"`
}

// String names the resource for people, for example "den/ethernet-1/1" or "link den-kcy".
func (r Resource) String() string {
	switch {
	case r.Link != "":
		return "link " + r.Link
	case r.SRLG != "":
		return "srlg " + r.SRLG
	}
	text := ""
	for _, part := range [...]string{r.Device, r.Linecard, r.LAG, r.Member, r.Interface, r.Peer} {
		switch {
		case text == "":
			text = part
		case part != "":
			text += "/" + part
		}
	}
	return text
}

// Anomaly is the data of a CloudEvent of type TypeAnomaly.
type Anomaly struct {
	Kind       AnomalyKind        `json:"kind"`
	State      AnomalyState       `json:"state"`
	Severity   Severity           `json:"severity"`
	Resource   Resource           `json:"resource"`
	ObservedAt time.Time          `json:"observed_at"`
	Value      float64            `json:"value"`
	Unit       string             `json:"unit,omitempty"`
	Threshold  float64            `json:"threshold,omitempty"`
	Window     string             `json:"window,omitempty"`
	Evidence   map[string]float64 `json:"evidence,omitempty"`
	Labels     map[string]string  `json:"labels,omitempty"`
}

// Bounds on what one anomaly may carry, so that memory and records stay bounded whatever is published.
const (
	MaxEventBytes = 1 << 20 // the largest message read from the bus
	maxName       = 256     // bytes of one name, label, unit or window
	maxEntries    = 64      // entries of evidence and of labels
)

// Validate checks everything that can be checked without knowing the network. The kind may be unknown: that is
// for the caller to treat.
func (a Anomaly) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if a.Kind == "" {
		bad("data.kind is missing")
	}
	if a.State != Firing && a.State != Resolved {
		bad("data.state is %q, want %q or %q", a.State, Firing, Resolved)
	}
	if !slices.Contains(Severities(), a.Severity) {
		bad("data.severity is %q, want one of %v", a.Severity, Severities())
	}
	if a.Resource == (Resource{}) {
		bad("data.resource names nothing: give device (with interface), link, lag, linecard, srlg or peer")
	}
	if a.ObservedAt.IsZero() {
		bad("data.observed_at is missing")
	}
	if a.Window != "" {
		if d, err := time.ParseDuration(a.Window); err != nil || d <= 0 {
			bad("data.window is %q, want a positive duration such as \"30s\"", a.Window)
		}
	}
	if len(a.Evidence) > maxEntries || len(a.Labels) > maxEntries {
		bad("data.evidence and data.labels may have %d entries each", maxEntries)
	}
	for name := range a.names {
		if len(name) > maxName {
			bad("a name in data is %d bytes long, at most %d are taken", len(name), maxName)
			break
		}
	}
	return errors.Join(errs...)
}

// names yields every text in an anomaly whose length nothing else bounds.
func (a *Anomaly) names(yield func(string) bool) {
	r := &a.Resource
	for _, name := range [...]string{string(a.Kind), a.Unit, a.Window, r.Device, r.Interface, r.Link, r.LAG, r.Member, r.Linecard, r.SRLG, r.Peer} {
		if !yield(name) {
			return
		}
	}
	for k := range a.Evidence {
		if !yield(k) {
			return
		}
	}
	for k, v := range a.Labels {
		if !yield(k) || !yield(v) {
			return
		}
	}
}
