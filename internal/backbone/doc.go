// Package backbone is a network of simulated routers that behaves: one gNMI server for each router, with its own listener
// and certificate, and behind them one network whose forwarding follows from what is configured on them.
//
// It serves the demonstration, tests, and whoever points another gNMI client at it. It is not a mock: a Set is validated
// against the OpenConfig schema and committed or refused as a whole; a committed metric changes shortest paths; traffic
// moves; counters follow the traffic; a sick link loses packets of the flows that still cross it.
//
// The parts:
//   - flow computes shortest paths and pushes traffic along them; fabric adds links that fail, time and counters;
//     model is the schema and the leaves of data. None of them knows of gNMI.
//   - target is gNMI's manners, for any device that shows leaves; authority signs certificates. Both serve other routers too.
//   - A Router holds three configurations: what is shown as configured, what the hardware was really programmed with, and
//     what survives a reboot. They differ only when a test or the router's Options want so.
//   - A session of a router's gNMI server reads leaves (Get, Subscribe) or commits (Set). State leaves are computed when
//     they are read.
//   - Routers may take their time to learn of a change (Config.Convergence), each its own; what loops meanwhile is counted.
//   - Injections make a router misbehave in the ways real ones were seen to; see Router.OnSet.
//
// One mutex guards the network: all routers' configurations, the fabric, and the account of every Set. It is held for
// microseconds, never over a wait. Whatever happens closes one broadcast channel, which Subscribe streams and
// Network.Changed share. One goroutine lets happen what is due by itself: automatic rollbacks, flaps, convergence.
package backbone
