// Package e2e attacks Detour as it is deployed: processes of the real binary, a real NATS server, real gNMI connections.
//
// A stage is a backbone of routers that differ in everything that platforms differ in, a bus whose wires can be cut or
// stalled replica by replica, and `detour serve` processes that are killed, stopped and started again. What must hold is
// checked from outside alone: from the routers' own account of every Set that they got, from the stream of the ledger, and
// from what the binary answers. A test makes something go wrong and then asks for the same account as every other (see
// account): no Set without its intent, none twice, none across a freeze, nothing left standing, nothing forgotten.
//
// Times are those of a test's policy, seconds where production has minutes. Nothing asserts how long something took,
// except where a bound is a promise (a freeze holds within one second).
//
// The campaign is seeded and prints its seed; a longer one is
//
//	go test ./test/e2e -run TestCampaign -kills 500 -seed 42 -timeout 60m
package e2e
