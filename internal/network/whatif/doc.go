// Package whatif computes where IS-IS sends traffic, how full every link gets, and what a change or a failure would do to
// that: exactly, and in the same way to the last bit on every machine.
//
// A Spec is one network as one level and address family of IS-IS sees it, with the traffic offered to it. New makes a Net
// of it, which never changes. Net.Solve gives the State of now; State.Apply gives the State after a Change; Survive says
// what one more failure would do in either.
//
// # Semantics
//
// Paths are shortest by metric, one per direction of a link. A direction with metric 16777215 is never used, one with
// 16777214 is used like any other, which makes it the last resort (RFC 5305, section 3). A direction with metric 0 is not
// advertised, and then neither is used (two-way check). An overloaded node is reached but not transited (ISO 10589,
// 7.2.8.1). What costs 0xFE000000 or more is unreachable. Traffic splits at every node equally over its next hops;
// parallel links are next hops of their own.
//
// # Exactness
//
// Traffic is counted in integers of 1/1024 bit/s. What a node cannot divide evenly goes, unit by unit, to its first next
// hops in the order of link names, so nothing is created or lost, and sums do not depend on the order of summing. Each
// node's split is within one unit of the rational one; an arc's load is therefore within (arcs x destinations)/4096
// bit/s of it at worst, and in practice far within one. Loads are reported rounded to the nearest bit/s, utilisations
// in permil, rounded up. Nodes and links are put in the order of their names first, and a link's ends likewise, so the
// order in which a Spec lists things changes nothing.
//
// # How it is fast
//
// Per destination there is one row: every node's distance, the traffic at it, and a bit per arc for the next hops. A state
// shares the rows that a change leaves alone with the state it came from. A row is affected only when an arc made worse
// carries one of its bits, or an arc made better would tie; rows that only get worse are repaired, touching the nodes whose
// paths change and those whose traffic does, and the others are solved anew. Failures are evaluated in the same way without
// keeping the rows, many side by side: where they send traffic most of them go the same ways (see lanes).
//
// Bounds spare most of that. Taking things away adds at most the traffic moved to any arc, because a shortest path crosses
// an arc once; and for a drain and a failure together the loads add up, but for the traffic that meets both (see slack). A
// Survey keeps, for every failure, the loads that it changes by more than a trifle, so that a drain mostly costs one look at
// those that each failure fills most. For a failure that this leaves open, what meets both counts only for the directions that
// it can come by (see ways); the destinations where the two meet are computed, those that may matter most first, until the rest
// cannot matter, or all where the two can do together, to a direction in doubt, what neither does alone: then the sum is exact,
// and the failure known. These are few, since only who loses all next hops gets others. In each the row is repaired for the
// failure and, on top of that, for the drain. What is open still is computed whole, the worst first. What cannot break a limit and cannot be the worst is thus left alone; with Limits.Bound the worst is only
// bounded as well. Bounds only spare work: whatever is reported comes of exact paths, but for Survival.AtMost then.
//
// Of a network that runs several topologies over its links (RFC 5120) each is a Net, a layer. SurveyLayers takes them together:
// a row belongs to one layer and goes by its metrics, and loads are those of all layers. The bounds hold as they are, since they
// are sums over rows; where a change makes an arc worse in one layer that another uses as before, only the plain one is used.
//
// # Memory
//
// A state takes about 13 bytes for each node and destination, at most 3.5 GiB by New's bounds; a state made by Apply only
// that of its affected rows. A Survey takes 12 bytes per failure and arc that it matters to, and little more than one per
// failure and link, up to the limit that it is given, and while it is made as much for up to 64 failures a processor more. Evaluating
// failures takes 256 bytes per arc and 512 per node beside that, on each processor.
// Work that is spread over processors is spread so that no result depends on how.
package whatif
