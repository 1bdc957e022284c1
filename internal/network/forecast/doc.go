// Package forecast says what draining a link would do to the network as it stands: how full the links get, what one more
// failure would do then, and what is cut off. It puts together what is configured, what is observed and what traffic there
// is, and lets whatif compute.
//
// Links are drained one or several together: two drains that are each safe alone need not be so at once.
//
// With a traffic matrix the answer is exact: shortest paths of every demand. Without one it is a bound from the measured
// loads of links: no link can gain more than what the drained ones carry, since a shortest path crosses a link once. The
// bound is never too small, and often far too large; what a link that is drained already would carry in service it cannot
// know, and takes to be what it carries now.
//
// Both the links in service and the links drained are computed, with everything else as it is seen, whatever stands now. A
// drain is a soft one (metric 16777214), which leaves a link as the last resort; what has no other way is therefore still
// delivered, over the link that was to be spared, and is what CutOff tells of. Links that somebody has drained before are
// spared in the same way: one drain must not live off another. Hard asks about taking links out of SPF instead (16777215):
// what a failure more then cuts off is part of the answer, with a matrix and without.
//
// How far what is measured can be believed is told beside it: whether both ends of links agree, and whether what comes into a
// router goes out of it again. A router of which not every port is counted says nothing for either.
//
// Address families whose metrics agree on every link share their paths. Where they differ anywhere the network runs multiple
// topologies (RFC 5120): each family's paths are computed by themselves, each with its own traffic, and loads add up on the
// links. The matrix says which traffic is of which family, or the topology what share of it.
//
// Of IS-IS levels one is modelled: the only one that there is, or level 1 where every link is on it, whose routes are
// preferred to those of level 2. Areas joined by level 2, default routes to the nearest attached router (ISO 10589, 7.2.9.2)
// and routes leaked between levels are not: Missing says so, and no drain is decided on such a network without a person.
//
// A Forecaster keeps the last few networks with what it found out about them, and begins anew when anything that paths
// depend on has changed.
package forecast
