// Package worker is the one loop: follow the ledger, fold the Board, decide, append, and do what stands on the ledger.
//
// Any number of workers run over one ledger, with no leader. Each folds the same Board; whoever first appends at the
// position that it decided from has decided, the others read on and decide again. An event from the bus is acknowledged
// only after the record of what was made of it stands. Observations, Sets and look-ups run beside the loop; what comes of
// them is handed to the next decision.
//
// The way from an anomaly to a Set is one commit: when an arrived event would open an incident, its target is seen before
// the first record is written, so that observed, opened, planned, ruled, admitted and intended stand or fall together. It is
// decided on what its routers have told of their configuration, and read, for at most Prefetch, where they do not tell. A storm
// waits for no router: it is recorded in groups, and one gathers for about as long as the write of the one before took. While
// a commit is written, what its intents lead to is made ready behind a gate: the router's turn is taken, its leaves are read
// and compared, the request is built; it leaves only when the commit stands, and is dropped, as if it had never been, when
// that does not. That it was acknowledged is no more than a word: what adds risk leaves once the commit was read back.
//
// Peers share the work without an election: one takes in what arrives (package intake tells how that is found out), and an incident is
// pursued by the owner of its newest intent, or, while that one is not heard, by the first of those that are. That is an economy: if it
// is wrong, two workers decide the same and one of them loses the append. What has arrived at a worker that decides nothing, ends, or
// cannot write while another takes in, it gives back to the bus, and another has it at once. Whether all that run decide by one policy is
// no economy: there silence says nothing until it is sure that whoever is silent is gone.
//
// The policy may change while the loop runs. What its file holds is handed over by Offer, put on the ledger, and in force once
// that record is folded: between two decisions, and never without a record. What had been seen until then is seen anew,
// since forecasts rest on the policy's limits. What cannot be used is recorded too, and changes nothing.
//
// While the ledger cannot be written, nothing new is begun. One thing is still done: a worker takes back a drain of its own
// of which a step has failed, or the verification, or the time to go on, because the intent on the ledger authorises it: all
// steps that stand, the last first. It goes by what it knows: what came of its Sets counts although it could not be written.
// It records all of it when the ledger is back.
package worker
