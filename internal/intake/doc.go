// Package intake takes anomalies from the bus and gives each back to it only when the caller says so.
//
// All replicas share one durable consumer, so every message goes to one of them at a time, and to another if it is not
// acknowledged in time. The worker acknowledges a delivery once its record stands on the ledger, never before: a
// replica that dies in between costs a redelivery, which the Board knows as a duplicate. One goroutine fetches and parses
// ahead of the worker, a bounded number of messages; what it cannot parse is delivered all the same, with the
// reason, because a message that nobody can read is a fact that must be recorded and set aside (Reject), not dropped.
//
// Any number of replicas may fetch at the same time, and nothing is lost or recorded as new twice. But what several fetch of a storm
// they append at the same positions of one ledger, most of it in vain. So one takes in for all: the first in rank of those that say
// in their beat that they can (bus.Peers.Taking), which they do while their ledger is followed and takes their records, and anomalies
// get through their Intake (Able). Run is called while it is for this replica, and no longer: what was fetched by then and has not
// been handed out is given back at once, what the worker has it records, or gives back as well if it cannot. Whoever is next in rank
// goes on when the first says that it cannot, or ends, or is not heard for some seconds; two that both believe it is for them are no
// less safe, only slower.
//
// An Intake never gives up: it waits for the bus, makes its consumer again if somebody deleted it, and goes on.
package intake
