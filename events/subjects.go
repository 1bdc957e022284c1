package events

import "strings"

// Streams on the bus.
const (
	StreamAnomalies = "DETOUR_ANOMALIES"
	StreamRejected  = "DETOUR_REJECTED"
	StreamLedger    = "DETOUR_LEDGER"
)

// Subject prefixes of the streams; each stream takes prefix + ">".
const (
	PrefixAnomalies = "detour.v1.anomalies."
	PrefixRejected  = "detour.v1.rejected."
	PrefixLedger    = "detour.v1.ledger."
)

// Several is the last token of a ledger subject whose commit is not about exactly one incident.
const Several = "_"

// Token makes name fit for one token of a subject: lower case, and anything outside a-z0-9-_ replaced by "_".
func Token(name string) string {
	if name == "" {
		return "_"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, name)
}

// AnomalySubject is where an anomaly is published: detour.v1.anomalies.<domain>.<kind>.<device>. An anomaly that
// names no device carries the name of what it does name in that place.
func AnomalySubject(domain string, a Anomaly) string {
	where := a.Resource.Device
	if where == "" {
		where = a.Resource.String()
	}
	return PrefixAnomalies + Token(domain) + "." + Token(string(a.Kind)) + "." + Token(where)
}

// LedgerSubject is the subject of a commit in domain about incident; incident is "" when it is not about exactly one.
func LedgerSubject(domain, incident string) string {
	if incident == "" {
		incident = Several
	}
	return PrefixLedger + Token(domain) + "." + incident
}
