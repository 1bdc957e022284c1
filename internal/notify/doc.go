// Package notify tells systems in which nobody answers of incidents and freezes: a pager, a channel of somebody else's chat. What people
// then do, they do at the console, to which every notice links.
//
// There is no queue that could overflow or be lost with a process: the Board is the queue. From an incident as it stands and
// from what was said of it last follows what is to be said now (wantedOf), or that nothing is. That a notice is about to be
// said, by which replica, and that it was, are records (events.Told), so any replica can go on where another ended, and what
// was said is on the ledger. One that records nothing of what it has taken for a while loses it to another, and each time that this
// was in vain the while is twice as long (incident.Telling.Lease): a channel that is away for long costs the ledger little.
//
// So each notice is said at least once, and twice only if a replica dies, or the ledger is away, between the answer and its
// record. A pager knows a notice by its incident and takes the second for the first; a channel shows it again.
//
// What nobody can tell is tried again, ever more seldom, and a system that has had enough is left alone for as long as it
// says. What a system refuses for good is recorded as refused. What is overtaken, because the incident has moved on while the
// system was away, is dropped for what is to be said since. Each of them is counted and logged.
package notify
