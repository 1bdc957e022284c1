// Package intake takes anomalies from the bus and gives each back to it only when the caller says so.
//
// All replicas share one durable consumer, so every message goes to one of them at a time, and to another if it is not
// acknowledged in time. The worker acknowledges a delivery once its record stands on the ledger, never before: a
// replica that dies in between costs a redelivery, which the Board knows as a duplicate. One goroutine fetches and parses
// ahead of the worker, a bounded number of messages; what it cannot parse is delivered all the same, with the
// reason, because a message that nobody can read is a fact that must be recorded and set aside (Reject), not dropped.
//
// An Intake never gives up: it waits for the bus, makes its consumer again if somebody deleted it, and goes on.
package intake
