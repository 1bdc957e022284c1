// Package bus is the way to NATS: a real server inside this process, and a connection that outlives faults.
//
// An embedded Server keeps JetStream on disk and syncs every write before it acknowledges it, because the server's
// default, a periodic sync, loses acknowledged records in a power cut. One directory belongs to one process: a lock
// held for the life of the server refuses a second one. A Conn never gives up: it reconnects for ever, with jitter so
// that replicas do not come back in step, and it buffers nothing while it is away, so that nothing is sent long after
// it was decided; whoever publishes learns at once that the bus is not there.
//
// Streams belong to the packages that speak through them (ledger, intake).
package bus
