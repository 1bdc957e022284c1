// Package agent is a gNMI target before a router that is made of FRR's isisd and a Linux kernel: OpenConfig in front, a
// daemon's vty and netlink behind.
//
// The agent has no configuration of its own. What it shows as configured is what isisd runs and what the kernel has at
// that moment, so that what a person types at the router, or what isisd forgets when it starts anew, shows here too. If
// isisd does not answer, nothing is shown and nothing is set: UNAVAILABLE.
//
// A Set is one commit of isisd, which is all or nothing by itself, and changes of interfaces, which are not. Where there
// is more than the commit, how to take all of it back is written down before anything is done, and whoever starts the
// agent again takes it back. So is who is master, and how a commit that waits to be confirmed is undone, and when: an
// agent that is killed at any moment leaves a Set done or not done, and fences hold across its restart.
//
// One Set is done at a time; a second one meanwhile is answered with ABORTED, as by a router whose configuration is locked.
//
// What holds of FRR 8.4: an interface has one metric for both families (one topology), which both families' leaves show and
// either of them sets; where none is configured it is 10, and shown as that; metrics 16777214 and 16777215 both leave the
// link in SPF; the metric and the overload bit that are set here do not outlast isisd, since nothing writes its
// configuration file; of which circuits adjacencies are (RFC 5303) it does not tell, and none is shown. How fast an interface
// is stands in the lab's plan: its cable is virtual.
package agent
