// Package demo shows the whole loop on one machine: a simulated backbone of gNMI routers over loopback TLS, an embedded
// NATS server with JetStream on disk, one replica of the service or two, a fault, and what becomes of it.
//
// Nothing in the loop is simulated but the network: the configuration is written as files and read as the service reads
// them, anomalies are published on the bus, the replica is the one that `detour serve` runs, and what is told in the
// terminal is read from the ledger. Windows and clocks are shortened so that minutes pass in seconds; the demonstration
// says so.
//
// A scenario is a row of Scenarios: what happens, and how it must end. A run ends well only if the incident ended as the
// scenario says, the ledger verifies, and the routers hold what the ledger says.
package demo
