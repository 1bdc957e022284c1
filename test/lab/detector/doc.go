// Package detector makes anomalies of what a lab's routers tell, as an operator's telemetry pipeline does: it follows the
// routers' agents over gNMI, probes every link, and publishes what fires and what is over.
//
// Three things are listened to. Counters, sampled: frames in error make link-errors. Oper status, as it changes: too many
// changes make link-flap. The overload bit, as it changes: device-unhealthy. Probes are packets between the two ends of a
// link, bound to it: a link that loses most of them while no counter tells of it is a black hole, silent-loss.
//
// An anomaly begins and ends by different rules. It begins with a ratio over a short window, and ends once so many packets
// in a row had no error that a smaller ratio is likely (the rule of three: 3/r packets without an error make a ratio above
// r unlikely, at 95 %). A drained link has next to no packets of its own, so links under suspicion are probed harder. Where
// no evidence comes, nothing begins and nothing ends.
//
// Judge decides, and has no clock; Prober and Follow feed it; Run joins them and publishes.
package detector
