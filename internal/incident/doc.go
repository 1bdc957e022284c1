// Package incident is the core: one incident's life, and the Board of all of them.
//
// The Board is a fold over the ledger: Apply takes commits in order, is total and deterministic, and gives every replica
// the same Board. Decide looks at a Board and at the World (the time, this replica, what it has seen) and returns data:
// records to append at the Board's position, and commands for the shell. It has no clock, no I/O and no goroutine.
//
// Phases and the records that lead from one to the next stand in one table (Transitions). A record that the table does
// not allow changes nothing, on every replica alike, and freezes the network until a person thaws it. A record of a kind
// that this version does not know makes the replica stop deciding, while it goes on following.
//
// Decide returns either records or commands for an incident, never both: a command rests only on what stands on the
// ledger. So nothing is set without a record, and the fence of a Set is the position of its intent. What an intent will
// lead to once it stands is returned beside it, to be made ready and no more.
//
// What an intent's outcome is, nobody guesses. The owner records applied, refused or unknown. When the owner is silent
// past deadline and margin, any replica records unknown; whoever then looks raises the router's election id to the
// position of that record first, so that the silent owner's Set, should it come at all, is refused.
//
// An undo is verified as a step is: what was taken back counts as undone once the routers' state shows it, and a link counts
// as restored once it is seen in service. Until then a person is called rather than anything closed.
//
// Which policy decides is the World's to say, and it may change. People approve on the terms of the policy that asked them;
// under another they are asked anew. Replicas whose policies differ begin nothing that adds risk (Course).
//
// What a drain would do to the network is computed by the shell and comes with the facts. It must count every drain that has
// been admitted before the decision, seen or not (Board.Besides), so that two drains are never begun that are only safe one
// at a time. It is asked for again for as long as a drain stands.
//
// Faults with one cause are decided as one. The first alarm of a link that shares a declared risk with others waits a moment
// for them; a greedy cover explains the alarms by the fewest groups of links; what is to be drained of a group is judged
// together and drained whole, one link after the other, or not at all. Each link keeps its incident; the first of them speaks
// for the others, and people are asked about it alone.
package incident
