// Package live tests Detour on real routers: processes of the real binary before a lab of FRR, with packets that cross it.
//
// A test breaks something real, lets the detector notice and Detour act, and asks for the same account as every other: what
// flows have lost, what other routers' link-state databases say of the link, whether the ledger agrees with the routers,
// and that nothing is left drained.
//
// It needs root and FRR, and is left out with a sentence where they are missing, unless DETOUR_LAB=1 demands it, and where
// DETOUR_LAB=0 does not want it:
//
//	DETOUR_LAB=1 go test ./test/lab/live
//
// The network, the link that is broken and the moments at which something is killed are flags; what is chosen at random is
// chosen by -seed, and printed. One run has one lab at a time, of the name that -lab gives: what a run that was killed has
// left, the next one of that name takes away.
package live
