// Package plan lays a topology out as a lab of FRR routers: which namespace, interfaces and addresses each router gets, and
// what stands in its daemons' configuration. It touches nothing; the same topology always gives the same plan.
//
// Router i has the loopback 10.255.0.0/16 plus i and fd00:de70::i; link j has a /30 of 10.64.0.0/10 and the /64
// fd00:de70:1:j::. Interfaces keep their names where Linux can have them, and are eth1, eth2 and so on where it cannot.
package plan
