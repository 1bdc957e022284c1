// Package device speaks gNMI with the routers: it reads what a decision rests on, sends what a recorded intent asks for,
// and says what became of it in the ledger's words.
//
// A Fleet holds one session per router of the inventory: one long-lived TLS channel with credentials in each RPC's
// metadata, one Subscribe stream for counters and one for states, and a lock that lets one actuation at a time
// through. What the streams bring stands in a cache with the time at which it was heard; what is missing or stale is
// unknown, never good. In steady state nothing is polled.
//
// A Set has exactly one of three endings, told apart in classify.go and nowhere else: applied, certainly not applied, or
// unknown. Whether a request had left this process is observed at the transport, not guessed from an error's text; an
// acknowledgement is believed only after the router has been read back. Nothing is ever sent again here: whoever
// follows the ledger looks at the router first and then decides.
//
// What a platform is like (paths, encodings, limits, which extensions may be sent) stands in its profile, one entry of
// one table. Callers speak of events.LeafRef and events.Value only.
package device
