// Package reroute says how packets go in a lab's topology, and how they go around a link: which links can be taken out of use
// at all, and for which of them and which packets routers may disagree for a while, so that packets go round in circles.
//
// It is written apart from Detour's own what-if, in the plainest way, so that one can be held against the other: all
// distances by relaxing every link until nothing changes, and cycles by walking.
package reroute
