// Package events is the vocabulary: everything that arrives on the bus or is recorded on the ledger.
//
// An Anomaly is what telemetry noticed, carried in a CloudEvent. A Record is one thing that happened or was decided; its
// kind is a past participle. Records that were decided together form a Commit: one message, one position on the
// ledger, bound to the commit before it by a digest. Whatever a decision rests on (the plan, the facts, the checks
// with value and limit) is part of the vocabulary, so that a decision can be replayed from the ledger alone.
//
// The package has no clock, no I/O and no state. Decoding is strict: what does not parse is named, never guessed.
// Only a record of a kind that this version does not know is kept as it came (see Foreign), because a newer replica
// may have written it and the chain must still verify.
package events
