// Package checkpoint makes and reads signed statements about how the ledger stood: a checkpoint.
//
// A chain of digests shows that a record was changed only while nobody has recomputed the digests behind it, which whoever
// can write to every copy can. A checkpoint that has left the cluster by then contradicts it: it states how many records
// there were, and the root of the Merkle tree over them (RFC 6962, section 2.1), signed with a key that the bus has never
// seen. The tree follows from the records alone, so every replica comes to the same one, and at the same number of records
// to the same checkpoint, byte for byte.
//
// A root says that something is wrong, not where. So a checkpoint also lists the nodes along the right edge of the tree: each
// of the newest records, up to 256, then each 256 of them, each 65,536, and so on. With a series of checkpoints every record
// has been one of the newest at some time.
//
// Checkpoints are signed notes (golang.org/x/mod/sumdb/note), in the form of the transparency logs' tlog-checkpoint. A key is
// replaced by announcing the new one, and the number of records from which on it signs, in checkpoints that the old one signs
// (Keys): whoever trusts the first key needs no other.
package checkpoint
